"""How many levels a device can tell apart: at a stated error rate, at a stated time.

A level counts as read wrongly when a read of a cell written to it falls on the side of another
level. Everything that moves a read takes part: programming error, drift up to that time and read
noise. Stuck cells are counted apart: no placement of levels helps them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np

from mho.device.cells import Cells, cells_at
from mho.device.device import Device
from mho.device.law import Array
from mho.device.levels import ListedLevels
from mho.errors import ConfigError, unknown
from mho.units import Time, seconds

Placement: TypeAlias = Literal["equal-error", "uniform"]
Reader: TypeAlias = Literal["equal-error", "midpoint"]
_MOST = 256
_GRID = 65


@dataclass(frozen=True, eq=False)
class LevelReading:
    """Levels, the thresholds between them, and how often each is read as which.

    ``confusion[i, j]`` is the share of cells written to level i that are read as level j at
    ``t_s``; its rows sum to 1. ``stuck_share`` of all cells are stuck and not part of it.
    """

    device: str
    t_s: float
    extrapolated: bool
    g_uS: Array
    thresholds_uS: Array
    confusion: Array
    stuck_share: float

    @property
    def count(self) -> int:
        """How many levels there are."""
        return len(self.g_uS)

    @property
    def error_rates(self) -> Array:
        """Share of wrong reads of each level."""
        return 1 - np.diag(self.confusion)

    @property
    def worst(self) -> float:
        """Share of wrong reads of the worst level."""
        return float(self.error_rates.max())

    @property
    def mean(self) -> float:
        """Share of wrong reads where all levels are written equally often."""
        return float(self.error_rates.mean())

    def as_levels(self) -> ListedLevels:
        """Return these levels as a law, for ``device.replace(levels=...)``."""
        return ListedLevels(g_uS=tuple(float(g) for g in self.g_uS))


def read_levels(
    device: Device,
    levels_uS: Sequence[float] | None = None,
    *,
    t: Time | None = None,
    reader: Reader = "equal-error",
) -> LevelReading:
    """Say how often given levels are read wrongly.

    Use it to see which error rate a stated number of levels means: the ten levels of charan2020 at
    50 % spread are read wrongly more often than not in the middle of the window.

    Args:
        device: The device law.
        levels_uS: Ascending levels in µS; None takes the device's own.
        t: Time since programming; None is the device's reference time.
        reader: Where the thresholds lie. ``"equal-error"``: where the lower level is overrun as
            often as the upper one falls short, at that time. ``"midpoint"``: half-way between the
            levels as written, by a reader that knows neither spread nor drift.

    Raises:
        ConfigError: There are fewer than two levels, or they do not ascend.
        OutOfRangeError: A level or the time lies outside the valid range.

    Example:
        >>> import mho
        >>> reading = read_levels(mho.load_device("charan2020"))
        >>> reading.count, round(reading.worst, 2)
        (10, 0.9)
    """
    if levels_uS is None:
        own = device.levels.positions(device.window)
        if own is None:
            raise ConfigError(
                f"device '{device.name}' has analogue levels; give levels_uS, or let "
                "distinguishable_levels place them."
            )
        levels_uS = own.tolist()
    g = np.asarray(levels_uS, dtype=np.float64)
    if g.ndim != 1 or g.size < 2 or not (np.diff(g) > 0).all():
        raise ConfigError("levels_uS needs two or more conductances in µS in ascending order.")
    if reader not in get_args(Reader):
        raise unknown("reader", reader, get_args(Reader))
    device.check_conductance(g)
    t_s = device.t0_s if t is None else seconds(t)
    return _reading(device, g, [cells_at(device, x, t_s) for x in g], t_s, reader)


def distinguishable_levels(
    device: Device,
    *,
    error_rate: float = 0.01,
    t: Time | None = None,
    placement: Placement = "equal-error",
    resolution_uS: float | None = None,
) -> LevelReading:
    """Place as many levels as can be told apart, each read wrongly at most so often.

    Use it for "how many levels has this device now, and how many are left after ten years?". With
    ``"equal-error"`` levels lie closer where the device is precise: the count is the largest
    possible, and the levels are then drawn apart over the window until all are equally safe. With
    ``"uniform"`` they are equally spaced, as a linear mapping of weights wants them.

    Args:
        device: The device law; its own levels play no part.
        error_rate: Largest share of wrong reads of any level, between 0 and 0.5.
        t: Time since programming; None is the device's reference time.
        placement: How to place the levels.
        resolution_uS: Closest spacing that a reader resolves, in µS; None is 1/256 of the window,
            as of an 8-bit converter. It matters where a law lets its spread vanish at 0 µS.

    Returns:
        The levels and how they are read; a single level where not even two can be told apart.

    Raises:
        ConfigError: The error rate is not between 1e-9 and 0.5, or the placement is unknown.
        OutOfRangeError: The time lies outside the valid range.

    Example:
        >>> import mho
        >>> falcone = mho.load_device("falcone2025")
        >>> now, later = (distinguishable_levels(falcone, t=t).count for t in ("1 s", "10 y"))
        >>> now > later > 8
        True
    """
    if not 1e-9 <= error_rate < 0.5:
        raise ConfigError(
            f"error_rate must lie between 1e-9 and 0.5 (a share of reads); got {error_rate!r}."
        )
    if placement not in get_args(Placement):
        raise unknown("placement", placement, get_args(Placement))
    t_s = device.t0_s if t is None else seconds(t)
    device.check_time(t_s)
    low, high = _span(device)
    resolution = (high - low) / 256 if resolution_uS is None else resolution_uS
    if placement == "uniform":
        return _most_uniform(device, low, high, t_s, error_rate, resolution)
    packing = _Packing(device, np.linspace(low, high, _GRID), t_s, resolution)
    levels = packing.drawn_apart(error_rate, len(packing.levels(error_rate)))
    return _reading(device, levels, [cells_at(device, g, t_s) for g in levels], t_s, "equal-error")


def _span(device: Device) -> tuple[float, float]:
    """Return the part of the window that was measured."""
    low, high = device.window
    return max(low, device.valid.g_uS[0]), min(high, device.valid.g_uS[1])


def _reading(
    device: Device, g: Array, cells: Sequence[Cells], t_s: float, reader: Reader
) -> LevelReading:
    thresholds = [
        (g[i] + g[i + 1]) / 2 if reader == "midpoint" else _between(cells[i], cells[i + 1])
        for i in range(len(g) - 1)
    ]
    below = [[level.below(x) for x in thresholds] for level in cells]
    edges = np.pad(np.reshape(below, (len(g), -1)), ((0, 0), (1, 1)), constant_values=(0, 1))
    faults = device.faults
    return LevelReading(
        device=device.name,
        t_s=t_s,
        extrapolated=device.is_extrapolated(t_s),
        g_uS=g,
        thresholds_uS=np.array(thresholds),
        confusion=np.maximum(np.diff(edges, axis=1), 0),
        stuck_share=faults.stuck_at_lrs + faults.stuck_at_hrs,
    )


def _between(lower: Cells, upper: Cells) -> float:
    """Return where as many cells of the lower level lie above as of the upper one below."""
    left, right = lower.quantile(0.5), upper.quantile(0.5)
    for _ in range(60):
        middle = (left + right) / 2
        if 1 - lower.below(middle) > upper.below(middle):
            left = middle
        else:
            right = middle
    return (left + right) / 2


def _most_uniform(
    device: Device, low: float, high: float, t_s: float, error_rate: float, resolution: float
) -> LevelReading:
    """Add levels while all of them stay within the error rate."""
    single = np.array([low])
    best = _reading(device, single, [cells_at(device, low, t_s)], t_s, "equal-error")
    for count in range(2, _MOST + 1):
        levels = np.linspace(low, high, count)
        if levels[1] - levels[0] < resolution:
            break
        cells = [cells_at(device, g, t_s) for g in levels]
        reading = _reading(device, levels, cells, t_s, "equal-error")
        if reading.worst > error_rate:
            break
        best = reading
    return best


class _Packing:
    """Levels packed from the bottom of the window, each as close to the last as it may be.

    A level takes the interval that holds all its reads but ``error_rate``, half of that on either
    side, so that the errors at every threshold are equal.
    """

    def __init__(self, device: Device, grid: Array, t_s: float, resolution: float) -> None:
        self.grid = grid
        self.cells = [cells_at(device, g, t_s) for g in grid]
        self.fine = np.linspace(grid[0], grid[-1], 20 * (len(grid) - 1) + 1)
        self.resolution = resolution

    def levels(self, error_rate: float) -> Array:
        """Return as many levels as fit, ascending in µS."""
        starts, stops = self._quantile(error_rate / 2), self._quantile(1 - error_rate / 2)
        chosen = [int(np.argmin(stops))]
        while len(chosen) < _MOST:
            apart = self.fine >= self.fine[chosen[-1]] + self.resolution
            free = np.flatnonzero((starts > stops[chosen[-1]]) & apart)
            if not free.size:
                break
            chosen.append(int(free[np.argmin(stops[free])]))  # the one that ends first
        return np.asarray(self.fine[chosen])

    def _quantile(self, share: float) -> Array:
        """Return where this share of reads lies below, for every conductance on the fine grid."""
        return np.interp(self.fine, self.grid, [cells.quantile(share) for cells in self.cells])

    def drawn_apart(self, error_rate: float, count: int) -> Array:
        """Return so many levels at the smallest error rate at which they still fit."""
        low, high = 1e-9, error_rate
        for _ in range(40):
            middle = float(np.sqrt(low * high))
            if len(self.levels(middle)) >= count:
                high = middle
            else:
                low = middle
        return self.levels(high)[:count]
