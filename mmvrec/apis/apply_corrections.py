"""What people have said of answers, as labels of a model."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmvrec.apis.corrections import Correction
from mmvrec.apis.embedding import embed
from mmvrec.apis.inferencer import DefectInferencer
from mmvrec.apis.records import records_of_images
from mmvrec.fewshot.verdicts import NO_DEFECT


@dataclass(frozen=True)
class AppliedCorrections:
    """What became of corrections.

    Args:
        added (int): instances that are enrolled now.
        relabelled (int): instances that were enrolled, and have another class now.
        unchanged (int): instances that were enrolled with this class already.
        left_out (int): instances without a class, or accepted ones that were not asked for.
    """

    added: int
    relabelled: int
    unchanged: int
    left_out: int

    def __str__(self) -> str:
        """In words."""
        return (
            f'{self.added} instances added, {self.relabelled} relabelled, {self.unchanged} '
            f'unchanged, {self.left_out} left out'
        )


def apply_corrections(
    inferencer: DefectInferencer,
    corrections: Sequence[Correction],
    folder: str | Path,
    accepted: bool = False,
) -> AppliedCorrections:
    """Enroll corrected instances; the caller fits.

    Instances that are ``relabelled`` are enrolled by their box with the new class, those of ``no
    defect`` as the class of that name; one that is enrolled already, as its features tell, gets the
    new class instead. ``unknown`` ones are left out.

    Args:
        inferencer (DefectInferencer): what is enrolled is changed.
        corrections (Sequence[Correction]): see :func:`read_corrections`.
        folder (str | Path): where images are looked for that are not there by their own path.
        accepted (bool): enroll accepted answers too. Defaults to False.

    Raises:
        FileNotFoundError: an image is missing.
        ValueError: a broken image, a box outside of it, or a label that cannot be.
    """
    labels = [label_of(correction, accepted) for correction in corrections]
    by_image: dict[str, list[tuple[Correction, str]]] = defaultdict(list)
    for correction, label in zip(corrections, labels, strict=True):
        if label is not None:
            by_image[_find(correction.image, Path(folder))].append((correction, label))
    if not by_image:
        return AppliedCorrections(0, 0, 0, len(labels))
    boxes = [[one.bbox for one, _ in own] for own in by_image.values()]
    records = records_of_images(list(by_image), boxes, inferencer.task)
    records = [record for own in records for record in own]
    names = [label for own in by_image.values() for _, label in own]
    embedded = embed(inferencer.model, inferencer.pipeline, records)
    enrolled = inferencer.enrolled
    rows = [enrolled.row_of_features(feats) for feats in embedded.feats]
    present = enrolled.bank.label_names
    changed = {
        row: name
        for row, name in zip(rows, names, strict=True)
        if row is not None and present[row] != name
    }
    new = [k for k, row in enumerate(rows) if row is None]
    ids, new_names = [records[k]['instance_id'] for k in new], [names[k] for k in new]
    enrolled.check_new(ids, new_names)
    enrolled = enrolled.relabelled(changed) if changed else enrolled
    if new:
        enrolled = enrolled.with_instances(ids, new_names, embedded.select(new))
    inferencer.enrolled = enrolled
    known = len(names) - len(new)
    return AppliedCorrections(
        len(new), len(changed), known - len(changed), len(labels) - len(names)
    )


def label_of(correction: Correction, accepted: bool) -> str | None:
    """The class that a correction gives its instance; None where it is not enrolled."""
    if correction.verdict == 'no defect':
        return NO_DEFECT
    if correction.verdict == 'relabelled' or (correction.verdict == 'accepted' and accepted):
        return correction.label.strip()
    return None


def _find(image: str, folder: Path) -> str:
    """Path of an image, as it is written, or below the folder of the corrections."""
    beside = folder / image
    return str(beside) if not Path(image).exists() and beside.exists() else image
