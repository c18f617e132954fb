"""What a head would have said of support instances that it had not been fitted on."""

from collections.abc import Sequence

import torch
from torch import Tensor


def leave_out_blocks(labels: Tensor, groups: Sequence[str] | None = None) -> list[list[int]]:
    """Which instances are left out together.

    A class is never left out as a whole: the instances of one that a block would take all of stay,
    and are in no block.

    Args:
        labels (Tensor): class indices, int64, (M,).
        groups (Sequence[str], optional): what every instance is of, such as its image or its
            batch: instances of one group are left out together, as they are alike for other
            reasons than their class. Defaults to None: each is alone.

    Returns:
        list[list[int]]: positions of the instances, in order of the groups' first.

    Raises:
        ValueError: there is not one group per instance.
    """
    names = range(len(labels)) if groups is None else groups
    if len(names) != len(labels):
        raise ValueError(
            f'groups must have one entry per instance, {len(labels)}, got {len(names)}'
        )
    members: dict = {}
    for position, name in enumerate(names):
        members.setdefault(name, []).append(position)
    counts = labels.bincount()
    blocks = []
    for block in members.values():
        own = labels[block].bincount(minlength=len(counts))
        left = [position for position in block if own[labels[position]] < counts[labels[position]]]
        if left:
            blocks.append(left)
    return blocks


def margins(scores: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """By how much the given class is ahead of the best other one.

    Args:
        scores (Tensor): log scores, float, (M, N).
        labels (Tensor): class indices, int64, (M,).

    Returns:
        tuple[Tensor, Tensor]: margins, float, (M,), negative where another class is ahead; and that
        other class, int64, (M,).
    """
    given = scores.gather(1, labels[:, None])[:, 0]
    best, other = scores.scatter(1, labels[:, None], -torch.inf).max(1)
    return given - best, other
