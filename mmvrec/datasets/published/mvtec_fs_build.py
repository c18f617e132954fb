"""The folder of MVTec-FS, built from MVTec AD and the official annotations.

The annotations call an image ``training/<defect>/<nnn>.png`` or ``testing/<defect>/<nnn>.png``,
MVTec AD ``test/<defect>/<nnn>.png``. What is known of the names, from the CSV files of bottle,
cable, grid, transistor and wood: the images of a defect are numbered from 000 without a gap, the
second half goes on where the first ends, and there are as many as in MVTec AD. So the defect and
the number are taken to be MVTec AD's. What the CSV files do not tell is that a number means the
same picture. That is checked where it can be: by the size of the image, and by MVTec AD's mask of
that number, on which the instances must lie.
"""

import os
import re
import shutil
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.progress import track

from mmvrec.datasets.mask_instances import read_mask
from mmvrec.datasets.published.archives import archive_hints
from mmvrec.datasets.published.mvtec_fs import MVTecFS
from mmvrec.structures import decode_mask
from mmvrec.utils.files import atomic_folder, check_unused
from mmvrec.utils.images import read_image
from mmvrec.utils.paths import glob_files

#: Grey values of MVTec AD's masks above it are defect.
_THRESHOLD = 127
_LAYOUT = 'MVTec AD looks like this: bottle/test/broken_large/000.png'


@dataclass
class BuildSummary:
    """What was built, and how sure it is.

    Args:
        images (int): images in the folder.
        copied (int): how many of them are copies; the others are hard links.
        agreement (dict[str, float]): intersection over union of an image's instances and MVTec
            AD's mask, in (0, 1], by the image's name in MVTec-FS.
        not_compared (dict[str, str]): why an image could not be compared with a mask.
        unused (list[str]): images in the same folders of MVTec AD that no annotation names.
    """

    images: int = 0
    copied: int = 0
    agreement: dict[str, float] = field(default_factory=dict)
    not_compared: dict[str, str] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)


def build_mvtec_fs(
    mvtec_ad: str | Path,
    annotations: str | Path,
    out: str | Path,
    categories: Sequence[str] | None = None,
    copy: bool = False,
    progress: bool = True,
) -> BuildSummary:
    """Write the folder that :class:`MVTecFS` reads, whole or not at all.

    Args:
        mvtec_ad (str | Path): folder of MVTec AD, with a folder for every product.
        annotations (str | Path): folder of the official annotations, with ``CONFIG``.
        out (str | Path): the folder to make.
        categories (Sequence[str], optional): the products. Defaults to None: all 14.
        copy (bool): copy the images. Defaults to False: hard links, which need no rights and no
            space, and copies where the file system does not link.
        progress (bool): show progress bars. Defaults to True.

    Raises:
        FileNotFoundError: a folder or a CSV file is missing.
        ValueError: ``out`` is in use, bad annotations, or images that are missing, broken or not
            those of the annotations; all are listed. Nothing is written then.
        OSError: a file cannot be written. Nothing is left then.
    """
    mvtec_ad = Path(mvtec_ad)
    check_unused(out)
    dataset = MVTecFS(str(annotations), categories=categories, annotations_only=True)
    if not any((mvtec_ad / name / 'test').is_dir() for name in dataset.categories):
        hints = '\n'.join([_LAYOUT, *archive_hints(mvtec_ad)])
        raise FileNotFoundError(
            f'no folder test of any product {dataset.categories} in {mvtec_ad}\n{hints}'
        )
    instances = defaultdict(list)
    for index in range(len(dataset)):
        record = dataset.get_data_info(index)
        instances[record['img_id']].append(record)
    summary = BuildSummary(images=len(instances))
    sources, problems = locate_images(mvtec_ad, instances)
    for name in track(sources, 'Checking images', disable=not progress):
        problem = _check_image(name, mvtec_ad, sources[name], instances[name], summary)
        if problem:
            problems.append(f'{mvtec_ad / sources[name]}: {problem}')
    if problems:
        raise ValueError(refusal_message(problems, mvtec_ad, Path(annotations)))
    summary.unused = unused_images(mvtec_ad, sources)
    with atomic_folder(out) as folder:
        for csv in sorted({r['ann_file'] for records in instances.values() for r in records}):
            _place(Path(csv), folder / Path(csv).relative_to(annotations), True)
        for name in track(sources, 'Writing images', disable=not progress):
            linked = _place(mvtec_ad / sources[name], folder / 'image' / name, copy)
            summary.copied += not linked
    return summary


