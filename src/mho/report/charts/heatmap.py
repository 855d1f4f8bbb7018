"""A heat map: values as tinted cells with their numbers, for correlations and wafer maps."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from markupsafe import Markup

from mho.report.charts.plot import picture
from mho.report.charts.svg import el, group

DEEPEST = 0.5
"""Opacity of the deepest tint: pale enough that ink reads on it, in light and dark."""


def heatmap(
    values: Sequence[Sequence[float | None]],
    *,
    rows: Sequence[str],
    cols: Sequence[str],
    width: float,
    label: str,
    text: Callable[[float], str],
    low: float | None = None,
    high: float | None = None,
) -> Markup:
    """Draw a matrix; None leaves a cell empty, such as a place on a wafer without a die.

    The tint runs from ``low`` to ``high``; where ``low`` is negative it runs both ways from 0, in
    two colours.

    Args:
        values: One row of values for each of ``rows``, top first.
        rows: Labels of the rows.
        cols: Labels of the columns.
        width: Width of the picture in pixels.
        label: Alternative text.
        text: How a value reads inside its cell, where it fits.
        low: Value of the palest tint; the smallest value if None.
        high: Value of the deepest tint; the largest value if None.

    >>> svg = heatmap([[1.0, None]], rows=["a"], cols=["b", "c"], width=100, label="", text=str)
    >>> svg.count("<rect")
    1
    """
    known = [v for row in values for v in row if v is not None and math.isfinite(v)]
    bottom = (min(known) if known else 0.0) if low is None else low
    top = (max(known) if known else 1.0) if high is None else high
    left, head = 8 + 7.0 * max((len(name) for name in rows), default=0), 24.0
    cell = min((width - left) / max(len(cols), 1), 56.0)
    cells = [
        _cell(value, left + j * cell, head + i * cell, cell, bottom, top, text)
        for i, row in enumerate(values)
        for j, value in enumerate(row)
        if value is not None and math.isfinite(value)
    ]
    step = max(1, math.ceil(9.0 * max((len(c) for c in cols), default=1) / cell))
    names = [
        el("text", name, x=left + (j + 0.5) * cell, y=head - 8, text_anchor="middle")
        for j, name in enumerate(cols)
        if j % step == 0
    ]
    every = max(1, math.ceil(15 / cell))
    names += [
        el("text", name, x=left - 7, y=head + (i + 0.5) * cell + 4, text_anchor="end")
        for i, name in enumerate(rows)
        if i % every == 0
    ]
    return picture(
        group(*cells, class_="heat"),
        group(*names, class_="ticks"),
        width=left + cell * max(len(cols), 1),
        height=head + cell * len(rows) + 2,
        label=label,
    )


def _cell(
    value: float, x: float, y: float, size: float, low: float, high: float,
    text: Callable[[float], str],
) -> Markup:  # fmt: skip
    reach = max(abs(low), abs(high)) if low < 0 else high - low
    share = abs(value) / reach if low < 0 else (value - low) / (reach or 1.0)
    share = min(max(share if reach else 0.0, 0.0), 1.0)
    colour = "s0" if low < 0 and value < 0 else "s1"
    words = text(value)
    fits = 7.2 * len(words) < size
    return group(
        el(
            "rect", el("title", words), x=x + 0.5, y=y + 0.5, width=size - 1, height=size - 1,
            class_=colour, fill_opacity=f"{0.04 + DEEPEST * share:.2f}",
        ),
        el("text", words, x=x + size / 2, y=y + size / 2 + 4, text_anchor="middle")
        if fits
        else "",
    )  # fmt: skip
