"""The photos of a folder, which requests name by their number and never by a path."""

from collections import Counter
from pathlib import Path

from mmvrec.utils.paths import IMAGE_SUFFIXES, walk_files


class PhotoFolder:
    """Lists the photos of a folder once, at any depth.

    Links that lead out of the folder are no photos: who may write into it could show the whole
    computer by them.

    Args:
        folder (str | Path): the folder.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: it is a file, or has no image.
    """

    def __init__(self, folder: str | Path):
        self.root = Path(folder)
        if not self.root.exists():
            raise FileNotFoundError(f'no folder of photos at {folder}')
        if not self.root.is_dir():
            raise ValueError(f'{folder} is a file; name the folder that it lies in')
        files = walk_files(self.root, IMAGE_SUFFIXES)
        self.paths = [path for path in files if self._is_inside(path)]
        #: Names of links that lead out of the folder.
        self.outside = [self._name(path) for path in files if not self._is_inside(path)]
        if not self.paths:
            raise ValueError(
                f'no image in {folder}; looked for are files {", ".join(IMAGE_SUFFIXES)}'
            )
        self.names = [self._name(path) for path in self.paths]
        stems = [path.with_suffix('').as_posix().casefold() for path in self.paths]
        self._numbers = Counter(stems)

    def __len__(self) -> int:
        """Count the photos."""
        return len(self.paths)

    def check(self, path: Path) -> Path:
        """See that a file lies in the folder still, wherever links lead now.

        Raises:
            ValueError: it does not.
        """
        if not self._is_inside(path):
            raise ValueError(f'{self._name(path)} leads out of the folder')
        return path

    def annotation_path(self, index: int) -> Path:
        """The LabelMe file of a photo: beside it, and of two photos of one stem each its own."""
        path = self.paths[index]
        is_alone = self._numbers[path.with_suffix('').as_posix().casefold()] == 1
        return path.with_suffix('.json') if is_alone else path.with_name(f'{path.name}.json')

    def _is_inside(self, path: Path) -> bool:
        return path.resolve().is_relative_to(self.root.resolve())

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()
