"""Proportions of chips: the yield at a target, with an interval for counts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from mho.errors import ConfigError
from mho.results.estimate import check_confidence

Method = Literal["exact", "wilson"]


@dataclass(frozen=True, slots=True)
class Proportion:
    """A share of chips with its interval.

    Args:
        share: Passed chips over all chips.
        ci_low: Lower end of the interval of the share.
        ci_high: Upper end of the interval of the share.
        passed: How many chips passed.
        chips: How many chips were tried.
        confidence: Probability that the interval holds the true share.
        target: What a chip had to reach, or None where "passed" means something else.
    """

    share: float
    ci_low: float
    ci_high: float
    passed: int
    chips: int
    confidence: float
    target: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        goal = "" if self.target is None else f" reach {self.target:.2%}"
        return (
            f"{self.passed} of {self.chips} chips{goal}: {self.share:.0%} "
            f"({self.confidence:.0%} interval {self.ci_low:.0%} to {self.ci_high:.0%})"
        )


def proportion(
    passed: int,
    chips: int,
    confidence: float = 0.95,
    *,
    method: Method = "exact",
    target: float | None = None,
) -> Proportion:
    """Estimate a share from a count.

    Args:
        passed: How many chips passed.
        chips: How many chips were tried.
        confidence: Probability that the interval holds the true share.
        method: ``"exact"`` (Clopper and Pearson: never covers less than promised, the default) or
            ``"wilson"`` (narrower, covers the promised share on average).
        target: What a chip had to reach, kept for the reader.

    Returns:
        The proportion.

    Raises:
        ConfigError: The counts cannot be, or the method is unknown.

    Source: C. J. Clopper and E. S. Pearson, Biometrika 26, 404 (1934);
    E. B. Wilson, J. Am. Stat. Assoc. 22, 209 (1927).

    >>> p = proportion(20, 20)
    >>> f"{p.share} {p.ci_low:.3f} {p.ci_high}"
    '1.0 0.832 1.0'
    """
    from scipy import stats  # half a second: those who only read a store need not wait for it

    check_confidence(confidence)
    if not 0 <= passed <= chips or chips == 0:
        raise ConfigError(
            f"a yield needs 0 <= passed <= chips and at least one chip; got {passed} of {chips}."
        )
    if method not in ("exact", "wilson"):
        raise ConfigError(f"unknown interval '{method}'; choose 'exact' or 'wilson'.")
    interval = stats.binomtest(passed, chips).proportion_ci(confidence, method=method)
    return Proportion(
        share=passed / chips,
        ci_low=float(interval.low),
        ci_high=float(interval.high),
        passed=passed,
        chips=chips,
        confidence=confidence,
        target=target,
    )


def yield_at(
    values: npt.ArrayLike,
    target: float,
    confidence: float = 0.95,
    *,
    method: Method = "exact",
) -> Proportion:
    """Return the share of chips whose value reaches the target.

    Args:
        values: One accuracy per chip, shape ``(chips,)``.
        target: The accuracy that a chip must reach, as a fraction.
        confidence: Probability that the interval holds the true yield.
        method: See :func:`proportion`.

    Raises:
        ConfigError: No values, values that are not numbers, or a target that is not a fraction.

    >>> yield_at([0.97, 0.98, 0.91], 0.95).passed
    2
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or np.isnan(array).any():
        raise ConfigError("a yield needs one accuracy per chip, and none of them NaN.")
    if not 0 <= target <= 1:
        raise ConfigError(
            f"a target accuracy is a fraction from 0 to 1; got {target}. Write 0.95 for 95 %."
        )
    passed = int((array >= target).sum())
    return proportion(passed, array.size, confidence, method=method, target=target)
