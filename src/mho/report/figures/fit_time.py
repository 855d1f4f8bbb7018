"""A fit over time: mean and spread of the change, measured and by the law, against ln t."""

from __future__ import annotations

from collections.abc import Sequence

from mho.report.charts.marks import dots, line, rule_y
from mho.report.charts.plot import Margin, Plot
from mho.report.charts.scale import linear_scale, time_scale
from mho.report.figures.figure import Figure
from mho.report.fit_schema import FitResults, TimeFigures
from mho.report.words import amount, moment, signed


def time_figures(fit: FitResults) -> list[Figure]:
    """Draw mean and sd of the change over all levels against time on a log scale.

    Args:
        fit: The fit; nothing is drawn where only one time was read after the first.
    """
    times = [t for t in sorted(fit.times, key=lambda t: t.t_s) if t.t_s > 0]
    if len(times) < 2:
        return []
    mean = _figure(times, "mean", "mean change, µS", "Mean change over all levels")
    return [mean, _figure(times, "sd", "sd of the change, µS", "Spread of the change, all levels")]


def _figure(times: Sequence[TimeFigures], what: str, name: str, title: str) -> Figure:
    at = [t.t_s for t in times]
    measured = [_value(t, what) for t in times]
    fitted = [_value(t, f"{what}_fitted") for t in times]
    y = linear_scale([0.0, *measured, *fitted])
    plot = Plot(time_scale(at), y, width=500, height=300, margin=Margin(top=34, right=14, left=54))
    svg = plot.svg(
        plot.axes(x="time since programming", y=name),
        rule_y(plot, 0.0),
        line(plot, at, fitted, series=1),
        dots(plot, at, measured, series=0, radius=4.5),
        label=f"{title} against time, measured and by the law.",
    )
    return Figure(
        name=f"time-{what}",
        wide=svg,
        caption=f"{title}: measured (dots) and by the law (line).",
        columns=("time", "measured, µS", "law, µS", "cells"),
        rows=tuple(
            (moment(t.t_s), signed(m), signed(f), amount(t.cells))
            for t, m, f in zip(times, measured, fitted, strict=True)
        ),
    )


def _value(figures: TimeFigures, name: str) -> float:
    value = getattr(figures, name)
    return float("nan") if value is None else float(value)
