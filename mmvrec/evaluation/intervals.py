"""Confidence intervals of accuracies."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

#: 97.5 % quantile of the normal distribution, for intervals of 95 %.
QUANTILE = 1.959963984540054


def wilson_interval(
    accuracy: float, number: float, quantile: float = QUANTILE
) -> tuple[float, float]:
    """Compute the score interval of a share (Wilson, J. Am. Stat. Assoc. 1927).

    Args:
        accuracy (float): share of right answers, in [0, 1].
        number (float): independent answers, > 0.
        quantile (float): how many standard errors are allowed for. Defaults to 1.96, for 95 %.

    Returns:
        tuple[float, float]: lower and upper bound, in [0, 1].
    """
    spread = quantile**2 / number
    centre = (accuracy + spread / 2) / (1 + spread)
    half = np.sqrt(spread * (accuracy * (1 - accuracy) + spread / 4)) / (1 + spread)
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def total_interval(episodes: np.ndarray, queries: Sequence[np.ndarray]) -> tuple[float, float]:
    """Compute the 95 % interval of an accuracy over other support sets and other queries.

    All episodes are evaluated on the same queries, so the spread over episodes says nothing of what
    other queries would give. The variance is the sum of two: that of the episodes' mean and that of
    the queries' mean, as for answers that are clustered in two ways (Cameron, Gelbach and Miller,
    "Robust Inference With Multiway Clustering", J. Bus. Econ. Stat. 2011), without the term that
    they subtract: with few episodes the sum is what covers (Owen, "The Pigeonhole Bootstrap", Ann.
    Appl. Stat. 2007). It makes an effective number of independent answers for Wilson's interval
    (Korn and Graubard, Surv. Methodol. 1998), with Student's quantile for few of either.
    One episode says nothing of other support sets: there it is Wilson's interval over queries.

    ``benchmarks/interval_coverage.py`` shows by simulation how often it is right.

    Args:
        episodes (np.ndarray): accuracy of every episode, in [0, 1], (E,); of several tasks the mean
            over these.
        queries (Sequence[np.ndarray]): of every task, the share of right answers to each query,
            (Q,).

    Returns:
        tuple[float, float]: lower and upper bound, in [0, 1].
    """
    mean, number = float(episodes.mean()), len(episodes)
    # Answers of one episode, as many as if all tasks had equally many queries.
    size = len(queries) ** 2 / sum(1 / len(share) for share in queries)
    if number == 1:
        return wilson_interval(mean, size)
    parts = [(episodes.var(ddof=1) / number, number - 1)]
    for share in queries:
        if len(share) > 1:
            parts.append((share.var(ddof=1) / len(share) / len(queries) ** 2, len(share) - 1))
    variance = sum(part for part, _ in parts)
    if variance == 0:
        return wilson_interval(mean, size)
    # Degrees of freedom as of Welch and Satterthwaite.
    freedom = variance**2 / sum(part**2 / degrees for part, degrees in parts)
    quantile = float(stats.t.ppf(0.975, freedom))
    # There cannot be more answers than were given.
    effective = min(mean * (1 - mean) / variance, number * size)
    return wilson_interval(mean, effective, quantile)
