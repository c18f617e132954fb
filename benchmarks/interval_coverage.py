"""How often the intervals of FewShotAccuracy contain the accuracy that they are about.

    interval_coverage.py [--repeats 4000]

Answers are drawn with effects of the support set and of the query on the logit of being right. The
accuracy over all support sets and queries is known, and so is how often each interval contains it:
``ci95``, over episodes alone, and the one of episodes and queries.
"""

import argparse
from itertools import product

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from mmvrec.evaluation.few_shot_metric import summary
from mmvrec.evaluation.intervals import total_interval

_GRID = np.random.default_rng(1).normal(size=(2, 200_000))


def truth(centre: float, of_episodes: float, of_queries: float) -> float:
    """Expected accuracy."""
    logits = centre + of_episodes * _GRID[0] + of_queries * _GRID[1]
    return float((1 / (1 + np.exp(-logits))).mean())


def answers(rng, episodes: int, queries: int, centre: float, effects: tuple) -> np.ndarray:
    """One experiment: 1 where right, (episodes, queries)."""
    logits = centre + effects[0] * rng.normal(size=(episodes, 1))
    logits = logits + effects[1] * rng.normal(size=(1, queries))
    return (rng.random((episodes, queries)) < 1 / (1 + np.exp(-logits))).astype(float)


def main() -> None:
    """Run the simulation and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--repeats', type=int, default=4000)
    repeats = parser.parse_args().repeats
    rng = np.random.default_rng(0)
    table = Table('episodes', 'queries', 'accuracy', 'sd support', 'sd query', 'ci95', 'total')
    cases = list(
        product((5, 10, 30), (16, 72, 500), (1.0, 3.0), ((0.0, 2.0), (0.3, 1.0), (0.6, 3)))
    )
    for episodes, queries, centre, effects in track(cases, 'Simulating'):
        expected, hits = truth(centre, *effects), np.zeros(2)
        for _ in range(repeats):
            right = answers(rng, episodes, queries, centre, effects)
            mean, _, half = summary(right.mean(1))
            low, high = total_interval(right.mean(1), [right.mean(0)])
            hits += abs(mean - expected) <= half, low <= expected <= high
        shares = [f'{100 * share:.1f}' for share in hits / repeats]
        sizes = [str(v) for v in (episodes, queries, f'{100 * expected:.1f}', *effects)]
        table.add_row(*sizes, *shares)
    Console(width=100).print(table)


if __name__ == '__main__':
    main()
