"""Estimates over chips: a mean is never printed without its interval."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mho.errors import ConfigError

_WORST_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over chips with its interval, and how chips scatter around it.

    The interval is for the mean over *all* chips that the device law can make, on the images that
    were used. With one chip there is no interval: ``ci_low``, ``ci_high`` and ``sd`` are NaN.

    Args:
        mean: Mean over the chips.
        ci_low: Lower end of the interval of the mean.
        ci_high: Upper end of the interval of the mean.
        sd: Standard deviation from chip to chip (n - 1 in the denominator).
        q05: 5 % quantile over the chips, linear between them.
        worst: The smallest value.
        chips: How many chips.
        confidence: Probability that the interval holds the mean, e.g. 0.95.
    """

    mean: float
    ci_low: float
    ci_high: float
    sd: float
    q05: float
    worst: float
    chips: int
    confidence: float

    @property
    def half_width(self) -> float:
        """Half the width of the interval; infinite with one chip."""
        return math.inf if math.isnan(self.ci_low) else (self.ci_high - self.ci_low) / 2

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; what one chip cannot tell is None."""
        return {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in asdict(self).items()
        }

    def __str__(self) -> str:
        if self.chips == 1:
            return f"{self.mean:.2%} (one chip: no interval)"
        return (
            f"{self.mean:.2%} ({self.confidence:.0%} interval {self.ci_low:.2%} to "
            f"{self.ci_high:.2%}, sd {self.sd:.2%}, worst {self.worst:.2%}, {self.chips} chips)"
        )


def check_confidence(confidence: float) -> None:
    """Refuse a confidence that is not a probability strictly between 0 and 1.

    Raises:
        ConfigError: It is not.
    """
    if not 0 < confidence < 1:
        raise ConfigError(
            f"confidence must lie strictly between 0 and 1; got {confidence}. "
            "Write 0.95 for a 95 % interval."
        )


def _checked(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise ConfigError(
            f"an estimate needs one value per chip, at least one; got shape {array.shape}. "
            "Pass a flat list."
        )
    if not np.isfinite(array).all():
        raise ConfigError(
            f"an estimate needs finite values; chip {int(np.flatnonzero(~np.isfinite(array))[0])} "
            "in the list has NaN or infinity. Find out why before averaging it away."
        )
    return array


def estimate(
    values: npt.ArrayLike,
    confidence: float = 0.95,
    *,
    bounds: tuple[float, float] | None = None,
    min_half_width: float = 0.0,
) -> Estimate:
    """Estimate the mean over chips: Student's t interval, spread, 5 % quantile and worst.

    ``mean ± t(n - 1) sd / sqrt(n)``: exact for normal values, close for others from ten or so on.

    Args:
        values: One value per chip, shape ``(chips,)``.
        confidence: Probability that the interval holds the mean.
        bounds: Where values can lie; the interval is cut there, e.g. ``(0, 1)`` for accuracies.
        min_half_width: The interval is at least this wide each way. For values whose number was
            chosen by looking at them (see :class:`mho.evaluation.HalfWidth`).

    Returns:
        The estimate.

    Raises:
        ConfigError: No values, values that are not finite, or an impossible confidence.

    Source: W. S. Gosset ("Student"), Biometrika 6, 1 (1908).

    >>> e = estimate([0.90, 0.92, 0.94])
    >>> f"{e.mean:.3f} {e.ci_low:.3f} {e.ci_high:.3f} {e.worst}"
    '0.920 0.870 0.970 0.9'
    """
    from scipy import stats  # half a second: those who only read a store need not wait for it

    check_confidence(confidence)
    array = _checked(values)
    n = array.size
    mean = float(array.mean())
    if n == 1:
        sd = low = high = math.nan
    else:
        sd = float(array.std(ddof=1))
        half = float(stats.t.ppf((1 + confidence) / 2, n - 1)) * sd / math.sqrt(n)
        half = max(half, min_half_width)
        low, high = mean - half, mean + half
        if bounds is not None:
            low, high = max(low, bounds[0]), min(high, bounds[1])
    return Estimate(
        mean=mean,
        ci_low=low,
        ci_high=high,
        sd=sd,
        q05=float(np.quantile(array, _WORST_SHARE)),
        worst=float(array.min()),
        chips=n,
        confidence=confidence,
    )


def paired(a: npt.ArrayLike, b: npt.ArrayLike, confidence: float = 0.95) -> Estimate:
    """Estimate the mean of ``a - b`` on the *same* chips; far sharper than two intervals.

    What both share (this chip was programmed badly) cancels in each difference.

    Args:
        a: One value per chip, shape ``(chips,)``.
        b: The same chips in the same order, shape ``(chips,)``.
        confidence: Probability that the interval holds the mean difference.

    Returns:
        The estimate of the difference; ``worst`` is the chip that gained least.

    Raises:
        ConfigError: The lists differ in length, or hold nothing or NaN.

    >>> paired([0.91, 0.93, 0.95], [0.90, 0.92, 0.94]).sd < 1e-9
    True
    """
    first, second = _checked(a), _checked(b)
    if first.size != second.size:
        raise ConfigError(
            f"a paired comparison needs the same chips on both sides; got {first.size} and "
            f"{second.size}. Evaluate both with the same seed and number of chips."
        )
    return estimate(first - second, confidence)
