"""The device law, drawn from its card: levels with programming spread, and drift over time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from markupsafe import Markup

from mho.device.device import Device
from mho.device.die import NoDieOffset
from mho.device.drift import NoDrift
from mho.device.law import Array, Law
from mho.device.programming import ExactProgramming
from mho.errors import MhoError
from mho.report.charts.marks import (
    band,
    dots,
    identity,
    line,
    rule_y,
    shade_after,
    spread_labels,
    whisker_y,
)
from mho.report.charts.plot import Margin, Plot
from mho.report.charts.scale import linear_scale, time_scale
from mho.report.charts.svg import el, group
from mho.report.figures.figure import Figure
from mho.report.words import moment, span

_QUANTILES = {0.025: -1.959964, 0.25: -0.67449, 0.5: 0.0, 0.75: 0.67449, 0.975: 1.959964}
_MOST_LEVELS = 33
"""Up to here each level is drawn as itself; beyond, and without levels, as a fan."""


def parse_card(card: Mapping[str, Any]) -> Device | None:
    """Return the device of a card, or None where this version does not know its law."""
    try:
        return Device.parse(card, where="card")
    except MhoError:
        return None


def programming_figure(device: Device) -> Figure:
    """Draw what programming leaves: quantiles of the conductance over the wanted one.

    Args:
        device: The law.
    """
    states = device.levels.positions(device.window)
    levels = states if states is not None and len(states) <= _MOST_LEVELS else None
    targets = np.linspace(*device.window, 61) if levels is None else np.asarray(levels)
    quantiles = programmed_quantiles(device, targets)
    exact = isinstance(device.programming, ExactProgramming)
    what = "the cell takes exactly what is wanted" if exact else (
        "median (dot), half of the cells (thick) and 95 % of them (thin)"
        if levels is not None
        else "median (line), half of the cells (dark) and 95 % of them (pale)"
    )  # fmt: skip
    count = "any conductance" if states is None else f"{len(states)} levels"
    args = (device, targets, quantiles, levels is not None)
    shown = targets if levels is not None else targets[::6]
    rows = programmed_quantiles(device, shown)
    return Figure(
        name="programming",
        wide=_programming(*args, width=510),
        narrow=_programming(*args, width=380),
        caption=f"Programming, {count}: {what}. The diagonal is where every cell should be.",
        columns=("wanted, µS", "2.5 %", "25 %", "median", "75 %", "97.5 %"),
        rows=tuple(
            (f"{g:.4g}", *(f"{q:.4g}" for q in column))
            for g, column in zip(shown, rows.T, strict=True)
        ),
    )


def programmed_quantiles(device: Device, targets: Array) -> Array:
    """Return quantiles of the programmed conductance in µS, shape ``(5, len(targets))``.

    Programming laws rise with a cell's score, so a quantile of the score gives that of the cell.
    """
    g = np.asarray(targets, dtype=np.float64)
    rows = [
        device.programming.program(g, np.full_like(g, score), device.window)
        for score in _QUANTILES.values()
    ]
    return np.maximum(np.stack(rows), 0)


def _programming(
    device: Device, targets: Array, quantiles: Array, levels: bool, *, width: float
) -> Markup:
    low, high = device.window
    x = linear_scale([low, high], pad=0.04)
    y = linear_scale([low, high, float(quantiles.min()), float(quantiles.max())], pad=0.04)
    plot = Plot(x, y, width=width, height=330, margin=Margin(top=34, right=14, left=50))
    q025, q25, q50, q75, q975 = quantiles
    marks = [identity(plot, low, high)]
    if levels:
        for i, g in enumerate(targets):
            marks.append(whisker_y(plot, g, q025[i], q975[i], series=1, class_="thin"))
            marks.append(whisker_y(plot, g, q25[i], q75[i], series=1))
        marks.append(dots(plot, list(targets), list(q50), series=1))
    else:
        marks.append(band(plot, list(targets), list(q025), list(q975), series=1, class_="wide"))
        marks.append(band(plot, list(targets), list(q25), list(q75), series=1))
        marks.append(line(plot, list(targets), list(q50), series=1))
    axes = plot.axes(x="wanted conductance, µS", y="conductance after programming, µS")
    return plot.svg(axes, *marks, label="Programmed against wanted conductance, with quantiles.")


def drift_figure(device: Device, times_s: list[float]) -> Figure | None:
    """Draw mean and spread of the change over log time, at low, middle and high conductance.

    Args:
        device: The law.
        times_s: Times of the study, to be covered where the law allows.

    Returns:
        The figure, or None where the device has no drift, or one time only.
    """
    grid = _grid(device, times_s)
    if isinstance(device.drift, NoDrift) or len(grid) < 2:  # one time makes no line
        return None
    wanted = _conductances(device, grid)
    free = device.replace(extrapolate=True)
    moments = [
        [(float(free.mean_shift(g, t)), float(free.spread(g, t))) for t in grid] for g in wanted
    ]
    measured = device.valid.measured_t_s or device.valid.t_s
    measured_to = measured[1] if measured is not None and measured[1] < grid[-1] else None
    names = ["any level"] if len(wanted) == 1 else [f"{g:.3g} µS" for g in wanted]
    caption = "Drift: mean change (line) and ± one standard deviation over cells (band)."
    if measured_to is not None:
        caption += f" Measured up to {span(measured_to)}; hatched: the law continued."
    picks = grid[:: max(len(grid) // 8, 1)]
    return Figure(
        name="drift",
        wide=_drift(grid, moments, names, measured_to, width=510),
        narrow=_drift(grid, moments, names, measured_to, width=380),
        caption=caption,
        columns=("conductance", "time", "mean change, µS", "sd, µS"),
        rows=tuple(
            (name, moment(t), f"{mean:+.3f}".replace("-", "−"), f"{sd:.3f}")
            for name, row in zip(names, moments, strict=True)
            for t, (mean, sd) in zip(grid, row, strict=True)
            if t in picks
        ),
    )


def _grid(device: Device, times_s: list[float]) -> list[float]:
    """Return times in s that cover the study and the law's own range, evenly in ln t."""
    valid = device.valid.t_s or device.valid.measured_t_s
    asked = [t for t in times_s if t > 0]
    if valid is None or valid[1] <= 0:
        low, high = (min(asked), max(asked)) if asked else (1.0, 1.0)
    else:
        low, high = max(valid[0], 1e-9), valid[1]
        low = low if low > 1e-9 or not asked else min(asked)
    if not high > low:
        return []
    count = 49
    return [low * (high / low) ** (i / (count - 1)) for i in range(count)]


