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


def sure_it_fails(values: Sequence[float], deviations: float, bound: float) -> float:
    """Return the confidence that the population's ``mean - deviations * sd`` is below a bound.

    The counterpart of :func:`lower_limit`: the largest confidence at which the one-sided upper
    limit of ``mean - deviations * sd`` still lies below the bound.

    Args:
        values: One a chip, at least 2.
        deviations: Standard deviations below the mean.
        bound: What had to be kept.

    >>> sure_it_fails([0.90, 0.91, 0.92], 0, 0.91), sure_it_fails([0.5, 0.51, 0.52], 0, 0.9) > 0.99
    (0.5, True)
    """
    from scipy.stats import nct, t

    n, sd = len(values), statistics.stdev(values)
    if sd == 0:
        return float(statistics.fmean(values) < bound)
    ratio = (statistics.fmean(values) - bound) / sd * math.sqrt(n)
    if not deviations:
        return float(t.sf(ratio, df=n - 1))
    return float(nct.sf(ratio, df=n - 1, nc=deviations * math.sqrt(n)))


def for_all(confidence: float, claims: int) -> float:
    """Return the confidence of each of several claims that makes all of them hold together.

    Bonferroni's: whatever the claims have to do with each other.

    >>> round(for_all(0.95, 5), 4)
    0.99
    """
    return 1 - (1 - confidence) / claims
