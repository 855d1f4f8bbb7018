"""Which conductance each cell was meant to have: targets, levels, or clusters of first readings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mho.device.tables.paths import Paths
from mho.device.tables.reads import Codes, Floats

_FEW = 30
_MOST_STATES = 1024
_HEAP = 5.0
"""Readings a bin, smoothed over five, from which a heap is one: chance makes lower ones."""


@dataclass(frozen=True)
class States:
    """The programmable states that a table shows.

    Args:
        g_uS: Their targets, ascending, shape ``(states,)``; empty where none can be told.
        code: State of each path, -1 where it has none (an overshoot, or no states at all).
        names: What the table calls each state: its level or target.
        how: How the targets were found.
        overshoot: Paths programmed beyond the intended states.
    """

    g_uS: Floats
    code: Codes
    names: tuple[str, ...]
    how: str
    overshoot: npt.NDArray[np.bool_]

    @property
    def known(self) -> bool:
        """Whether there are states at all."""
        return self.g_uS.size > 0

    def target_uS(self) -> Floats:
        """Return each path's target; NaN where it has none."""
        if not self.known:
            return np.full(self.code.size, np.nan)
        return np.where(self.code >= 0, self.g_uS[np.maximum(self.code, 0)], np.nan)


def find_states(paths: Paths) -> States:
    """Find the intended states: by target column, by level column, or as clusters.

    Args:
        paths: Cells over time.

    Returns:
        The states; without targets, levels or clusters there are none and any conductance counts
        as intended.
    """
    if paths.target_uS is not None:
        return _from_targets(paths)
    if paths.level is not None:
        return _from_levels(paths, paths.level)
    return _from_clusters(paths)


def _no_overshoot(paths: Paths) -> npt.NDArray[np.bool_]:
    return np.zeros(len(paths), dtype=bool)


def _from_targets(paths: Paths) -> States:
    assert paths.target_uS is not None
    targets, code = np.unique(paths.target_uS, return_inverse=True)
    if targets.size > _MOST_STATES or targets.size > len(paths) / 2:
        edges = np.quantile(paths.target_uS, np.linspace(0, 1, 33)[1:-1])
        bins = np.searchsorted(np.unique(edges), paths.target_uS)
        _, code = np.unique(bins, return_inverse=True)
        centres = np.array([paths.target_uS[code == k].mean() for k in range(code.max() + 1)])
        names = tuple(f"{g:.4g} µS" for g in centres)
        return States(centres, code, names, "target column, in groups", _no_overshoot(paths))
    names = tuple(f"{g:g} µS" for g in targets)
    return States(targets, code, names, "target column", _no_overshoot(paths))


def _from_levels(paths: Paths, level: Codes) -> States:
    """Take as target the middle of a range that is filled evenly, else the median reading."""
    known = np.unique(level[level >= 0])
    counts = np.array([(level == k).sum() for k in known])
    usual = np.median(counts[counts >= _FEW]) if (counts >= _FEW).any() else 0
    intended = known[: _last_usual(counts, usual) + 1]
    centres, even = _centres(paths, level, intended)
    centres, regular = _regular(intended, centres)
    order = np.argsort(centres, kind="stable")
    intended, centres = intended[order], centres[order]
    code = np.full(level.size, -1, dtype=np.int64)
    for k, name in enumerate(intended):
        code[level == name] = k
    beyond = (level >= 0) & (code < 0)
    how = "level column, " + ("the middle of each range" if even else "the median first reading")
    how += ", equally spaced" if regular else ""
    return States(centres, code, tuple(str(k) for k in intended), how, beyond)


def _last_usual(counts: Codes, usual: float) -> int:
    """Return the index of the last level before the thin tail of overshoots."""
    last = len(counts) - 1
    while last > 0 and counts[last] < 0.25 * usual:
        last -= 1
    return last


def _centres(paths: Paths, level: Codes, levels: Codes) -> tuple[Floats, bool]:
    """Return each level's target, and whether its range is filled evenly (a flat distribution)."""
    readings = [paths.g0_uS[level == k] for k in levels]
    middle = np.array([np.median(r) for r in readings])
    flat = []
    for r in readings:
        if r.size >= _FEW and np.ptp(r) > 0:
            z = (r - r.mean()) / r.std()
            flat.append(float((z**4).mean()) < 2.2)  # 1.8 for a uniform, 3 for a normal one
    if flat and np.mean(flat) > 0.8:
        return np.array([(r.min() + r.max()) / 2 for r in readings]), True
    return middle, False


def _regular(levels: Codes, centres: Floats) -> tuple[Floats, bool]:
    """Replace centres that lie on a line in the level number by that line."""
    if centres.size < 4:
        return centres, False
    line = np.polynomial.Polynomial.fit(levels, centres, 1)(levels)
    step = (line[-1] - line[0]) / (levels[-1] - levels[0])
    on_line = np.abs(centres - line).max() < 0.05 * abs(step)
    return (np.round(line, 4), True) if on_line else (centres, False)


def _from_clusters(paths: Paths) -> States:
    """Find separate heaps of first readings; none where they run into each other."""
    g0 = paths.g0_uS
    none = States(
        np.empty(0),
        np.full(len(paths), -1, dtype=np.int64),
        (),
        "no target or level column and no separate clusters of first readings: "
        "any conductance counts as intended",
        _no_overshoot(paths),
    )
    found = [_heaps(g0, per_bin) for per_bin in (20, 6)] if len(paths) >= 2 * _FEW else []
    bounds = max(found, key=len, default=np.empty(0))
    if not bounds.size:
        return none
    code = np.searchsorted(bounds, g0)
    sizes = np.bincount(code, minlength=len(bounds) + 1)
    centres = np.array([np.median(g0[code == k]) for k in range(len(sizes))])
    names = tuple(f"{g:.4g} µS" for g in centres)
    return States(
        centres,
        code.astype(np.int64),
        names,
        "clusters of first readings, the median of each",
        _no_overshoot(paths),
    )


def _heaps(g0: Floats, per_bin: int) -> Floats:
    """Return where heaps of 30 readings or more part, seen at one resolution.

    Few wide bins miss heaps that lie close together, many narrow ones see heaps in noise: a heap
    has to stand out by its height and by its number of cells.
    """
    low, high = np.quantile(g0, [0.001, 0.999])
    if high <= low:
        return np.empty(0)
    bins = int(np.clip(len(g0) / per_bin, 20, 512))
    density, edges = np.histogram(g0, bins=bins, range=(low, high))
    smooth = np.convolve(density, np.array([1, 2, 3, 2, 1]) / 9, mode="same")
    cuts = np.asarray(_valleys(smooth), dtype=np.int64)
    bounds = (edges[cuts] + edges[cuts + 1]) / 2
    while bounds.size:
        sizes = np.bincount(np.searchsorted(bounds, g0), minlength=bounds.size + 1)
        least = int(sizes.argmin())
        if sizes[least] >= _FEW:
            break
        bounds = np.delete(bounds, min(least, bounds.size - 1))  # join it to a neighbour
    return np.asarray(bounds)


def _valleys(smooth: Floats) -> list[int]:
    """Return the bins between heaps: lower than a fifth of the heaps on both sides."""
    cuts: list[int] = []
    peak, valley = 0.0, 0
    falling = False
    for i, height in enumerate(smooth):
        if not falling:
            peak = max(peak, height)
            if height < 0.2 * peak and peak > _HEAP:
                falling, valley = True, i
        else:
            if height < smooth[valley]:
                valley = i
            if height > max(5 * smooth[valley], _HEAP):
                cuts.append(valley)
                falling, peak = False, height
    return cuts
