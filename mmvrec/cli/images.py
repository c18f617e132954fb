"""Images that a command line names: files, folders and patterns."""

import os
from collections.abc import Sequence
from glob import glob
from pathlib import Path

from mmvrec.utils.paths import IMAGE_SUFFIXES, is_debris, walk_files


def image_files(names: Sequence[str]) -> list[str]:
    """List the image files that names stand for, each once.

    Args:
        names (Sequence[str]): files, whatever their suffix; folders, of which all images are meant,
            at any depth; or patterns such as ``day*/*.jpg``, which not every shell resolves.

    Returns:
        list[str]: in the order of the names.

    Raises:
        FileNotFoundError: a name stands for nothing.
        ValueError: a folder, or what matches a pattern, has no image.
    """
    files: dict[str, str] = {}
    for name in names:
        for file in _files_of(name):
            files.setdefault(os.path.abspath(file), file)
    return list(files.values())


def _files_of(name: str) -> list[str]:
    if os.path.lexists(name) and not os.path.isdir(name):
        return [name]
    matches = [name] if os.path.isdir(name) else sorted(glob(name, recursive=True))
    # Patterns that come from Windows have its separators.
    matches = matches or sorted(glob(name.replace('\\', '/'), recursive=True))
    if not matches:
        raise FileNotFoundError(f'no image at {name}')
    files = []
    for path in map(Path, matches):
        if path.is_dir():
            files += map(str, walk_files(path, IMAGE_SUFFIXES))
        elif path.suffix.lower() in IMAGE_SUFFIXES and not is_debris(path):
            files.append(str(path))
    if not files:
        raise ValueError(f'no image in {name}; looked for are files {", ".join(IMAGE_SUFFIXES)}')
    return files
