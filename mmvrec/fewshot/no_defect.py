"""The class of regions that have no defect."""

from collections.abc import Sequence

import torch

from mmvrec.fewshot.leave_out import leave_out_blocks
from mmvrec.fewshot.support import SupportSet
from mmvrec.fewshot.verdicts import NO_DEFECT
from mmvrec.models.heads import FewShotHead, RegionGaussianHead

#: Share of the defects that may be taken for clean.
_LOST = 0.05


def spare_defects(
    head: FewShotHead, support: SupportSet, groups: Sequence[str] | None = None
) -> None:
    """Make ``no defect`` so unlikely that hardly any defect is taken for it.

    All classes are equally likely to a head, but a defect that is passed over costs more than a
    false alarm: the logits of ``no defect`` are lowered, if they must be, until of the defects left
    out at most 5 % are taken for it. Other heads stay as they
    are, as do supports without this class.

    Args:
        head (FewShotHead): fitted on the support.
        support (SupportSet): all instances.
        groups (Sequence[str], optional): see :func:`leave_out_blocks`.
    """
    names = support.label_space.names
    if NO_DEFECT not in names or not isinstance(head, RegionGaussianHead):
        return
    position, labels = names.index(NO_DEFECT), support.labels.cpu()
    blocks = leave_out_blocks(labels, groups)
    scores = head.leave_out_scores(support.feats, support.labels, blocks)
    scores = scores[(labels != position) & ~scores.isnan().any(1)]
    if len(scores):
        others = [k for k in range(len(names)) if k != position]
        margins = scores[:, others].amax(1) - scores[:, position]
        lower_class(head, position, max(0.0, -float(margins.quantile(_LOST))))


@torch.no_grad()
def lower_class(head: RegionGaussianHead, position: int, by: float) -> None:
    """Make a class less likely than the others before anything is seen, until the next fit.

    Args:
        head (RegionGaussianHead): fitted.
        position (int): of the class.
        by (float): what is taken off its logits; what was taken off before is given back.
    """
    lowered = torch.zeros_like(head.bias, dtype=torch.float64)
    lowered[position] = by
    head.bias.copy_(head.bias.double() + head.lowered - lowered)
    head.lowered = lowered
