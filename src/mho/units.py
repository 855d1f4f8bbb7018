"""Units at the edge: text such as "10y" or "25 kΩ" in, seconds and µS inside.

A month has 30 days and a year 365, as in the published drift figures that mho is checked against.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import TypeAlias

from mho.errors import ConfigError

Time: TypeAlias = float | int | str

_SECONDS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "min": 60.0,
    "h": 3600.0,
    "d": 86_400.0,
    "week": 604_800.0,
    "month": 2_592_000.0,
    "y": 31_536_000.0,
}
_TIME_NAMES = {
    "sec": "s", "second": "s", "seconds": "s", "minute": "min", "minutes": "min",
    "hour": "h", "hours": "h", "hr": "h", "day": "d", "days": "d", "w": "week", "wk": "week",
    "weeks": "week", "mo": "month", "months": "month", "year": "y", "years": "y", "yr": "y",
}  # fmt: skip
_TIME = re.compile(r"\s*([0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)\s*([a-zA-Zµ]*)\s*")

TO_uS = {"S": 1e6, "mS": 1e3, "uS": 1.0, "µS": 1.0, "nS": 1e-3}
"""Factors that turn a conductance into µS."""
TO_ohm = {"ohm": 1.0, "Ω": 1.0, "kohm": 1e3, "kΩ": 1e3, "Mohm": 1e6, "MΩ": 1e6}
"""Factors that turn a resistance into ohm."""
TO_A = {"A": 1.0, "mA": 1e-3, "uA": 1e-6, "µA": 1e-6, "nA": 1e-9}
"""Factors that turn a current into ampere."""
TO_V = {"V": 1.0, "mV": 1e-3}
"""Factors that turn a voltage into volt."""
TO_s = dict(_SECONDS)
"""Factors that turn a time into seconds."""


def seconds(time: Time) -> float:
    """Turn a time into seconds since programming.

    Args:
        time: Seconds as a number, or text such as ``"1s"``, ``"10y"``, ``"1 year"``, ``"30 min"``.

    Raises:
        ConfigError: The text is not a time, or the time is negative or not finite.

    >>> seconds("10y")
    315360000.0
    """
    if isinstance(time, str):
        match = _TIME.fullmatch(time)
        unit = match[2] if match else ""
        unit = _TIME_NAMES.get(unit.lower(), unit if unit in _SECONDS else unit.lower()) or "s"
        if match is None or unit not in _SECONDS:
            raise ConfigError(
                f"time '{time}' is not understood; write a number with one of "
                f"{', '.join(_SECONDS)}, such as '10y' or '30 min'."
            )
        value = float(match[1]) * _SECONDS[unit]
    else:
        value = float(time)
    if not math.isfinite(value) or value < 0:
        raise ConfigError(f"a time since programming must be finite and >= 0; got {time!r}.")
    return value


def all_seconds(times: Iterable[Time]) -> list[float]:
    """Turn several times into seconds; a single text or number is refused with the fix.

    >>> all_seconds(["1s", "1 h"])
    [1.0, 3600.0]
    """
    if isinstance(times, str | int | float):
        raise ConfigError(f"times must be a list; write [{times!r}] instead of {times!r}.")
    return [seconds(t) for t in times]


def time_text(t_s: float) -> str:
    """Write seconds for people, in the largest unit that keeps the number at 1 or more.

    >>> time_text(315360000.0), time_text(0.01), time_text(0)
    ('10 y', '10 ms', '0 s')
    """
    if t_s == 0:
        return "0 s"
    sizes = {name: size for name, size in _SECONDS.items() if name != "us"}
    fits = [name for name, size in sizes.items() if t_s >= size * 0.9999]
    name = fits[-1] if fits else "ns"
    size = sizes[name]
    return f"{t_s / size:.3g} {name}"
