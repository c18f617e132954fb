"""The support of an inferencer with all that is kept of it."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

import torch
from torch import Tensor

from mmvrec.apis.embedding import PICTURE_SIDE, EmbeddedInstances
from mmvrec.apis.enrolled_data import EnrolledData
from mmvrec.apis.instance_facts import InstanceFacts
from mmvrec.datasets.checks import label_problem
from mmvrec.structures import FeatureBank, usual_spellings


@dataclass(frozen=True)
class EnrolledSupport:
    """M enrolled instances; every change gives another one.

    Args:
        bank (FeatureBank): their features, labels and ids, of one task.
        pictures (Tensor): of each one, uint8, RGB, (M, 96, 96, 3).
        facts (tuple[InstanceFacts | None, ...]): what else is known of each; None of those of
            files of format version 1 or 2.
    """

    bank: FeatureBank
    pictures: Tensor
    facts: tuple[InstanceFacts | None, ...]

    @classmethod
    def empty(cls, task: str) -> 'EnrolledSupport':
        """Nothing yet."""
        pictures = torch.empty(0, PICTURE_SIDE, PICTURE_SIDE, 3, dtype=torch.uint8)
        return cls(FeatureBank.of_task(task, torch.empty(0, 0, 0), [], []), pictures, ())

    @property
    def data(self) -> EnrolledData | None:
        """Summary of the facts; None where none are known."""
        return EnrolledData.of(self.facts)

    @property
    def images(self) -> list[str]:
        """Path or name of the image of every instance."""
        return [
            re.sub(r'(.)[@#][^@#/]*$', r'\1', identity) if facts is None else facts.image
            for facts, identity in zip(self.facts, self.bank.ids, strict=True)
        ]

    def check_new(self, ids: Sequence[str], labels: Sequence[str]) -> None:
        """See that instances can be added.

        Raises:
            ValueError: one is enrolled already, or a class is spelt in two ways.
        """
        counts = Counter([*self.bank.ids, *ids])
        repeated = sorted(identity for identity, number in counts.items() if number > 1)
        if repeated:
            raise ValueError(
                f'instances {repeated[:5]} are enrolled already; those of several folders are told '
                'apart by their paths if the folder above is the data_root'
            )
        check_spelling([*self.bank.label_names, *labels])

    def with_instances(
        self, ids: Sequence[str], labels: Sequence[str], embedded: EmbeddedInstances
    ) -> 'EnrolledSupport':
        """With further instances at the end; they have passed :meth:`check_new`."""
        feats = torch.cat([self.bank.feats, embedded.feats]) if len(self.bank) else embedded.feats
        return EnrolledSupport(
            like(self.bank, feats, [*self.bank.label_names, *labels], [*self.bank.ids, *ids]),
            torch.cat([self.pictures, embedded.pictures]),
            self.facts + embedded.facts,
        )

    def select(self, rows: Sequence[int]) -> 'EnrolledSupport':
        """Some of the instances, in this order."""
        rows, names, ids = list(rows), self.bank.label_names, self.bank.ids
        bank = like(
            self.bank,
            self.bank.feats[rows],
            [names[row] for row in rows],
            [ids[row] for row in rows],
        )
        return EnrolledSupport(bank, self.pictures[rows], tuple(self.facts[row] for row in rows))

    def without(self, rows: Sequence[int]) -> 'EnrolledSupport':
        """All but some of the instances.

        Raises:
            ValueError: fewer than two classes would be left.
        """
        left = self.select(sorted(set(range(len(self.bank))) - set(rows)))
        if len(set(left.bank.label_names)) < 2:
            gone = sorted(set(self.bank.label_names) - set(left.bank.label_names))
            raise ValueError(
                f'without {", ".join(map(repr, gone))} there would be fewer than two classes'
            )
        return left

    def relabelled(self, labels: dict[int, str]) -> 'EnrolledSupport':
        """With other class names of some instances, by row.

        Raises:
            ValueError: a name is no class name, is spelt like another one, or fewer than two
                classes would be left.
        """
        names = [labels.get(row, name) for row, name in enumerate(self.bank.label_names)]
        problem = next(filter(None, (label_problem(name, None) for name in labels.values())), None)
        if problem:
            raise ValueError(problem)
        check_spelling(names)
        if len(set(names)) < 2:
            raise ValueError(
                f'all instances would be of class {names[0]!r}; two classes are needed'
            )
        return replace(self, bank=like(self.bank, self.bank.feats, names, self.bank.ids))

    def merged(self, other: 'EnrolledSupport') -> 'EnrolledSupport':
        """With the instances of another support; those that are in both count once.

        Raises:
            ValueError: an instance has two labels, or a class is spelt in two ways.
        """
        labels = dict(zip(self.bank.ids, self.bank.label_names, strict=True))
        pairs = list(zip(other.bank.ids, other.bank.label_names, strict=True))
        unlike = [(i, labels[i], name) for i, name in pairs if labels.get(i, name) != name]
        if unlike:
            raise ValueError(
                f'{len(unlike)} instances have two labels, the first {unlike[0][0]!r}: '
                f'{unlike[0][1]!r} and {unlike[0][2]!r}; relabel one of them'
            )
        new = other.select(
            [row for row, (identity, _) in enumerate(pairs) if identity not in labels]
        )
        self.check_new(new.bank.ids, new.bank.label_names)
        counts = (new.bank.feats.shape[1],) * len(new.bank)
        embedded = EmbeddedInstances(new.bank.feats, None, new.pictures, new.facts, counts)
        return self.with_instances(new.bank.ids, new.bank.label_names, embedded)

    def row(self, identity: str) -> int:
        """Position of an instance, by its id or the end of it that no other has.

        Raises:
            ValueError: there is none, or there are several.
        """
        ids = self.bank.ids
        rows = [row for row, own in enumerate(ids) if own == identity]
        rows = rows or [row for row, own in enumerate(ids) if _ends_with(own, identity)]
        if len(rows) == 1:
            return rows[0]
        if rows:
            raise ValueError(f'{identity!r} may be {[ids[row] for row in rows[:5]]}; say which')
        near = get_close_matches(identity, ids, n=3, cutoff=0.5) or ids[:3]
        raise ValueError(f'no instance {identity!r} is enrolled; there are {near} …')

    def row_of_features(self, feats: Tensor) -> int | None:
        """Position of the instance with these view features, (V, C); None where there is none."""
        rows = torch.isclose(feats, self.bank.feats, atol=1e-4).flatten(1).all(1).nonzero()
        return int(rows[0]) if len(rows) else None

    def rows_of_image(self, image: str) -> list[int]:
        """Positions of the instances of an image, by its path or the end of it.

        Raises:
            ValueError: there is none, or there are several images.
        """
        images = self.images
        names = sorted({name for name in images if name == image or _ends_with(name, image)})
        if image in names:
            names = [image]
        if len(names) > 1:
            raise ValueError(f'{image!r} may be {names[:5]}; say which')
        if not names:
            near = get_close_matches(image, sorted(set(images)), n=3, cutoff=0.5) or images[:3]
            raise ValueError(f'no instance of an image {image!r} is enrolled; there are {near} …')
        return [row for row, name in enumerate(images) if name == names[0]]


def like(
    bank: FeatureBank, feats: Tensor, labels: Sequence[str], ids: Sequence[str]
) -> FeatureBank:
    """Make a bank of other instances of the same task."""
    (task,) = bank.class_names
    return FeatureBank.of_task(task, feats, list(labels), list(ids))


def check_spelling(names: Sequence[str]) -> None:
    """Raise ``ValueError`` where one class is written in two ways."""
    spellings = usual_spellings(names)
    if spellings:
        pairs = ', '.join(f'{name!r} and {usual!r}' for name, usual in spellings.items())
        raise ValueError(
            f'the labels {pairs} differ only in case, blanks or Unicode form; write a class one way'
        )


def _ends_with(name: str, end: str) -> bool:
    """Whether a path ends with another one, by whole parts."""
    return name.replace('\\', '/').endswith('/' + end.replace('\\', '/'))
