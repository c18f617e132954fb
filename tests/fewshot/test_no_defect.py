"""``no defect``: of the defects left out at most one in twenty is taken for it."""

import torch

from mmvrec.fewshot.leave_out import leave_out_blocks
from mmvrec.fewshot.no_defect import lower_class, spare_defects
from mmvrec.fewshot.support import SupportSet
from mmvrec.fewshot.verdicts import NO_DEFECT
from mmvrec.models.heads import ProtoNetHead, RegionGaussianHead
from mmvrec.structures import LabelSpace


def support(names=('crack', 'dent', NO_DEFECT), spread=3.0) -> SupportSet:
    """Forty instances of each class, which overlap."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(3).repeat_interleave(40)
    centres = torch.randn(3, 1, 12, generator=generator)[labels]
    feats = centres + spread * torch.randn(120, 2, 12, generator=generator)
    return SupportSet(feats, labels, LabelSpace({'sheet': list(names)}), None)


def taken_for_clean(head, own, position=2):
    """How many of the defects left out, and how many of the clean regions."""
    scores = head.leave_out_scores(own.feats, own.labels, leave_out_blocks(own.labels))
    clean = scores.argmax(1) == position
    return int(clean[own.labels != position].sum()), int(clean[own.labels == position].sum())


def test_hardly_a_defect_is_taken_for_clean():
    own = support()
    head = RegionGaussianHead().fit(own.feats, own.labels, 3)
    before, bias = taken_for_clean(head, own), head.bias.clone()
    assert before[0] > 8
    spare_defects(head, own)
    after = taken_for_clean(head, own)
    # 5 % of 80 are 4; one more class than these would be one too many.
    assert 3 <= after[0] <= 4
    assert 0 < after[1] < before[1]
    assert (head.bias - bias)[:2].tolist() == [0, 0]
    assert head.bias[2] < bias[2]
    # A fit on the same support starts anew.
    assert torch.equal(head.fit(own.feats, own.labels, 3).bias, bias)
    assert taken_for_clean(head, own) == before


def test_queries_are_answered_as_instances_left_out_are():
    own = support()
    heads = [RegionGaussianHead().fit(own.feats, own.labels, 3) for _ in range(2)]
    lower_class(heads[0], 2, 1.25)
    difference = heads[1].log_scores(own.feats) - heads[0].log_scores(own.feats)
    expected = torch.tensor([0, 0, 1.25], dtype=torch.float64).expand(120, 3)
    torch.testing.assert_close(difference, expected, atol=1e-4, rtol=0)
    # Another time it is not lower still.
    lower_class(heads[0], 2, 1.25)
    difference = heads[1].log_scores(own.feats) - heads[0].log_scores(own.feats)
    torch.testing.assert_close(difference, expected, atol=1e-4, rtol=0)


def test_what_needs_it_not_stays_as_it_is():
    far = support(spread=0.05)
    head = RegionGaussianHead().fit(far.feats, far.labels, 3)
    bias = head.bias.clone()
    spare_defects(head, far)
    assert torch.equal(head.bias, bias)
    other = support(names=('crack', 'dent', 'hole'))
    head = RegionGaussianHead().fit(other.feats, other.labels, 3)
    bias = head.bias.clone()
    spare_defects(head, other)
    assert torch.equal(head.bias, bias)
    own = support()
    head = ProtoNetHead().fit(own.feats, own.labels, 3)
    before = head.log_scores(own.feats)
    spare_defects(head, own)
    assert torch.equal(head.log_scores(own.feats), before)
