"""Matching of the image names in detectors' files with images on disk."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from mmvrec.utils.paths import IMAGE_SUFFIXES

#: Stands for any suffix.
_ANY = '*'


class NamedImages:
    """Finds images by names that lie in other folders, or lack the suffix.

    Args:
        names (Iterable[str]): paths or names of the images.
    """

    def __init__(self, names: Iterable[str]):
        self._by_tail: dict[tuple, list[str]] = defaultdict(list)
        for name in dict.fromkeys(names):
            stem, suffix, folders = _parts(name)
            for depth in range(len(folders) + 1):
                for ending in (suffix, _ANY):
                    self._by_tail[stem, ending, folders[:depth]].append(name)

    def find(self, name: str) -> list[str]:
        """Find the images that a name can mean: those of this file name most alike in folders.

        Separators may be those of Windows. A name without the suffix of an image, such as
        Ultralytics writes, fits any.
        """
        stem, suffix, folders = _parts(name)
        endings = (suffix, '') if suffix else (_ANY,)
        for depth in range(len(folders), -1, -1):
            tails = [(stem, ending, folders[:depth]) for ending in endings]
            matches = [image for tail in tails for image in self._by_tail.get(tail, ())]
            if matches:
                return matches
        return []


def match_names(
    names: Iterable[str], images: Sequence[str], path: str | Path
) -> dict[str, str | None]:
    """Match every image with the name by which a file knows it.

    Args:
        names (Iterable[str]): those in the file.
        images (Sequence[str]): the images.
        path (str | Path): the file.

    Returns:
        dict[str, str | None]: by image; None where the file does not know it.

    Raises:
        ValueError: a name means several images, or an image has several names.
    """
    named, asked = NamedImages(names), NamedImages(images)
    matches: dict[str, str | None] = {}
    for image in images:
        # A name that fits another image better is not that of this one.
        own = [name for name in named.find(image) if image in asked.find(name)]
        if len(own) > 1:
            last = sorted({_last(name) for name in own})
            raise ValueError(f'{path} has several images of one name: {last}')
        if own and len(same := asked.find(own[0])) > 1:
            last = sorted({_last(name) for name in same})
            raise ValueError(
                f'several of the images have one name, by which {path} knows them; give them '
                f'apart: {last}'
            )
        matches[image] = own[0] if own else None
    return matches


def _parts(name: str) -> tuple[str, str, tuple[str, ...]]:
    """Split a name into stem, suffix if an image's, and folders, the innermost first."""
    path = PurePosixPath(str(name).replace('\\', '/'))
    suffix = path.suffix if path.suffix.lower() in IMAGE_SUFFIXES else ''
    return path.name.removesuffix(suffix), suffix, path.parts[-2::-1]


def _last(name: str) -> str:
    return PurePosixPath(name.replace('\\', '/')).name
