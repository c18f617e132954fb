"""Files of a dataset: which of a folder's files count, and which of them an annotation means."""

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath

#: Suffixes, in lower case, of the files that are looked for as images.
IMAGE_SUFFIXES = ('.bmp', '.jpeg', '.jpg', '.pcx', '.png', '.tga', '.tif', '.tiff', '.webp')
#: What archivers, file managers and notebooks leave behind; hidden files come on top.
_DEBRIS = ('__MACOSX', 'Thumbs.db', 'desktop.ini')


def is_debris(path: Path) -> bool:
    """Whether a file or folder is no part of a dataset: hidden, or left by another program."""
    return path.name.startswith('.') or path.name in _DEBRIS


def walk_files(folder: str | Path, suffixes: Sequence[str] | None = None) -> list[Path]:
    """List all files under a folder, at any depth, linked files and folders included.

    Args:
        folder (str | Path): the folder.
        suffixes (Sequence[str], optional): lower-case suffixes of the files that are wanted.
            Defaults to None: all.

    Returns:
        list[Path]: sorted; a folder that is linked several times is read once, and debris
        (:func:`is_debris`) is left aside. Pipes and devices are in it: whoever reads a file
        refuses them, so that none disappears.
    """
    files = _walk(Path(folder), set())
    return sorted(f for f in files if suffixes is None or f.suffix.lower() in suffixes)


def glob_files(folder: str | Path, pattern: str) -> list[Path]:
    """List what matches a pattern under a folder, sorted, but debris (:func:`is_debris`)."""
    return sorted(path for path in Path(folder).glob(pattern) if not is_debris(path))


def files_by_stem(
    folder: str | Path, suffixes: Sequence[str] = IMAGE_SUFFIXES
) -> dict[str, list[Path]]:
    """Group files under a folder by path without suffix, with ``/`` between its parts.

    Args:
        folder (str | Path): the folder, see :func:`walk_files`; one that is missing is empty.
        suffixes (Sequence[str]): lower-case suffixes of the files. Defaults to those of images.

    Returns:
        dict[str, list[Path]]: sorted; the files of one stem differ in their suffix.
    """
    files = defaultdict(list)
    for path in walk_files(folder, suffixes) if Path(folder).is_dir() else ():
        files[path.relative_to(folder).with_suffix('').as_posix()].append(path)
    return dict(files)


def _walk(folder: Path, seen: set[str]) -> Iterator[Path]:
    real = os.path.realpath(folder)
    if real in seen:
        return
    seen.add(real)
    # Links come last, so that a folder is read where it lies.
    for path in sorted(folder.iterdir(), key=lambda path: (path.is_symlink(), path)):
        if is_debris(path):
            continue
        if path.is_dir():
            yield from _walk(path, seen)
        else:
            yield path


def inside(folder: str | Path, name: str, *roots: str | Path) -> str:
    """Get the path of file ``name`` of ``folder``, without ``..``, if under one of ``roots``.

    Links are not followed: they are put into a dataset by its owner, not by an annotation file.

    Raises:
        ValueError: it lies elsewhere.
    """
    normal = os.path.normpath(Path(folder, name))
    # Absolute, as nothing leads out of the relative path '.'.
    absolute = Path(os.path.abspath(normal))
    if not any(absolute.is_relative_to(os.path.abspath(root)) for root in roots):
        raise ValueError(f'{name!r} leads out of the dataset folder')
    return normal


def paths_in(folders: Sequence[str | Path], name: str, root: str | Path) -> list[str]:
    """Get paths of ``name`` in the folders out of which, and of ``root``, it does not lead.

    Raises:
        ValueError: it leads out of all of them.
    """
    paths = []
    for folder in folders:
        with suppress(ValueError):
            paths.append(inside(folder, name, root, folder))
    return paths or [inside(folders[-1], name, root, folders[-1])]


class ListedImages:
    """Finds the images that annotation files list, wherever exporters have put them.

    A name is looked for in the given folders, then by its last part alone anywhere under ``root``.
    Names with the separators of Windows are read as such; of those that are absolute, on this
    machine or another, only the last part counts.

    Args:
        root (str | Path): folder of the dataset, out of which no name may lead.
    """

    def __init__(self, root: str | Path):
        self.root = Path(root)

    def find(self, name: str, *folders: str | Path) -> str:
        """Find the path of an image.

        Args:
            name (str): as the annotation file has it.
            *folders (str | Path): where to look first, the likeliest first; at least one.

        Returns:
            str: the file; where there is none, the path at which it is missed first.

        Raises:
            ValueError: the name leads out of the dataset, or it is in none of the folders and
                several files are called so.
        """
        portable = PureWindowsPath(name).as_posix() if '\\' in name else name
        absolute = PurePosixPath(portable).is_absolute() or bool(PureWindowsPath(name).drive)
        last = PurePosixPath(portable).name
        spellings = [last] if absolute else dict.fromkeys((name, portable))
        places = [p for spelling in spellings for p in paths_in(folders, spelling, self.root)]
        for place in places:
            if os.path.lexists(place):
                return place
        elsewhere = self._by_name.get(last, [])
        if len(elsewhere) > 1:
            raise ValueError(
                f'{name!r} is not there, and several files are called {last}: '
                f'{list(map(str, elsewhere[:3]))}'
            )
        if absolute and not elsewhere:
            raise ValueError(f'{name!r} leads out of the dataset folder, which has no {last!r}')
        return str(elsewhere[0]) if elsewhere else places[0]

    @cached_property
    def _by_name(self) -> dict[str, list[Path]]:
        named = defaultdict(list)
        for path in walk_files(self.root):
            named[path.name].append(path)
        return named
