"""Labelled instances for a model that may know some of them already."""

from collections.abc import Sequence
from dataclasses import dataclass

from mmvrec.apis.embedding import EmbeddedInstances, embed
from mmvrec.apis.inferencer import DefectInferencer


@dataclass(frozen=True)
class Learnt:
    """What became of labelled instances.

    Args:
        added (int): enrolled now.
        relabelled (int): enrolled before, with another class.
        unchanged (int): enrolled before, with this class.
    """

    added: int
    relabelled: int
    unchanged: int

    @property
    def changes(self) -> int:
        """Instances for which the model must be fitted again."""
        return self.added + self.relabelled

    def __str__(self) -> str:
        """In words."""
        return f'{self.added} added, {self.relabelled} relabelled, {self.unchanged} unchanged'


def learn(
    inferencer: DefectInferencer,
    records: Sequence[dict],
    labels: Sequence[str],
    embedded: EmbeddedInstances | None = None,
) -> Learnt:
    """Enroll instances; the caller fits.

    One that is enrolled already, as its features tell under whatever name, gets the new label
    instead: the same instance twice would answer for itself.

    Args:
        inferencer (DefectInferencer): what is enrolled is changed.
        records (Sequence[dict]): of the instances, see :class:`InstanceRecord`.
        labels (Sequence[str]): their class names.
        embedded (EmbeddedInstances, optional): the instances, where they are embedded already.

    Raises:
        ValueError: an image cannot be used, or a label cannot be; nothing is changed then.
    """
    if not records:
        return Learnt(0, 0, 0)
    if embedded is None:
        embedded = embed(inferencer.model, inferencer.pipeline, records)
    enrolled = inferencer.enrolled
    rows = [enrolled.row_of_features(feats) for feats in embedded.feats]
    present = enrolled.bank.label_names
    changed = {
        row: label
        for row, label in zip(rows, labels, strict=True)
        if row is not None and present[row] != label
    }
    new = [k for k, row in enumerate(rows) if row is None]
    ids, names = [records[k]['instance_id'] for k in new], [labels[k] for k in new]
    enrolled.check_new(ids, names)
    if new:
        enrolled = enrolled.with_instances(ids, names, embedded.select(new))
    inferencer.enrolled = enrolled.relabelled(changed) if changed else enrolled
    return Learnt(len(new), len(changed), len(labels) - len(new) - len(changed))
