"""Files that appear whole or not at all, and images that a command line names."""

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from glob import glob
from pathlib import Path

from mmvrec_runtime.images import IMAGE_SUFFIXES


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Give a temporary file beside ``path``, on the disk and renamed to it when the block ends.

    Args:
        path (str | Path): the file to write; its folder is created.

    Yields:
        Path: the temporary file. It is removed when the block raises.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.stem}-{secrets.token_hex(4)}{path.suffix}')
    try:
        temporary.touch(exist_ok=False)
        yield temporary
        with temporary.open('rb+') as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def image_files(names: Sequence[str]) -> list[str]:
    """The image files that names stand for, each once.

    Args:
        names (Sequence[str]): files, whatever their suffix; folders, of which all images are meant,
            at any depth; or patterns, which not every shell resolves.

    Raises:
        FileNotFoundError: a name stands for nothing.
        ValueError: there is no image in a folder.
    """
    files: dict[str, str] = {}
    for name in names:
        matches = [name] if os.path.lexists(name) else sorted(glob(name, recursive=True))
        if not matches:
            raise FileNotFoundError(f'no image at {name}')
        images = [file for match in matches for file in _images_in(Path(match))]
        if not images:
            raise ValueError(f'no image in {name}; looked for are {", ".join(IMAGE_SUFFIXES)}')
        for file in images:
            files.setdefault(os.path.abspath(file), str(file))
    return list(files.values())


def folder_images(folder: Path) -> list[Path]:
    """Image files in a folder at any depth, sorted; hidden ones and links are left aside."""
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith('.')]
        paths = [Path(parent, name) for name in names if not name.startswith('.')]
        found += [p for p in paths if p.suffix.lower() in IMAGE_SUFFIXES and not p.is_symlink()]
    return sorted(found)


def _images_in(path: Path) -> list[Path]:
    return folder_images(path) if path.is_dir() else [path]
