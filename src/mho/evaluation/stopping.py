"""Stopping rules: how many chips are enough, as a value."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from mho.device.law import Law
from mho.results import estimate


class StoppingRule(Law, ABC):
    """Decides after each round how many chips to run in all. Implementations are final.

    A rule looks at whole rounds only and knows nothing of clocks or workers, so the number of chips
    is the same however the work was done.
    """

    @property
    @abstractmethod
    def first(self) -> int:
        """How many chips to run before looking for the first time."""

    @abstractmethod
    def chips_wanted(self, accuracies: npt.NDArray[np.float64], confidence: float) -> int:
        """Return how many chips to have run before looking again; no more than now to stop.

        Args:
            accuracies: Shape ``(chips, times)``: whole rounds, in the order of the chips.
            confidence: Confidence of the interval.
        """

    @abstractmethod
    def is_met(self, accuracies: npt.NDArray[np.float64], confidence: float) -> bool:
        """Return whether these chips reach what was asked for, shape as above."""

    @property
    @abstractmethod
    def min_half_width(self) -> float:
        """Half-width below which no interval is to be drawn (see :class:`HalfWidth`)."""


class HalfWidth(StoppingRule):
    """Run chips until the interval of the mean is narrow enough at every time.

    After each round the sd so far says how many chips the wanted half-width needs,
    ``n = (t sd / half_width)²``; at most twice as many as before are run until the next look.
    Stopping when the sd happens to look small makes plain intervals a little too narrow: of 95 %
    intervals of normal values 94 % hold the mean. So the reported interval is never drawn narrower
    than ``half_width``; then 95 to 96 % do.

    Args:
        half_width: Wanted half-width of the interval, as a fraction: 0.002 is ±0.2 points.
        at_least: Chips of the first round, 2 or more.
        at_most: Chips after which to give up; the interval is then as wide as it is.

    Source: Y. S. Chow and H. Robbins, Ann. Math. Stat. 36, 457 (1965).

    >>> rule = HalfWidth(half_width=0.002, at_least=10, at_most=200)
    >>> rule.first, rule.chips_wanted(np.full((10, 1), 0.97), 0.95)
    (10, 10)
    """

    half_width: Annotated[float, Field(gt=0, lt=1)]
    at_least: Annotated[int, Field(ge=2)] = 10
    at_most: Annotated[int, Field(ge=2)] = 200

    def __init__(self, half_width: float | None = None, **settings: Any) -> None:
        super().__init__(**({} if half_width is None else {"half_width": half_width}), **settings)

    # Reading from a file does not go through __init__, so that errors keep their place in the file.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @model_validator(mode="after")
    def _ordered(self) -> HalfWidth:
        if self.at_most < self.at_least:
            raise ValueError(f"at_most ({self.at_most}) must not be below at_least")
        return self

    @property
    def first(self) -> int:
        """``at_least``."""
        return self.at_least

    @property
    def min_half_width(self) -> float:
        """``half_width``."""
        return self.half_width

    def chips_wanted(self, accuracies: npt.NDArray[np.float64], confidence: float) -> int:
        """Return how many chips to have run before looking again."""
        chips = len(accuracies)
        width = self._widest(accuracies, confidence)
        if width <= self.half_width:
            return chips
        needed = math.ceil(chips * (width / self.half_width) ** 2)
        return min(needed, 2 * chips, self.at_most)

    def is_met(self, accuracies: npt.NDArray[np.float64], confidence: float) -> bool:
        """Return whether the interval is narrow enough at every time."""
        return self._widest(accuracies, confidence) <= self.half_width

    def _widest(self, accuracies: npt.NDArray[np.float64], confidence: float) -> float:
        return max(estimate(column, confidence).half_width for column in accuracies.T)
