"""The interval of a mean that is put together from independent samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Interval:
    """A mean and where it may lie.

    Attributes:
        mean: The estimate.
        low: Lower end of the interval.
        high: Upper end of the interval.
        confidence: Probability that the interval holds the mean that is wanted.
    """

    mean: float
    low: float
    high: float
    confidence: float

    @property
    def half_width(self) -> float:
        """Half the width of the interval."""
        return (self.high - self.low) / 2

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.mean:.2%} ({self.confidence:.0%} interval {self.low:.2%} to {self.high:.2%})"


def interval_of_sum(
    terms: Sequence[npt.ArrayLike],
    confidence: float = 0.95,
    *,
    bounds: tuple[float, float] = (-math.inf, math.inf),
    min_half_width: float = 0.0,
) -> Interval:
    """Return the interval of the sum of the means of independent samples.

    With the variance ``v = s² / n`` of each mean, ``sum(mean) ± t(nu) sqrt(sum(v))`` where
    ``nu = sum(v)² / sum(v² / (n - 1))``. One sample gives Student's interval.

    Args:
        terms: One sample each, of two values or more.
        confidence: Probability that the interval holds the sum.
        bounds: Where the sum can lie; the interval is cut there.
        min_half_width: The interval is at least this wide each way, before it is cut.

    Source: B. L. Welch, Biometrika 34, 28 (1947); F. E. Satterthwaite, Biometrics 2, 110 (1946).

    >>> found = interval_of_sum([[0.5, 0.7], [0.1, 0.1]], bounds=(0, 1))
    >>> round(found.mean, 3), found.high
    (0.7, 1)
    """
    from scipy.special import stdtrit  # Student's quantile

    samples = [np.asarray(term, dtype=np.float64) for term in terms]
    mean = float(sum(sample.mean() for sample in samples))
    variances = np.array([sample.var(ddof=1) / len(sample) for sample in samples])
    freedom = np.array([len(sample) - 1 for sample in samples])
    half, variance = 0.0, float(variances.sum())
    if variance > 0:
        nu = variance**2 / float((variances**2 / freedom).sum())
        half = float(stdtrit(nu, (1 + confidence) / 2)) * math.sqrt(variance)
    half = max(half, min_half_width)
    return Interval(mean, max(mean - half, bounds[0]), min(mean + half, bounds[1]), confidence)
