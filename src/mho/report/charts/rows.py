"""A chart of rows: one value with its interval per row, names at the left or above."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from mho.report.charts.marks import dots, rule_x, whisker_x
from mho.report.charts.plot import Margin, Plot, picture
from mho.report.charts.scale import LinearScale, Scale
from mho.report.charts.svg import el, group
from mho.report.words import clip, wrap

ROW = 42.0


@dataclass(frozen=True)
class IntervalRow:
    """One row.

    Args:
        name: What it is about.
        second: A paler second line, possibly ''.
        value: The value.
        low: Lower end of its interval, or None.
        high: Upper end of its interval, or None.
        note: What stands at the right end, where there is room.
        series: Number of its colour, or None for grey.
    """

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    second: str = ""
    note: str = ""
    series: int | None = 1


def interval_rows(
    rows: Sequence[IntervalRow],
    scale: Scale,
    *,
    width: float,
    names: float,
    x: str,
    label: str,
    notes: float = 190.0,
    zero: bool = True,
) -> Markup:
    """Draw rows of values with intervals.

    Args:
        rows: The rows, top first.
        scale: Scale of the values.
        width: Width of the picture in pixels.
        names: Room for the names at the left; below 100, they stand above their rows.
        x: Name of the axis.
        label: Alternative text.
        notes: Room for the notes at the right; 0 leaves them out.
        zero: Whether to draw a line at 0.
    """
    above = names < 100
    step = ROW + (16 if above else 0)
    margin = Margin(top=12, right=notes or 20, left=names)
    height = len(rows) * step + margin.top + margin.bottom
    y = LinearScale(low=len(rows), high=0)
    plot = Plot(scale, y, width=width, height=height, margin=margin)
    parts = [plot.axes(x=x, grid=False, values=False)]
    if zero:
        parts.append(rule_x(plot, 0.0, class_="rule baseline"))
    middles = [i + (0.76 if above else 0.5) for i in range(len(rows))]
    for row, middle in zip(rows, middles, strict=True):
        extra = "" if row.series is not None else "other"
        if row.low is not None and row.high is not None:
            parts.append(
                whisker_x(plot, middle, row.low, row.high, series=row.series, class_=extra)
            )
        parts.append(dots(plot, [row.value], [middle], series=row.series, radius=5, class_=extra))
        if notes and row.note:
            at = plot.y(middle) + 4
            parts.append(el("text", row.note, x=plot.right + 12, y=at, class_="note"))
    labels = row_names(
        [(row.name, row.second) for row in rows],
        [plot.y(middle) for middle in middles],
        x=margin.left if above else margin.left - 12,
        above=above,
        length=44,
    )
    return picture(*parts, labels, width=width, height=height, label=label)


def row_names(
    names: Sequence[tuple[str, str]],
    ys: Sequence[float],
    *,
    x: float,
    above: bool,
    length: int,
) -> Markup:
    """Name the rows of a chart: left of each row, or above it on a phone.

    Args:
        names: A name and a second, paler line (possibly '') for each row.
        ys: Pixels of the rows' middles.
        x: Where names end (left of the chart) or begin (above the row).
        above: Whether they stand above.
        length: Characters that fit on a line.
    """
    marks = []
    for (name, second), y in zip(names, ys, strict=True):
        lines = [clip(name, length)] if above else wrap(name, length, 1 if second else 2)
        if second:
            lines.append(clip(second, length))
        first = y - 12 - 15 * (len(lines) - 1) if above else y + 4 - 7.5 * (len(lines) - 1)
        spans = [
            el("tspan", text, x=x, y=first + 15 * i, class_="against" if second and i else None)
            for i, text in enumerate(lines)
        ]
        title = el("title", f"{name} {second}".strip())
        marks.append(el("text", title, *spans, text_anchor=None if above else "end"))
    return group(*marks, class_="rows")
