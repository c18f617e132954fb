"""Report of an evaluation for those who decide: words first, then counts, then pictures."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from mmvrec.visualization.crops import Crop
from mmvrec.visualization.pages import texts, write_page

#: Shades of the confusion matrix, by the share of its row.
_SHADES = 6


@dataclass(frozen=True)
class Share:
    """So many of so many, with what others would give.

    Args:
        count (int): of them.
        total (int): all.
        low (float): lower bound of the 95 % interval, 0 to 1; without meaning where ``total`` is 0.
        high (float): its upper bound.
    """

    count: int
    total: int
    low: float
    high: float

    @property
    def percent(self) -> int:
        """Share in percent; ``total`` must not be 0."""
        return round(100 * self.count / self.total)

    @property
    def interval(self) -> tuple[int, int]:
        """The bounds in percent."""
        return round(100 * self.low), round(100 * self.high)


@dataclass(frozen=True)
class EvaluatedInstance:
    """An instance of known class, and what it was taken for.

    Args:
        image (str): its image.
        truth (str): its class.
        answer (str): the class that it was taken for.
        score (float): probability of the answer, 0 to 1.
        unknown (bool): whether it was called unknown.
        crop (Crop): the instance and what is around it.
        view (np.ndarray): its widest view, uint8, RGB, as the pictures of the support are.
        nearest (Sequence[tuple[str, float, np.ndarray]]): of the support instances that are most
            like it class, similarity and picture.
    """

    image: str
    truth: str
    answer: str
    score: float
    unknown: bool
    crop: Crop
    view: np.ndarray
    nearest: Sequence[tuple[str, float, np.ndarray]] = ()

    @property
    def right(self) -> bool:
        """Whether the answer is the class; being called unknown does not count."""
        return self.truth == self.answer


@dataclass(frozen=True)
class SuspectedLabel:
    """An enrolled instance whose label should be looked at.

    Args:
        name (str): of the instance.
        given (str): its label.
        other (str): the class that the other labels take it for.
        picture (np.ndarray): its picture, uint8, RGB, (H, W, 3).
    """

    name: str
    given: str
    other: str
    picture: np.ndarray


@dataclass(frozen=True)
class EvaluationReport:
    """What the page says.

    Args:
        data (str): where the instances come from.
        weights (str): what embeds.
        day (date): when they were classified.
        support (Mapping[str, int]): number of enrolled instances by class.
        instances (Sequence[EvaluatedInstance]): at least one.
        overall (Share): of the instances those that were answered rightly.
        known (Share): the same, of those that were not called unknown.
        recalls (Mapping[str, Share]): by class, of its instances those that were found.
        precisions (Mapping[str, Share]): by class, of the answers of it those that were right.
        max_mistakes (int): mistakes that are shown beside what they are like, the surest first.
            Defaults to 24.
        left_out (Share, optional): of the support, what was answered rightly without having been
            learnt. Defaults to None: not known.
        suspects (Sequence[SuspectedLabel]): of the support, the clearest first. Defaults to none.
    """

    data: str
    weights: str
    day: date
    support: Mapping[str, int]
    instances: Sequence[EvaluatedInstance]
    overall: Share
    known: Share
    recalls: Mapping[str, Share]
    precisions: Mapping[str, Share]
    max_mistakes: int = 24
    left_out: Share | None = None
    suspects: Sequence[SuspectedLabel] = ()

    def write(self, path: str | Path, language: str = 'en') -> None:
        """Write the page: one file of HTML that loads nothing.

        Args:
            path (str | Path): the HTML file.
            language (str): ``en``, ``de`` or ``zh``. Defaults to ``en``.

        Raises:
            ValueError: there is no such language, or the file cannot be written.
        """
        catalogue = texts('evaluation')
        if language not in catalogue:
            raise ValueError(f'language must be one of {list(catalogue)}, got {language!r}')
        mistakes = sorted((i for i in self.instances if not i.right), key=lambda i: -i.score)
        write_page(
            path,
            'evaluation.html.jinja',
            'evaluation.css',
            say=lambda name, **values: catalogue[language][name].format(**values),
            language=language,
            report=self,
            photos=len({instance.image for instance in self.instances}),
            guess=Counter(instance.truth for instance in self.instances).most_common(1)[0],
            mix_up=next(iter(Counter((i.truth, i.answer) for i in mistakes).most_common(1)), None),
            matrix=self._matrix(),
            grid=sorted(self.instances, key=lambda i: (not i.unknown, i.score)),
            mistakes=mistakes[: self.max_mistakes],
            num_mistakes=len(mistakes),
        )

    def _matrix(self) -> dict[str, list[tuple[int, int]]]:
        """Count every answer of each class, with a shade by its share of the class; 0 is none."""
        counts = Counter((instance.truth, instance.answer) for instance in self.instances)
        return {
            truth: [
                (
                    counts[truth, answer],
                    -(-counts[truth, answer] * _SHADES // max(recall.total, 1)),
                )
                for answer in self.recalls
            ]
            for truth, recall in self.recalls.items()
        }
