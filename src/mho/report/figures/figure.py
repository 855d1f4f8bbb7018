"""A figure as the page needs it: a wide and a narrow picture, words, and the numbers behind."""

from __future__ import annotations

from dataclasses import dataclass, field

from markupsafe import Markup


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
