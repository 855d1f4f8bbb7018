"""What an evaluation found: accuracies of chips at times, and the estimates they allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mho.errors import ConfigError
from mho.results import Estimate, Proportion, estimate, paired, yield_at
from mho.units import Time, seconds, time_text


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Accuracies of the same chips at several times, as plain data.

    Attributes:
        times_s: Times since programming in s, in the order asked for.
        chips: Seeds of the chips.
        accuracies: Shape ``(chips, times)``.
        images: Examples behind each accuracy.
        task: Id of everything else that decides the answer.
        data: Digest of the examples.
        network: Name of the network, for people.
        metric: Name of the metric.
        confidence: Confidence of the intervals.
        target: Accuracy that a chip must reach, or None.
        extrapolated: For each time, whether it lies beyond what the device was measured at.
        min_half_width: No interval is drawn narrower each way (set by a stopping rule).
        met: Whether the stopping rule reached what it was asked for; None without a rule.
    """

    times_s: tuple[float, ...]
    chips: tuple[int, ...]
    accuracies: npt.NDArray[np.float64]
    images: int
    task: str
    data: str
    network: str
    metric: str
    confidence: float
    target: float | None
    extrapolated: tuple[bool, ...]
    min_half_width: float = 0.0
    met: bool | None = None

    def at(self, time: Time | None = None) -> Estimate:
        """Return the estimate at a time.

        Args:
            time: One of the times asked for; may be left out where there was only one.

        Raises:
            ConfigError: The time was not evaluated.
        """
        return self._estimate(self._column(time))

    def _estimate(self, column: int) -> Estimate:
        return estimate(
            self.accuracies[:, column],
            self.confidence,
            bounds=(0, 1),
            min_half_width=self.min_half_width,
        )

    @property
    def estimates(self) -> tuple[Estimate, ...]:
        """One estimate a time."""
        return tuple(self._estimate(column) for column in range(len(self.times_s)))

    @property
    def passes(self) -> int:
        """Forward passes of one example that these accuracies rest on."""
        return self.accuracies.size * self.images

    def only(self, chips: Sequence[int]) -> Evaluation:
        """Return the evaluation of some of its chips, in the order given.

        Args:
            chips: Seeds of chips that were evaluated.

        Raises:
            ConfigError: One of them was not.
        """
        missing = [chip for chip in chips if chip not in self.chips]
        if missing or not chips:
            raise ConfigError(
                f"chips must name some that were evaluated ({_short(self.chips)}); "
                f"got {missing or 'none'}."
            )
        rows = [self.chips.index(chip) for chip in chips]
        return replace(self, chips=tuple(chips), accuracies=self.accuracies[rows])

    def yield_at(self, target: float | None = None, time: Time | None = None) -> Proportion:
        """Return the share of chips that reach a target accuracy at a time.

        Args:
            target: Accuracy as a fraction; by default the one the evaluation was given.
            time: One of the times asked for; may be left out where there was only one.

        Raises:
            ConfigError: There is no target, or the time was not evaluated.
        """
        target = self.target if target is None else target
        if target is None:
            raise ConfigError("a yield needs a target accuracy; write yield_at(0.95, '10y').")
        return yield_at(self.accuracies[:, self._column(time)], target, self.confidence)

    def paired(self, other: Evaluation, time: Time | None = None) -> Estimate:
        """Return the estimate of *this minus other* on the same chips.

        Args:
            other: Another evaluation of the same chips on the same examples.
            time: A time that both have; may be left out where each has only one, so that one
                network may be compared between two times.

        Raises:
            ConfigError: Chips, examples, metric or times are not the same.
        """
        for what, mine, theirs in (
            ("chips", self.chips, other.chips),
            ("data", self.data, other.data),
            ("metric", self.metric, other.metric),
        ):
            if mine != theirs:
                raise ConfigError(
                    f"a paired comparison needs the same {what} on both sides; got "
                    f"{_short(mine)} and {_short(theirs)}. Evaluate both in the same way."
                )
        mine_at, theirs_at = self._column(time), other._column(time)
        return paired(self.accuracies[:, mine_at], other.accuracies[:, theirs_at], self.confidence)

    def _column(self, time: Time | None) -> int:
        if time is None:
            if len(self.times_s) == 1:
                return 0
            raise ConfigError(f"say at which time: {self._known()} were evaluated.")
        t_s = seconds(time)
        for column, known in enumerate(self.times_s):
            if abs(known - t_s) <= 1e-9 * max(known, t_s):
                return column
        raise ConfigError(
            f"t = {time_text(t_s)} was not evaluated; known: {self._known()}. "
            "Add it to times= and evaluate again: finished trials are kept in a store."
        )

    def _known(self) -> str:
        return ", ".join(time_text(t) for t in self.times_s)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON: per time the estimate, the yield and each chip's accuracy."""
        times = []
        for column, (t_s, beyond) in enumerate(zip(self.times_s, self.extrapolated, strict=True)):
            reached = None if self.target is None else self.yield_at(self.target, t_s).to_dict()
            times.append(
                {
                    "t_s": t_s,
                    "label": time_text(t_s),
                    **self._estimate(column).to_dict(),
                    "extrapolated": beyond,
                    "yield": reached,
                    "accuracies": self.accuracies[:, column].tolist(),
                }
            )
        return {
            "task": self.task,
            "network": self.network,
            "data": self.data,
            "metric": self.metric,
            "images": self.images,
            "chips": list(self.chips),
            "passes": self.passes,
            "stopping_rule_met": self.met,
            "times": times,
        }

    def __str__(self) -> str:
        lines = [f"{self.network}: {self.metric} on {self.images} examples"]
        for t_s, found, beyond in zip(self.times_s, self.estimates, self.extrapolated, strict=True):
            lines.append(f"{time_text(t_s):>10}  {found}{'  (extrapolated)' if beyond else ''}")
        lines.append(f"{self.passes:,} forward passes")
        return "\n".join(lines)


def _short(value: str | tuple[int, ...]) -> str:
    if isinstance(value, str):
        return value[:12]
    consecutive = value == tuple(range(value[0], value[0] + len(value)))
    return f"chips {value[0]} to {value[-1]}" if consecutive else f"{len(value)} chips"
