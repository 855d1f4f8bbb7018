"""How sure the bound is: lower confidence limits from chips that no decision has seen."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence


def lower_limit(values: Sequence[float], deviations: float, confidence: float) -> float:
    """Return a lower confidence limit of the population's ``mean - deviations * sd``.

    For normal values this is the one-sided tolerance limit ``mean - k sd`` with
    ``k = t'(confidence; n - 1, deviations √n) / √n``, t' being the quantile of the noncentral t
    distribution; with ``deviations = 0`` it is Student's limit of the mean.

    Args:
        values: One a chip, at least 2.
        deviations: Standard deviations below the mean.
        confidence: One-sided, in (0, 1).

    >>> round(lower_limit([0.98, 0.99, 1.0], 0, 0.95), 4)
    0.9731

    Source:
        G. Hahn and W. Meeker, Statistical Intervals, 2nd ed., section 4.4.
    """
    from scipy.stats import nct

    n = len(values)
    quantile = float(nct.ppf(confidence, df=n - 1, nc=deviations * math.sqrt(n)))
    return statistics.fmean(values) - quantile / math.sqrt(n) * statistics.stdev(values)


def for_all(confidence: float, claims: int) -> float:
    """Return the confidence of each of several claims that makes all of them hold together.

    Bonferroni's: whatever the claims have to do with each other.

    >>> round(for_all(0.95, 5), 4)
    0.99
    """
    return 1 - (1 - confidence) / claims
