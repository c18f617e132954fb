"""A folder that is watched: every image is answered exactly once, whatever stops the program.

What has been answered stands in the results themselves: JSON lines, each written by one call and
forced to the disk before the next image. A program that is killed leaves whole lines and perhaps a
part of one, which is cut off at the next start. A CSV file is made anew from the lines at the
start, so that both agree.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from mmvrec_runtime.files import atomic_write, folder_images
from mmvrec_runtime.outputs import csv_lines, json_line

try:
    import fcntl
except ImportError:  # Windows: there the file is not shared for writing.
    fcntl = None


class State(NamedTuple):
    """What tells one content of a file from another.

    Args:
        image (str): path in the folder, with slashes.
        size (int): bytes.
        modified_ns (int): time of the last change, nanoseconds.
    """

    image: str
    size: int
    modified_ns: int


class ResultLog:
    """The results of a watched folder, one line of JSON an image.

    Args:
        path (str | Path): the file, which may exist; its folder is created.
        table (str | Path, optional): a CSV file of the same. Defaults to None.

    Raises:
        ValueError: another program writes to it, or it has other lines.
    """

    def __init__(self, path: str | Path, table: str | Path | None = None):
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open('ab+', buffering=0)
        _lock(self._file, path)
        self._cut_partial_line()
        results = list(self._lines(path))
        #: What has been answered.
        self.answered = {State(*(r[field] for field in State._fields)) for r in results}
        self._table = None
        if table is not None:
            with atomic_write(table) as temporary:
                lines = [csv_lines(None), *map(csv_lines, results)]
                temporary.write_text(''.join(lines), encoding='utf-8', newline='')
            self._table = Path(table).open('a', encoding='utf-8', newline='')  # noqa: SIM115

    def append(self, state: State, answer: dict) -> None:
        """Write the answer to an image: on the disk when this returns.

        Args:
            state (State): of the image.
            answer (dict): ``instances``, and ``error`` of a broken image.
        """
        result = {**state._asdict(), **answer}
        line = json_line(result).encode()
        if os.write(self._file.fileno(), line) != len(line):
            self._cut_partial_line()
            raise OSError('the disk is full: a result could not be written')
        os.fsync(self._file.fileno())
        self.answered.add(state)
        if self._table is not None:
            self._table.write(csv_lines(result))
            self._table.flush()

    def close(self) -> None:
        """Close the files; another program may write to them then."""
        self._file.close()
        if self._table is not None:
            self._table.close()

    def _cut_partial_line(self) -> None:
        end = self._file.seek(0, os.SEEK_END)
        while end:
            begin = max(end - 2**16, 0)
            self._file.seek(begin)
            newline = self._file.read(end - begin).rfind(b'\n')
            if newline >= 0:
                end = begin + newline + 1
                break
            end = begin
        self._file.truncate(end)

    def _lines(self, path: Path) -> Iterator[dict]:
        self._file.seek(0)
        for number, line in enumerate(self._file.readlines(), start=1):
            try:
                result = json.loads(line)
                State(*(result[field] for field in State._fields)), result['instances']
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(
                    f'{path}, line {number} is no result of a watched folder ({error!r}); name '
                    'another file'
                ) from error
            yield result


def watch(
    folder: str | Path,
    log: ResultLog,
    answer: Callable[[Path], dict],
    interval: float = 0.5,
    is_done: Callable[[], bool] = lambda: False,
) -> None:
    """Answer every image that comes to a folder.

    An image is read when it has not changed from one look to the next: a camera may still be
    writing. One that is replaced by another content is a new image.

    Args:
        folder (str | Path): looked through at any depth; hidden files and links are left aside.
        log (ResultLog): what has been answered.
        answer (Callable): gives ``instances`` or ``error`` of an image file.
        interval (float): seconds between two looks. Defaults to 0.5.
        is_done (Callable): whether to stop, asked after every look. Defaults to never.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f'no folder at {folder}')
    before: set[State] = set()
    while True:
        now = {state for path in folder_images(folder) if (state := _state(folder, path))}
        for state in sorted(now & before - log.answered, key=lambda s: (s.modified_ns, s.image)):
            path = folder / state.image
            result = answer(path)
            # An image that has changed while it was read is answered when it is whole.
            if _state(folder, path) == state:
                log.append(state, result)
        if is_done():
            return
        before = now
        time.sleep(interval)


def _state(folder: Path, path: Path) -> State | None:
    """None of a file that is gone."""
    try:
        status = path.stat()
    except OSError:
        return None
    return State(path.relative_to(folder).as_posix(), status.st_size, status.st_mtime_ns)


def _lock(file, path: Path) -> None:
    if fcntl is None:
        return
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise ValueError(f'{path}: another program writes to it') from error
