"""Bakes: the spread of the change at several temperatures, and the activation energy behind."""

from __future__ import annotations

from mho.report.charts.marks import dots, line, whisker_y
from mho.report.charts.plot import Margin, Plot
from mho.report.charts.scale import linear_scale
from mho.report.figures.figure import Figure
from mho.report.fit_schema import FitResults
from mho.report.words import amount, moment, signed


def bakes_figure(fit: FitResults) -> Figure | None:
    """Draw the spread of the change against temperature, measured and by the Arrhenius law.

    Args:
        fit: The fit.

    Returns:
        The figure, or None where only one temperature was measured.
    """
    if fit.temperature is None or len(fit.temperature.bakes) < 2:
        return None
    bakes = sorted(fit.temperature.bakes, key=lambda bake: bake.temperature_C)
    at = [bake.temperature_C for bake in bakes]
    law = [float("nan") if bake.fitted is None else bake.fitted for bake in bakes]
    values = [v for bake in bakes for v in bake.spread if v is not None]
    plot = Plot(
        linear_scale(at, pad=0.05), linear_scale([0.0, *values, *law]), width=500, height=300,
        margin=Margin(top=34, right=14, left=54),
    )  # fmt: skip
    marks = [plot.axes(x="temperature, °C", y="spread of the change, coldest = 1")]
    marks.append(line(plot, at, law, series=1))
    for bake in bakes:
        value, low, high = bake.spread
        if low is not None and high is not None:
            marks.append(whisker_y(plot, bake.temperature_C, low, high, series=0, class_="thin"))
        if value is not None:
            marks.append(dots(plot, [bake.temperature_C], [value], series=0, radius=4.5))
    return Figure(
        name="bakes",
        wide=plot.svg(*marks, label="Spread of the change against temperature."),
        caption=(
            "Spread of the change after a bake, against that of the coldest: measured with "
            "interval (dots) and by the law (line)."
        ),
        columns=("temperature, °C", "time", "measured", "law", "cells"),
        rows=tuple(
            (f"{b.temperature_C:g}", moment(b.t_s), signed(b.spread[0]), signed(b.fitted),
             amount(b.cells))
            for b in bakes
        ),
    )  # fmt: skip
