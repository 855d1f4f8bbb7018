"""A figure as the page needs it: a wide and a narrow picture, words, and the numbers behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from mho.report.charts.svg import el, group
from mho.report.words import clip, wrap


@dataclass(frozen=True)
class Figure:
    """One figure of a page.

    Args:
        name: Id within the page.
        wide: The picture for wide screens and paper.
        narrow: The same for a phone; None where one picture serves both.
        caption: What it shows and how to read it.
        columns: Headings of the table behind the picture.
        rows: Cells of that table; also what a screen reader gets.
        legend: ``(colour class, text)`` pairs shown above the narrow picture.
    """

    name: str
    wide: Markup
    narrow: Markup | None = None
    caption: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    legend: tuple[tuple[str, str], ...] = field(default=())


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
