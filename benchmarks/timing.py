"""Timing two programs side by side on a machine that may be busy: alternate, and take medians."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
"""Wall time is what a user waits; with one thread on a busy machine, the process's own time."""


@dataclass(frozen=True)
class Ratio:
    """How long ours takes over how long theirs takes.

    Attributes:
        median: Median of the ratios of the pairs.
        low: Their lower quartile.
        high: Their upper quartile.
        pairs: How many pairs.
        ours_ms: Median time of one call of ours.
        theirs_ms: Median time of one call of theirs.
    """

    median: float
    low: float
    high: float
    pairs: int
    ours_ms: float
    theirs_ms: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)

    def over(self, factor: float) -> Ratio:
        """Return the ratio to ``factor`` calls of theirs."""
        return Ratio(
            median=self.median / factor,
            low=self.low / factor,
            high=self.high / factor,
            pairs=self.pairs,
            ours_ms=self.ours_ms,
            theirs_ms=self.theirs_ms * factor,
        )

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f}–{self.high:.2f})"


def compare(
    ours: Callable[[], object],
    theirs: Callable[[], object],
    *,
    pairs: int,
    clock: str = "wall",
    at_least_s: float = 0.1,
) -> Ratio:
    """Time two programs in alternating pairs, the order within a pair turned each time.

    Args:
        ours: What the ratio is about.
        theirs: What it is compared with.
        pairs: How many pairs.
        clock: ``"wall"`` or ``"cpu"``.
        at_least_s: Short calls are repeated within a pair until they take this long; 0 for long
            ones, which are then not warmed up either.
    """
    repeats = [_repeats(call, clock, at_least_s) for call in (ours, theirs)]
    times: tuple[list[float], list[float]] = ([], [])
    for pair in range(pairs):
        for which in (0, 1) if pair % 2 == 0 else (1, 0):
            times[which].append(seconds((ours, theirs)[which], clock, repeats[which]))
    ratios = [a / b for a, b in zip(*times, strict=True)]
    quartiles = statistics.quantiles(ratios, n=4) if pairs > 1 else [ratios[0]] * 3
    return Ratio(
        median=statistics.median(ratios),
        low=quartiles[0],
        high=quartiles[2],
        pairs=pairs,
        ours_ms=1e3 * statistics.median(times[0]),
        theirs_ms=1e3 * statistics.median(times[1]),
    )


def seconds(call: Callable[[], object], clock: str, repeats: int = 1) -> float:
    """Return the time of one call in s, the mean of some."""
    now = CLOCKS[clock]
    start = now()
    for _ in range(repeats):
        call()
    return (now() - start) / repeats


def _repeats(call: Callable[[], object], clock: str, at_least_s: float) -> int:
    """Return how often to call within a pair; the calls here are the warm-up."""
    if at_least_s == 0:
        return 1
    call()
    once = seconds(call, clock)
    return max(round(at_least_s / max(once, 1e-6)), 1)
