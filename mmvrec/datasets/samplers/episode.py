"""K-shot draws of support sets."""

import random
from collections.abc import Sequence


class EpisodeSampler:
    """Draws the K-shot support set of every episode of one task.

    The protocol of the released code: for episode e and each class, the indices of that class, in
    dataset order, are shuffled by ``random.Random(seed + e)`` and the first K are taken. Anyone can
    so reproduce published episodes.

    Args:
        labels (Sequence[int]): class index of every instance of the pool.
        class_names (Sequence[str]): names of the classes, in label order.
        shots (int): K, instances per class.
        seed (int): seed of episode 0. Defaults to 0.
        task (str): named in errors. Defaults to ''.
        allow_fewer (bool): take all instances of a class that has fewer than K, as the released
            code does without a word; ``self.short`` names them. Defaults to False.

    Raises:
        ValueError: ``shots`` is less than 1, a class has no instance, or fewer than ``shots`` where
            that is not allowed, or an instance has no class.
    """

    def __init__(
        self,
        labels: Sequence[int],
        class_names: Sequence[str],
        shots: int,
        seed: int = 0,
        task: str = '',
        allow_fewer: bool = False,
    ):
        if shots < 1:
            raise ValueError(f'shots must be at least 1, got {shots}')
        if min(labels, default=0) < 0:
            raise ValueError(f'the support pool of task {task!r} has instances without a class')
        self.members: list[list[int]] = [[] for _ in class_names]
        for index, label in enumerate(labels):
            self.members[label].append(index)
        #: Number of instances of the classes that have fewer than K.
        self.short = {
            name: len(members)
            for name, members in zip(class_names, self.members, strict=True)
            if len(members) < shots
        }
        if self.short and (not allow_fewer or 0 in self.short.values()):
            raise ValueError(
                f'{shots}-shot support sets of task {task!r} need {shots} instances of every class '
                f'in the support pool, but it has {self.short}; use fewer shots, or annotate more'
            )
        self.shots = shots
        self.seed = seed

    def draw(self, episode: int) -> list[int]:
        """Draw the support set of one episode as indices, class by class: K each, or all it has."""
        drawn = []
        for members in self.members:
            shuffled = list(members)
            random.Random(self.seed + episode).shuffle(shuffled)
            drawn += shuffled[: self.shots]
        return drawn
