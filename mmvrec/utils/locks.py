"""One writer at a time for files that are read, changed and written again."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from mmvrec.utils.text import printable

#: Seconds after which a waiting program gives up: longer than a head trains.
PATIENCE = 3600.0


@contextmanager
def changing(path: str | Path, patience: float = PATIENCE) -> Iterator[None]:
    """Let no other program change a file until the block ends, so that no change is lost.

    The lock is a hidden file beside it, ``.NAME.lock``, for as long as it is held; the system
    unlocks it when its holder is killed. A folder that is not there is left to whoever writes or
    reads the file.

    Args:
        path (str | Path): the file, which need not exist.
        patience (float): seconds to wait for others. Defaults to an hour.

    Raises:
        ValueError: another program has not come to an end by then.
        OSError: the folder is write-protected.
    """
    path = Path(path)
    if not path.parent.is_dir():
        yield
        return
    # Of one file there is one lock, whatever it is called.
    real = path.resolve()
    # A command that holds it can write by what takes it, too.
    lock = FileLock(real.with_name(f'.{real.name}.lock'), is_singleton=True)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(printable(f'waiting for another change of {path}'), file=sys.stderr)
        try:
            lock.acquire(timeout=patience)
        except Timeout as error:
            raise ValueError(f'{path} is still being changed by another program') from error
    try:
        yield
    finally:
        # Who waits for a file that is gone takes a new one. Windows lets nobody remove one in use.
        if lock.lock_counter == 1 and os.name != 'nt':
            Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()
