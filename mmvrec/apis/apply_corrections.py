"""What people have said of answers, as labels of a model."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from mmvrec.apis.corrections import Correction
from mmvrec.apis.inferencer import DefectInferencer
from mmvrec.apis.learning import Learnt, learn
from mmvrec.apis.records import records_of_images
from mmvrec.fewshot.verdicts import NO_DEFECT


def apply_corrections(
    inferencer: DefectInferencer,
    corrections: Sequence[Correction],
    folder: str | Path,
    accepted: bool = False,
) -> Learnt:
    """Enroll corrected instances by their masks or boxes, see :func:`learn`; the caller fits.

    Args:
        inferencer (DefectInferencer): what is enrolled is changed.
        corrections (Sequence[Correction]): see :func:`read_corrections`; those without a class
            (:func:`label_of`) are left out.
        folder (str | Path): where images are looked for that are not there by their own path.
        accepted (bool): enroll accepted answers too. Defaults to False.

    Raises:
        FileNotFoundError: an image is missing.
        ValueError: a broken image, a box outside of it, or a label that cannot be.
    """
    by_image: dict[str, list[tuple[Correction, str]]] = defaultdict(list)
    for correction in corrections:
        label = label_of(correction, accepted)
        if label is not None:
            by_image[_find(correction.image, Path(folder))].append((correction, label))
    places = [[_entry(correction) for correction, _ in own] for own in by_image.values()]
    records = records_of_images(list(by_image), places, inferencer.task)
    labels = [label for own in by_image.values() for _, label in own]
    return learn(inferencer, [record for own in records for record in own], labels)


def label_of(correction: Correction, accepted: bool = False) -> str | None:
    """Find the class that a correction gives its instance; None where it is not enrolled.

    Args:
        correction (Correction): ``relabelled`` ones have a class, ``no defect`` is one.
        accepted (bool): whether ``accepted`` ones count too. Defaults to False.
    """
    if correction.verdict == 'no defect':
        return NO_DEFECT
    if correction.verdict == 'relabelled' or (correction.verdict == 'accepted' and accepted):
        return correction.label
    return None


def _entry(correction: Correction) -> dict:
    """Place of an instance as COCO has it."""
    x1, y1, x2, y2 = correction.bbox
    entry = {'bbox': [x1, y1, x2 - x1, y2 - y1]}
    return entry if correction.mask is None else {**entry, 'segmentation': correction.mask}


def _find(image: str, folder: Path) -> str:
    """Path of an image, as it is written, or below the folder of the corrections."""
    beside = folder / image
    return str(beside) if not Path(image).exists() and beside.exists() else image
