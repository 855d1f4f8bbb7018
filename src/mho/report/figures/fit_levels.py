"""A fit level by level: quantiles of the change over time, and spread against conductance."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from mho.report.charts.marks import band, dots, line, rule_y
from mho.report.charts.plot import Margin, Plot
from mho.report.charts.scale import LinearScale, linear_scale, time_scale
from mho.report.figures.figure import Figure
from mho.report.fit_schema import FitResults, LevelFigures
from mho.report.words import amount, moment, signed

MOST_LEVELS = 12
"""Levels drawn one by one; of more, evenly chosen ones with the first and the last."""


def level_figures(fit: FitResults) -> list[Figure]:
    """Draw each level's quantiles of the change over time: the law as bands, the cells as dots.

    With one time only, all levels stand in one figure, over conductance.

    Args:
        fit: The fit.
    """
    by_level = _by_level(fit)
    if len({f.t_s for f in fit.levels if f.t_s > 0}) == 1:
        return _over_conductance([f for rows in by_level.values() for f in rows])
    names = _evenly(list(by_level), MOST_LEVELS)
    shown = [f for name in names for f in by_level[name]]
    values = [q for f in shown for q in (*f.measured, *f.fitted) if q is not None]
    if not values:
        return []
    y = linear_scale(values)
    return [_level(name, by_level[name], y) for name in names]


def against_conductance(fit: FitResults) -> list[Figure]:
    """Draw mean and sd of the change against conductance, at an early, a middle and a late time.

    Args:
        fit: The fit.
    """
    times = sorted({f.t_s for f in fit.levels if f.t_s > 0})
    chosen = sorted({times[round(k * (len(times) - 1) / 2)] for k in range(3)}) if times else []
    if len({f.g_uS for f in fit.levels}) < 2 or not chosen:
        return []
    return [
        _against_g(fit, chosen, "sd", "sd of the change, µS", "Spread"),
        _against_g(fit, chosen, "mean", "mean change, µS", "Mean"),
    ]


def _by_level(fit: FitResults) -> dict[str, list[LevelFigures]]:
    found: dict[str, list[LevelFigures]] = {}
    for figures in sorted(fit.levels, key=lambda f: (f.g_uS, f.t_s)):
        if figures.t_s > 0:
            found.setdefault(figures.level, []).append(figures)
    return found


def _evenly(names: Sequence[str], most: int) -> list[str]:
    if len(names) <= most:
        return list(names)
    return [names[round(i * (len(names) - 1) / (most - 1))] for i in range(most)]


def _level(name: str, figures: Sequence[LevelFigures], y: LinearScale) -> Figure:
    at = [f.t_s for f in figures]
    margin = Margin(top=16, right=12, bottom=26, left=40)
    plot = Plot(time_scale(at), y, width=330, height=210, margin=margin)
    label = f"Quantiles of the change of level {name} over time, measured and by the law."
    where = "" if "µS" in name else f", {figures[0].g_uS:.3g} µS"
    cells = f"{amount(min(f.cells for f in figures))} cells"
    return Figure(
        name=f"level-{name}",
        wide=plot.svg(plot.axes(), rule_y(plot, 0.0), *_fan(plot, at, figures), label=label),
        caption=f"Level {name}{where}, {cells}",
    )


def _over_conductance(figures: Sequence[LevelFigures]) -> list[Figure]:
    """Draw the quantiles of all levels at one time over conductance."""
    values = [q for f in figures for q in (*f.measured, *f.fitted) if q is not None]
    if not values:
        return []
    at = [f.g_uS for f in figures]
    x, y = linear_scale(at, pad=0.03), linear_scale(values)
    label = "Quantiles of the change over conductance, measured and by the law."
    name = f"change, µS, at {moment(figures[0].t_s)}"

    def draw(width: float) -> Markup:
        """Draw at a width in pixels."""
        plot = Plot(x, y, width=width, height=320, margin=Margin(top=34, right=14, left=54))
        axes = plot.axes(x="conductance, µS", y=name)
        return plot.svg(axes, rule_y(plot, 0.0), *_fan(plot, at, figures), label=label)

    return [Figure(name="levels", wide=draw(1040), narrow=draw(380))]


def _fan(plot: Plot, at: Sequence[float], figures: Sequence[LevelFigures]) -> list[Markup]:
    """Draw quantiles by the law as bands around their median, and measured ones as dots."""
    measured = _columns([f.measured for f in figures])
    fitted = _columns([f.fitted for f in figures])
    count, half = len(fitted), len(fitted) // 2
    marks = [
        band(plot, at, fitted[k], fitted[count - 1 - k], series=1, class_="wide" if k == 0 else "")
        for k in range(half)
    ]
    if count % 2:
        marks.append(line(plot, at, fitted[half], series=1))
    return [*marks, *(dots(plot, at, row, series=0, radius=2.6) for row in measured)]


def _columns(rows: Sequence[Sequence[float | None]]) -> list[list[float]]:
    """Turn quantiles by time into one line a quantile; a missing one is NaN."""
    width = max((len(row) for row in rows), default=0)
    return [[_number(row[k] if k < len(row) else None) for row in rows] for k in range(width)]


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _against_g(fit: FitResults, times: Sequence[float], what: str, name: str, title: str) -> Figure:
    groups = {t: sorted((f for f in fit.levels if f.t_s == t), key=lambda f: f.g_uS) for t in times}
    values = [
        _number(getattr(f, key)) for group in groups.values() for f in group
        for key in (what, f"{what}_fitted")
    ]  # fmt: skip
    x = linear_scale([f.g_uS for f in fit.levels], pad=0.03)
    y = linear_scale([0.0, *values])
    plot = Plot(x, y, width=500, height=300, margin=Margin(top=34, right=14, left=54))
    marks = [plot.axes(x="conductance, µS", y=name), rule_y(plot, 0.0)]
    for colour, t in enumerate(times, start=1):
        gs = [f.g_uS for f in groups[t]]
        law = [_number(getattr(f, f"{what}_fitted")) for f in groups[t]]
        cells = [_number(getattr(f, what)) for f in groups[t]]
        marks.append(line(plot, gs, law, series=colour))
        marks.append(dots(plot, gs, cells, series=colour, radius=2.8))
    return Figure(
        name=f"conductance-{what}",
        wide=plot.svg(*marks, label=f"{title} of the change against conductance."),
        caption=f"{title} of the change: measured (dots) and by the law (lines).",
        columns=("time", "conductance, µS", "measured, µS", "law, µS", "cells"),
        rows=tuple(
            (moment(t), f"{f.g_uS:.4g}", signed(getattr(f, what)),
             signed(getattr(f, f"{what}_fitted")), amount(f.cells))
            for t in times
            for f in groups[t]
        ),
        legend=tuple((f"s{c}", moment(t)) for c, t in enumerate(times, start=1)),
    )  # fmt: skip
