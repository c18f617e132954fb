"""Runs hostile files in a process of its own, where every import, opening and call is heard.

An audit hook cannot be taken off again, so these run beside the tests, not in them: the test
starts ``python guard.py pickles|models|weights NUMBER`` and reads what was found as JSON.
"""

import contextlib
import json
import pickle
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

FOLDERS = ('..', '../bad_inputs', '../engine', '../datasets', '../..')
#: Of everything that Python tells audit hooks these are looked at.
_HEARD = (
    'import', 'open', 'exec', 'compile', 'os.', 'subprocess.', 'socket.', 'shutil.', 'ctypes.',
    'urllib.', 'http.', 'ftplib.', 'smtplib.', 'webbrowser.', 'pty.', 'marshal.', 'tempfile.',
    'signal.', 'sys.addaudithook', 'code.__new__', 'builtins.input', 'glob.',
)  # fmt: skip
#: What reading a file does anyway, of these.
_QUIET = ('os.scandir', 'os.listdir', 'os.putenv', 'object.__getattr__')


class Guard:
    """Hears what this process does, from :meth:`listen` on.

    Args:
        allowed (Iterable[str]): files that may be opened for reading.
    """

    def __init__(self, allowed: Iterable[str]):
        self.allowed = {str(Path(path).resolve()) for path in allowed}
        self.heard: list[str] = []
        self.on = False

    def listen(self) -> None:
        sys.addaudithook(self._hear)
        self.on = True

    def control(self) -> list[str]:
        """Start to listen, and hear what a careless reader would do."""
        self.listen()
        with contextlib.suppress(FileNotFoundError, ModuleNotFoundError):
            pickle.loads(b'cbuiltins\nopen\n(Vno such file\ntR.')
        with contextlib.suppress(ModuleNotFoundError):
            pickle.loads(b'cno_such_module\nf\n.')
        self.on = False
        heard, self.heard = self.heard, []
        return heard

    def _hear(self, event: str, arguments: tuple) -> None:
        if not self.on or not event.startswith(_HEARD) or event in _QUIET:
            return
        if event == 'import' and arguments[0] in sys.modules:
            return
        if event == 'open' and self._may_be_opened(*arguments[:2]):
            return
        self.heard.append(f'{event} {[str(a)[:120] for a in arguments]}')

    def _may_be_opened(self, path: object, mode: object) -> bool:
        if not isinstance(path, str | bytes) or (mode or 'r') not in ('r', 'rb'):
            return False
        name = path.decode() if isinstance(path, bytes) else path
        return str(Path(name).resolve()) in self.allowed


def examine(
    cases: Iterable[tuple[str, bytes]], read: Callable[[Path], object], path: Path, guard: Guard
) -> dict:
    """Read all the files; says how it went.

    Args:
        cases (Iterable): name and content of every file.
        read (Callable): reads a file, raises ``ValueError`` or ``FileNotFoundError``.
        path (Path): where the files are put.
        guard (Guard): hears what reading does.

    Returns:
        dict: numbers of files ``read`` and ``refused``; ``heard`` and ``raised``, what must not be;
        ``gigabytes``, the most memory that this process has had.
    """
    told = {'read': 0, 'refused': 0, 'heard': [], 'raised': [], 'control': guard.control()}
    for name, content in cases:
        guard.on = False
        path.write_bytes(content)
        guard.on = True
        try:
            read(path)
            told['read'] += 1
        except (ValueError, FileNotFoundError) as error:
            guard.on = False
            # The whole message can be made, and is of a length that can be read.
            if len(str(error)) > 20_000:
                told['raised'].append(f'{name}: a message of {len(str(error))} characters')
            told['refused'] += 1
        except BaseException as error:
            told['raised'].append(f'{name}: {type(error).__name__} {str(error)[:200]}')
        guard.on = False
        told['heard'] += [f'{name}: {event}' for event in guard.heard]
        guard.heard.clear()
    told['gigabytes'] = peak_memory()
    return told


def peak_memory() -> float:
    """The most memory that this process has had, in GiB; ``ru_maxrss`` has its parent's too."""
    _, _, rest = Path('/proc/self/status').read_text().partition('VmHWM:')
    return int(rest.split()[0]) / 2**20


def main(kind: str, number: int) -> None:
    here = Path(__file__).parent
    sys.path[:0] = [str((here / folder).resolve()) for folder in FOLDERS] + [str(here)]
    with tempfile.TemporaryDirectory() as folder:
        if kind == 'models':
            import hostile_models as hostile
        elif kind == 'weights':
            import hostile_weights as hostile
        else:
            import hostile_pickles as hostile
        told = hostile.run(Path(folder), number)
    print(json.dumps(told))


if __name__ == '__main__':
    main(sys.argv[1], int(sys.argv[2]))
