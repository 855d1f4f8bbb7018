"""Markup for SVG and HTML: one function per need, everything escaped, numbers kept short."""

from __future__ import annotations

import math
from collections.abc import Iterable

from markupsafe import Markup, escape

Value = str | float | int | None


def num(value: float) -> str:
    """Write a coordinate with at most one decimal.

    >>> num(12.0), num(3.14159), num(-0.01)
    ('12', '3.1', '0')
    """
    text = f"{value:.1f}"
    text = text.removesuffix(".0")
    return "0" if text == "-0" else text


def el(tag: str, *children: str, **attributes: Value) -> Markup:
    """Build an element; text and attribute values are escaped, markup is kept.

    Args:
        tag: Name of the element, written by the program, never by a user.
        children: Text (escaped) or markup.
        attributes: ``class_`` gives ``class``, ``data_s`` gives ``data-s``; None is left out.

    >>> el("text", "5 < 6", x=1.25, class_="soft")
    Markup('<text x="1.2" class="soft">5 &lt; 6</text>')
    """
    parts = [
        f' {name.rstrip("_").replace("_", "-")}="{escape(_plain(value))}"'
        for name, value in attributes.items()
        if value is not None
    ]
    inner = "".join(escape(child) for child in children)
    opening = f"<{tag}{''.join(parts)}"
    return Markup(f"{opening}>{inner}</{tag}>" if inner else f"{opening}/>")


def group(*children: str, **attributes: Value) -> Markup:
    """Build ``<g>`` around some marks; an empty group is nothing at all."""
    return el("g", *children, **attributes) if any(children) else Markup()


def path(points: Iterable[tuple[float, float]], *, close: bool = False) -> str:
    """Write the ``d`` of a polyline; points that are not finite break it.

    >>> path([(0, 0), (10, 5.25)])
    'M0 0L10 5.2'
    """
    out, pen = [], "M"
    for x, y in points:
        if math.isfinite(x) and math.isfinite(y):
            out.append(f"{pen}{num(x)} {num(y)}")
            pen = "L"
        else:
            pen = "M"
    return "".join(out) + ("Z" if close and out else "")


def join(parts: Iterable[str]) -> Markup:
    """Join pieces of markup, escaping those that are plain text."""
    return Markup("").join(parts)


def _plain(value: str | float | int) -> str:
    return num(value) if isinstance(value, float) else str(value)
