"""The misfit: quantiles of the law against those of the cells, and what is left over."""

from __future__ import annotations

from dataclasses import dataclass

from mho.report.charts.marks import cloud, identity, rule_y
from mho.report.charts.plot import Margin, Plot
from mho.report.charts.scale import linear_scale
from mho.report.figures.figure import Figure
from mho.report.fit_schema import FitResults
from mho.report.words import amount, moment, signed

ENOUGH = 200
"""Cells from which a level's quantiles are drawn full; those of fewer are drawn pale."""


@dataclass(frozen=True)
class _Point:
    level: str
    g_uS: float
    t_s: float
    cells: int
    measured: float
    fitted: float
    error_sd: float


def misfit_figures(fit: FitResults) -> list[Figure]:
    """Draw fitted against measured quantiles, and the residuals against conductance.

    Args:
        fit: The fit.
    """
    points = _points(fit)
    return [_quantiles(points), _residuals(points)] if points else []


def _points(fit: FitResults) -> list[_Point]:
    return [
        _Point(f.level, f.g_uS, f.t_s, f.cells, m, q, (q - m) / f.sd if f.sd else 0.0)
        for f in fit.levels
        if f.t_s > 0
        for m, q in zip(f.measured, f.fitted, strict=False)
        if m is not None and q is not None
    ]


def _quantiles(points: list[_Point]) -> Figure:
    values = [v for p in points for v in (p.measured, p.fitted)]
    scale = linear_scale(values)
    plot = Plot(scale, scale, width=500, height=360, margin=Margin(top=34, right=14, left=54))
    svg = plot.svg(
        plot.axes(x="measured quantile, µS", y="quantile by the law, µS"),
        identity(plot, min(values), max(values)),
        *_clouds(plot, points, "measured", "fitted"),
        label="Quantiles of the change by the law against measured ones.",
    )
    caption = (
        "Each dot is one quantile of one level at one time; on the diagonal, law and cells agree."
    )
    return Figure(name="quantiles", wide=svg, caption=caption)


def _residuals(points: list[_Point]) -> Figure:
    errors = [p.error_sd for p in points]
    x = linear_scale([p.g_uS for p in points], pad=0.03)
    y = linear_scale([*errors, -0.05, 0.05])
    plot = Plot(x, y, width=500, height=360, margin=Margin(top=34, right=14, left=54))
    svg = plot.svg(
        plot.axes(x="conductance, µS", y="law − measured, in sd of the level"),
        rule_y(plot, 0.0),
        *_clouds(plot, points, "g_uS", "error_sd"),
        label="Residuals of the quantiles against conductance.",
    )
    worst = sorted(points, key=lambda p: -abs(p.error_sd))[:20]
    return Figure(
        name="residuals",
        wide=svg,
        caption=f"What is left over. Pale: fewer than {ENOUGH} cells. The table has the worst 20.",
        columns=("level", "time", "measured, µS", "law, µS", "residual, sd", "cells"),
        rows=tuple(
            (p.level, moment(p.t_s), signed(p.measured), signed(p.fitted), signed(p.error_sd),
             amount(p.cells))
            for p in worst
        ),
    )  # fmt: skip


def _clouds(plot: Plot, points: list[_Point], x: str, y: str) -> list[str]:
    few = [p for p in points if p.cells < ENOUGH]
    many = [p for p in points if p.cells >= ENOUGH]
    return [
        cloud(plot, [getattr(p, x) for p in group], [getattr(p, y) for p in group], series=1,
              class_=css)
        for group, css in ((few, "few"), (many, "many"))
        if group
    ]  # fmt: skip