def locate_images(root: Path, names: Sequence[str]) -> tuple[dict[str, Path], list[str]]:
    """Find the images in MVTec AD.

    Args:
        root (Path): folder of MVTec AD.
        names (Sequence[str]): what the images are called in MVTec-FS.

    Returns:
        tuple: path relative to ``root`` of every image that is there, by name; and what is wrong
        with the others.
    """
    problems: list[str] = []
    users = defaultdict(list)
    for name in names:
        match = re.fullmatch(r'([^/]+)/(?:training|testing)/([^/]+)/(\d+\.png)', name)
        if match is None:
            problems.append(
                f'{name}: its name is not <product>/training/<defect>/<number>.png or …/testing/…, '
                'so which image of MVTec AD it is, is not known'
            )
            continue
        product, defect, number = match.groups()
        users[Path(product, 'test', defect, number)].append(name)
    sources, missing = {}, defaultdict(list)
    for path, images in users.items():
        if len(images) > 1:
            problems.append(
                f'{" and ".join(images)}: both would be {path} of MVTec AD, so the numbers are not '
                "MVTec AD's, and which image each of them is, is not known"
            )
        elif (root / path).is_file():
            sources[images[0]] = path
        else:
            # Named by the first of the folders on the way to it that is not there.
            steps = (part for part in reversed(path.parents) if not (root / part).exists())
            missing[next(steps, path)].append(images[0])
    for path, images in missing.items():
        some = images[0]
        if len(images) > 1:
            some = f'{len(images)} images, {images[0]} to {images[-1]}'
        problems.append(f'{root / path}: not found, needed for {some}')
    return sources, problems


def _check_image(
    name: str, root: Path, path: Path, instances: list[dict], summary: BuildSummary
) -> str | None:
    """Say what is wrong with an image; its agreement with the mask goes to ``summary``."""
    try:
        shape = read_image(root / path).shape[:2]
    except ValueError as error:
        return f'{error}; get it again'
    declared = {tuple(record['img_shape']) for record in instances}
    if declared != {shape}:
        sizes = ' and '.join(f'{height} x {width}' for height, width in sorted(declared))
        return (
            f'it has {shape[0]} x {shape[1]} pixels (height x width), the annotations are for '
            f'{sizes}; take the images as MVTec publishes them'
        )
    product, _, defect, _ = path.parts
    mask_path = root / product / 'ground_truth' / defect / f'{path.stem}_mask.png'
    try:
        truth = read_truth(mask_path, shape)
    except ValueError as error:
        summary.not_compared[name] = str(error)
        return None
    drawn = np.logical_or.reduce([decode_mask(r['mask'], r['bbox'], *shape) for r in instances])
    overlap = float((drawn & truth).sum() / (drawn | truth).sum())
    if overlap == 0:
        return (
            f'the instances of {name} lie nowhere on its mask {mask_path}, so it is another image; '
            'if the mask is wrong, move it away'
        )
    summary.agreement[name] = overlap
    return None


def read_truth(path: Path, shape: tuple[int, int]) -> np.ndarray:
    """Read a mask of MVTec AD, bool, (H, W).

    Raises:
        ValueError: it is missing, empty, or of another size than its image.
    """
    if not path.is_file():
        raise ValueError(f'no mask {path}')
    truth = read_mask(path) > _THRESHOLD
    if truth.shape != shape:
        raise ValueError(f'{path} has another size than its image')
    if not truth.any():
        raise ValueError(f'{path} is empty')
    return truth


def refusal_message(problems: list[str], mvtec_ad: Path, annotations: Path) -> str:
    """List all problems, and what may be done about them."""
    listed = '\n  '.join(problems)
    hints = [*archive_hints(mvtec_ad), *archive_hints(annotations)]
    return '\n'.join(
        [
            f'{len(problems)} problems, nothing is written\n  {listed}',
            'Mend what is listed; products that you do not have are left out by naming the others '
            '(categories).',
            *hints,
        ]
    )


def unused_images(root: Path, sources: dict[str, Path]) -> list[str]:
    """Find the images beside those that are used, relative to ``root``, sorted."""
    used = set(sources.values())
    folders = sorted({path.parent for path in used})
    present = [path.relative_to(root) for f in folders for path in glob_files(root / f, '*.png')]
    return [path.as_posix() for path in present if path not in used]


def _place(source: Path, target: Path, copy: bool) -> bool:
    """Link or copy a file; whether it is linked."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if not copy:
        # Not every file system links, nor across drives. A link to a link would break with it.
        with suppress(OSError):
            os.link(source.resolve(), target)
            return True
    shutil.copyfile(source, target)
    return False
