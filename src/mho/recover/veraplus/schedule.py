"""Which set of vectors is in force when."""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mho.units import Time, seconds


@dataclass(frozen=True)
class Schedule:
    """Sets by time: each in force from its start to the next one's, or mixed between two starts.

    Times before the first start use the first set, times after the last start the last one.

    Attributes:
        starts_s: Start of each set in s since programming, ascending.
        interpolate: Whether b and d run linearly in ln t from one set to the next.

    Example:
        >>> schedule = Schedule((1.0, 3600.0, 86400.0))
        >>> schedule.set_at("0.1 s"), schedule.set_at("1 h"), schedule.set_at("10 y")
        (0, 1, 2)
    """

    starts_s: tuple[float, ...]
    interpolate: bool = False

    @property
    def sets(self) -> int:
        """Number of sets."""
        return len(self.starts_s)

    def set_at(self, time: Time) -> int:
        """Return the number of the set in force at a time (the earlier of two that are mixed)."""
        return max(bisect.bisect_right(self.starts_s, seconds(time)) - 1, 0)

    def shares_at(self, time: Time) -> dict[int, float]:
        """Return the sets in force at a time and their shares, which add up to 1."""
        t_s, first = seconds(time), self.set_at(time)
        if not self.interpolate or first == self.sets - 1 or t_s <= self.starts_s[0]:
            return {first: 1.0}
        low, high = (math.log(t) for t in self.starts_s[first : first + 2])
        share = (math.log(t_s) - low) / (high - low)
        return {first: 1 - share, first + 1: share}

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, for a bundle."""
        return {"starts_s": list(self.starts_s), "interpolate": self.interpolate}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Schedule:
        """Build it again from plain data."""
        return cls(tuple(float(t) for t in values["starts_s"]), bool(values["interpolate"]))
