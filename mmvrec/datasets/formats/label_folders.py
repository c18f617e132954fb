"""Layouts in which the folder of a file tells its class."""

from collections.abc import Sequence
from pathlib import Path

from mmvrec.datasets.base import DefectDataset
from mmvrec.utils.paths import IMAGE_SUFFIXES, glob_files, walk_files


def subfolders(folder: Path) -> list[Path]:
    """List the folders in a folder, sorted; hidden ones and debris are left away."""
    return [path for path in glob_files(folder, '*') if path.is_dir()]


def report_loose(dataset: DefectDataset, folder: Path) -> None:
    """List the images that lie beside the folders of the classes, where none tells their class."""
    for path in glob_files(folder, '*'):
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.is_dir():
            dataset.report(path, '', 'not used: it lies in no folder of a class', fatal=False)


def report_others(
    dataset: DefectDataset, folder: Path, what: str, suffixes: Sequence[str] = IMAGE_SUFFIXES
) -> None:
    """List the files under a folder that have none of the suffixes of what is looked for there."""
    for path in walk_files(folder):
        if path.suffix.lower() not in suffixes:
            dataset.report(path, '', f'not used: {what} end in {list(suffixes)}', fatal=False)


def pair_problem(what: str, paths: list[Path], images: list[Path], place: Path) -> str | None:
    """Say why the masks or maps of a stem and its images are no pair; None where they are."""
    if not images:
        return f'it has no image {place}.*'
    for kind, files in ((what, paths), ('images', images)):
        if len(files) > 1:
            return f'several {kind} of one name: {[path.name for path in files]}; keep one'
    return None
