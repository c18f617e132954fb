"""Log-odds that are linear in features."""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

_STRENGTH = 3e-3
_ITERATIONS = 300


@dataclass(frozen=True)
class LinearScore:
    """Log-odds of a sample to be a defect.

    Args:
        weight (np.ndarray): float32, (C,).
        bias (float): of feature 0.
    """

    weight: np.ndarray
    bias: float

    @classmethod
    def fit(
        cls,
        feats: np.ndarray,
        is_defect: np.ndarray,
        weights: np.ndarray | None = None,
        strength: float = _STRENGTH,
    ) -> 'LinearScore':
        """Fit a logistic regression on standardised features.

        Args:
            feats (np.ndarray): float, (M, C).
            is_defect (np.ndarray): bool, (M,), of both kinds.
            weights (np.ndarray, optional): of the samples, positive. Defaults to None: both kinds
                weigh the same.
            strength (float): inverse of the penalty on coefficients of standardised features.
                Defaults to 0.003, for hundreds of features.
        """
        feats = feats.astype(np.float64)
        mean, std = feats.mean(0), feats.std(0) + 1e-9
        if weights is None:
            share = is_defect.mean()
            weights = np.where(is_defect, 0.5 / share, 0.5 / (1 - share))
        model = LogisticRegression(C=strength, max_iter=_ITERATIONS)
        model.fit((feats - mean) / std, is_defect, sample_weight=weights / weights.mean())
        weight = model.coef_[0] / std
        return cls(weight.astype(np.float32), float(model.intercept_[0] - weight @ mean))

    def __call__(self, feats: np.ndarray) -> np.ndarray:
        """Log-odds of samples, float32, (M,), of features (M, C)."""
        return feats.astype(np.float32) @ self.weight + np.float32(self.bias)
