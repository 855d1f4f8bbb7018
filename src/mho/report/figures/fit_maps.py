"""Matrices of a fit: correlations of a cell's path, measured and fitted; maps of a wafer."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mho.report.charts.heatmap import heatmap
from mho.report.figures.figure import Figure
from mho.report.fit_schema import FitResults, Memory, WaferMap
from mho.report.words import DASH, amount, fixed, moment
from mho.units import time_text


def correlation_figures(fit: FitResults) -> list[Figure]:
    """Draw the correlations of a cell's change between times: measured, by the law, and between.

    Args:
        fit: The fit; nothing is drawn where it has no memory law.
    """
    memory = fit.memory
    if memory is None or len(memory.times_s) < 2 or not memory.measured:
        return []
    difference = [
        [None if a is None or b is None else b - a for a, b in zip(m, f, strict=False)]
        for m, f in zip(memory.measured, memory.fitted, strict=False)
    ]
    pairs = _table(memory)
    return [
        _matrix("measured", "measured", memory.measured, memory, 0.0, pairs),
        _matrix("law", f"law: {memory.law}".replace("-", " "), memory.fitted, memory, 0.0),
        _matrix("difference", "law − measured", difference, memory, -0.2),
    ]


def wafer_figures(fit: FitResults) -> list[Figure]:
    """Draw each map of a wafer, die by die.

    Args:
        fit: The fit; nothing is drawn where its table named no dies.
    """
    return [_wafer(index, one) for index, one in enumerate(fit.maps)]


def _wafer(index: int, one: WaferMap) -> Figure:
    digits = _digits(one.values)
    return Figure(
        name=f"wafer-{index}",
        wide=heatmap(
            one.values, rows=one.rows, cols=one.cols, width=500,
            label=f"Wafer map of {one.name}.", text=lambda v: fixed(v, digits),
        ),
        caption=f"{one.name}{f', {one.unit}' if one.unit else ''}",
        columns=("row", *one.cols),
        rows=tuple(
            (name, *(DASH if v is None else f"{v:.4g}" for v in row))
            for name, row in zip(one.rows, one.values, strict=False)
        ),
    )  # fmt: skip


def _digits(values: Sequence[Sequence[float | None]]) -> int:
    """Return decimals that show the largest value of a map to three digits."""
    largest = max((abs(v) for row in values for v in row if v), default=1.0)
    return max(3 - math.ceil(math.log10(largest)), 0)


def _matrix(
    name: str, title: str, values: Sequence[Sequence[float | None]], memory: Memory, low: float,
    pairs: tuple[tuple[str, ...], ...] = (),
) -> Figure:  # fmt: skip
    times = [time_text(t) for t in memory.times_s]
    digits = 3 if low < 0 else 2
    return Figure(
        name=f"correlation-{name}",
        wide=heatmap(
            values, rows=times, cols=times, width=330, low=low, high=0.2 if low < 0 else 1.0,
            label=f"Correlations between times, {title}.",
            text=lambda v: fixed(v, digits),
        ),
        caption=title,
        columns=("first time", "second time", "measured", "law", "cells") if pairs else (),
        rows=pairs,
    )  # fmt: skip


def _table(memory: Memory) -> tuple[tuple[str, ...], ...]:
    rows = []
    for i, early in enumerate(memory.times_s):
        for j, late in enumerate(memory.times_s):
            if j > i:
                rows.append(
                    (moment(early), moment(late), _at(memory.measured, i, j),
                     _at(memory.fitted, i, j), _cells(memory, i, j))
                )  # fmt: skip
    return tuple(rows)


def _at(matrix: Sequence[Sequence[float | None]], i: int, j: int) -> str:
    value = matrix[i][j] if i < len(matrix) and j < len(matrix[i]) else None
    return DASH if value is None else fixed(value, 3)


def _cells(memory: Memory, i: int, j: int) -> str:
    known = i < len(memory.pairs) and j < len(memory.pairs[i])
    return amount(memory.pairs[i][j]) if known else DASH