def _conductances(device: Device, grid: list[float]) -> list[float]:
    """Return the conductances (µS) to draw: one where the law is the same at every level."""
    low, high = device.window
    wanted = [low + share * (high - low) for share in (0.1, 0.5, 0.9)]
    free = device.replace(extrapolate=True)
    t_s = grid[-1]
    shifts = np.asarray(free.mean_shift(wanted, t_s)), np.asarray(free.spread(wanted, t_s))
    same = all(np.ptp(values) <= 1e-3 * (np.abs(values).max() + 1e-12) for values in shifts)
    return wanted[1:2] if same else wanted


def _drift(
    grid: list[float], moments: list[list[tuple[float, float]]], names: list[str],
    measured_to: float | None, *, width: float,
) -> Markup:  # fmt: skip
    values = [m + k * sd for row in moments for m, sd in row for k in (-1, 1)]
    y = linear_scale([0.0, *values])
    margin = Margin(top=34, right=14 if len(names) == 1 else 64, left=50)
    plot = Plot(time_scale([grid[0], grid[-1]]), y, width=width, height=330, margin=margin)
    parts: list[Markup] = []
    if measured_to is not None:
        parts.append(shade_after(plot, measured_to, f"beyond {span(measured_to)}: law continued"))
    parts += [plot.axes(x="time since programming", y="change, µS"), rule_y(plot, 0.0)]
    for colour, row in enumerate(moments, start=1):
        means = [mean for mean, _ in row]
        parts.append(
            band(plot, grid, [m - sd for m, sd in row], [m + sd for m, sd in row], series=colour)
        )
        parts.append(line(plot, grid, means, series=colour))
    if len(names) > 1:
        parts.append(_names(plot, moments, names))
    return plot.svg(*parts, label="Mean and spread of the drift over time since programming.")


def _names(plot: Plot, moments: list[list[tuple[float, float]]], names: list[str]) -> Markup:
    wanted = [plot.y(row[-1][0]) for row in moments]
    places = spread_labels(wanted, gap=16, low=plot.top, high=plot.bottom)
    return group(
        *(
            el("text", name, x=plot.right + 6, y=at + 4, class_=f"end s{colour}")
            for colour, (name, at) in enumerate(zip(names, places, strict=True), start=1)
        )
    )


def facts(device: Device) -> list[tuple[str, str]]:
    """Return what the card says in words: window, levels, laws, memory, faults, source."""
    states = device.levels.positions(device.window)
    ratio = f", on/off {device.g_max_uS / device.g_min_uS:.3g}" if device.g_min_uS > 0 else ""
    stuck = device.faults
    rows = [
        ("window", f"{device.g_min_uS:g} – {device.g_max_uS:g} µS{ratio}"),
        ("levels", "any conductance" if states is None else str(len(states))),
        ("programming", _law(device.programming)),
        ("dies", "alike" if isinstance(device.die, NoDieOffset) else _law(device.die)),
        ("drift", _law(device.drift)),
        ("memory of a cell's path", _law(device.memory)),
        ("read noise", _law(device.read_noise)),
        (
            "stuck cells",
            f"{100 * stuck.stuck_at_lrs:g} % at LRS, {100 * stuck.stuck_at_hrs:g} % at HRS"
            if stuck.any
            else "none",
        ),
        ("measured", _measured(device)),
        ("source", ", ".join(t for t in (device.source.citation, _doi(device.source.doi)) if t)),
        ("note", device.source.note or ""),
    ]
    return [(name, text) for name, text in rows if text]


def _doi(doi: str | None) -> str:
    return f"doi {doi}" if doi else ""


def _measured(device: Device) -> str:
    measured = device.valid.measured_t_s or device.valid.t_s
    if measured is None:
        return "time does not enter"
    if measured[1] <= 0:
        return "right after programming only"
    return f"{moment(measured[0])} – {moment(measured[1])} after programming"


def _law(law: Law) -> str:
    """Write a law as its name, its numbers and the law inside it; a long table is left out."""
    parts = []
    for key in type(law).model_fields:
        value = getattr(law, key)
        if isinstance(value, Law):
            parts.append(f"{key} ({_law(value)})")
        elif _is_short(value):
            parts.append(f"{key} {_number(value)}")
    name = str(getattr(law, "law", "")).replace("-", " ")
    return f"{name}: {', '.join(parts)}" if parts else name


def _is_short(value: Any) -> bool:
    if isinstance(value, bool | str):
        return False
    if isinstance(value, int | float):
        return math.isfinite(value)
    return (
        isinstance(value, tuple)
        and len(value) <= 6
        and all(isinstance(v, int | float) for v in value)
    )


def _number(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_number(v) for v in value)}]"
    return f"{value:.4g}".replace("-", "−")
