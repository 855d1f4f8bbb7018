"""Scales: from values to pixels, and which values deserve a tick."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from mho.units import TO_s, time_text


@dataclass(frozen=True)
class Tick:
    """A place on an axis: its value, its text ('' for a mark without one)."""

    value: float
    text: str


@dataclass(frozen=True, kw_only=True)
class Scale(ABC):
    """Maps values onto pixels from ``start`` to ``end``."""

    start: float = 0.0
    end: float = 1.0

    @abstractmethod
    def __call__(self, value: float) -> float:
        """Return the pixel of a value."""

    @abstractmethod
    def ticks(self) -> list[Tick]:
        """Return the ticks that fit."""

    def onto(self, start: float, end: float) -> Self:
        """Return the same scale over other pixels."""
        return replace(self, start=start, end=end)

    @property
    def pixels(self) -> float:
        """Length in pixels."""
        return abs(self.end - self.start)


@dataclass(frozen=True, kw_only=True)
class LinearScale(Scale):
    """Equal steps: ``px = start + (value - low) / (high - low) * (end - start)``.

    Args:
        low: Value at ``start``.
        high: Value at ``end``.
        text: How a tick reads; None writes the number with as few digits as its step needs.
        spacing: Least distance between ticks in pixels.

    >>> LinearScale(low=0, high=10, start=0, end=100)(2.5)
    25.0
    """

    low: float
    high: float
    text: Callable[[float], str] | None = None
    spacing: float = 36.0

    def __call__(self, value: float) -> float:
        """Return the pixel of a value."""
        span = (self.high - self.low) or 1.0
        return self.start + (value - self.low) / span * (self.end - self.start)

    def ticks(self) -> list[Tick]:
        """Return round values 1, 2 or 5 × 10^k apart."""
        step = nice_step(self.high - self.low, max(int(self.pixels / self.spacing), 1))
        digits = max(0, -math.floor(math.log10(step) + 1e-9))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        values = [round(k * step, digits + 3) for k in range(first, last + 1)]
        write = self.text or (lambda value: f"{value:.{digits}f}".replace("-", "−"))
        return [Tick(value, write(value)) for value in values]


@dataclass(frozen=True, kw_only=True)
class LogTimeScale(Scale):
    """Time since programming on a log scale; 0 s, where asked for, stands apart on the left.

    Args:
        low_s: Shortest time > 0.
        high_s: Longest time.
        prefer_s: Times to label first (those measured).
        zero: Whether 0 s, right after programming, needs a place.
        spacing: Least distance between labelled ticks in pixels.

    >>> scale = LogTimeScale(low_s=1, high_s=100, start=0, end=10)
    >>> scale(10)
    5.0
    """

    low_s: float
    high_s: float
    prefer_s: tuple[float, ...] = field(default=())
    zero: bool = False
    spacing: float = 44.0

    def __call__(self, value: float) -> float:
        """Return the pixel of a time in s; times at or below 0 take the place of 0."""
        first = self.start + (0.09 * (self.end - self.start) if self.zero else 0)
        if value <= 0:
            return self.start
        span = math.log(self.high_s / self.low_s) or 1.0
        return first + math.log(value / self.low_s) / span * (self.end - first)

    def ticks(self) -> list[Tick]:
        """Return the preferred times that fit, then landmarks such as 1 h, 1 d, 1 y."""
        inside = [t for t in self.prefer_s if t <= 0 or self._holds(t)]
        # The ends are labelled first, then the larger times: a reader asks about the years.
        ends = [inside[0], inside[-1]] if inside else []
        order = [*ends, *reversed(inside), *(t for t in _LANDMARKS if self._holds(t))]
        chosen: list[float] = []
        for t in order:
            if all(abs(self(t) - self(other)) >= self.spacing for other in chosen):
                chosen.append(t)
        bare = [t for t in inside if t not in chosen]
        return sorted(
            [Tick(t, time_text(max(t, 0))) for t in chosen] + [Tick(t, "") for t in bare],
            key=lambda tick: tick.value,
        )

    def _holds(self, t: float) -> bool:
        return self.low_s * (1 - 1e-9) <= t <= self.high_s * (1 + 1e-9)


@dataclass(frozen=True, kw_only=True)
class RootScale(Scale):
    """Signed square root: room for what lies near 0, and 30 points away still on the page.

    ``px`` is linear in ``sign(v) sqrt(|v|)``: for losses and gains of accuracy in points, where a
    method that costs 0.3 and one that costs 30 stand in one picture.

    >>> scale = RootScale(low=-100, high=0, start=0, end=100)
    >>> scale(-25), scale(-100)
    (50.0, 0.0)
    """

    low: float
    high: float
    spacing: float = 40.0

    def __call__(self, value: float) -> float:
        """Return the pixel of a value."""
        low, high = _root(self.low), _root(self.high)
        return self.start + (_root(value) - low) / ((high - low) or 1.0) * (self.end - self.start)

    def ticks(self) -> list[Tick]:
        """Return 0, then the round values that still fit, the roundest first."""
        chosen: list[float] = []
        for size in (0.0, 10.0, 1.0, 100.0, 5.0, 2.0, 20.0, 50.0, 0.5, 0.2, 30.0, 0.1, 0.05, 0.02):
            for value in (size, -size) if size else (size,):
                fits = all(abs(self(value) - self(v)) >= self.spacing for v in chosen)
                if self.low <= value <= self.high and fits:
                    chosen.append(value)
        return [Tick(value, _signed(value)) for value in sorted(chosen)]


def _root(value: float) -> float:
    return math.copysign(math.sqrt(abs(value)), value)


def _signed(value: float) -> str:
    return f"{value:+g}".replace("-", "−") if value else "0"


_LANDMARKS = [
    *(TO_s[name] for name in ("y", "d", "h", "s", "month", "min", "week")),
    *(TO_s["y"] * 10, TO_s["y"] * 100, 1e-3, 1e-6, 0.1, 0.01, 10.0, 1e-4, 1e-5, 1e-9),
]


def time_scale(times_s: Sequence[float], **changes: float) -> LogTimeScale:
    """Return the time scale that shows these times, also when there is only one.

    >>> time_scale([0.0, 1.0, 3600.0]).zero
    True
    """
    later = sorted({t for t in times_s if t > 0})
    low, high = (later[0], later[-1]) if later else (1.0, 10.0)
    if high / low < 10:  # one time, or nearly one: give it room on both sides
        middle = math.sqrt(low * high)
        low, high = middle / math.sqrt(10), middle * math.sqrt(10)
    zero = any(t <= 0 for t in times_s)
    prefer = tuple(sorted(set(times_s)))
    return LogTimeScale(low_s=low, high_s=high, prefer_s=prefer, zero=zero, **changes)


def linear_scale(
    values: Sequence[float], *, pad: float = 0.06, text: Callable[[float], str] | None = None
) -> LinearScale:
    """Return a linear scale that shows these values with a little room around them.

    >>> scale = linear_scale([0.0, 10.0], pad=0.1)
    >>> scale.low, scale.high
    (-1.0, 11.0)
    """
    finite = [v for v in values if math.isfinite(v)] or [0.0, 1.0]
    low, high = min(finite), max(finite)
    room = pad * (high - low) or abs(high) * 0.05 or 0.5
    return LinearScale(low=low - room, high=high + room, text=text)


def root_scale(values: Sequence[float]) -> RootScale:
    """Return a signed-root scale that shows 0 and these values with a little room.

    >>> root_scale([-4.0]).high > 0
    True
    """
    finite = [0.0, *(v for v in values if math.isfinite(v))]
    low, high = _root(min(finite)), _root(max(finite))
    room = 0.05 * (high - low) or 0.5
    low, high = low - room, high + room
    return RootScale(low=low * abs(low), high=high * abs(high))


def nice_step(span: float, count: int) -> float:
    """Return the step 1, 2 or 5 × 10^k that divides a span into at most ``count`` parts.

    >>> nice_step(10, 5), nice_step(0.3, 4)
    (2.0, 0.1)
    """
    if not (math.isfinite(span) and span > 0):
        return 1.0
    rough = span / max(count, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    factor = next((f for f in (1, 2, 5, 10) if f * power >= rough * (1 - 1e-9)), 10)
    return round(factor * power, 12) if power > 1e-9 else factor * power
