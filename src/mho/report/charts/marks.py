"""Marks: lines, bands, dots, whiskers, rules and labels, drawn in a plot's own units."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from mho.report.charts.plot import Plot
from mho.report.charts.svg import el, group, join, num, path

Numbers = Sequence[float]


def line(
    plot: Plot, xs: Numbers, ys: Numbers, *, series: int | None = None, class_: str = ""
) -> Markup:
    """Draw a line through points; a value that is not finite breaks it."""
    d = path((plot.x(x), plot.y(y)) for x, y in zip(xs, ys, strict=True))
    return el("path", d=d, class_=_classes("line", series, class_), data_s=series)


def band(
    plot: Plot,
    xs: Numbers,
    lows: Numbers,
    highs: Numbers,
    *,
    series: int | None = None,
    class_: str = "",
) -> Markup:
    """Fill between two lines, clipped to the plot's height."""
    upper = [(plot.x(x), _inside(plot, y)) for x, y in zip(xs, highs, strict=True)]
    lower = [(plot.x(x), _inside(plot, y)) for x, y in zip(xs, lows, strict=True)]
    d = path([*upper, *reversed(lower)], close=True)
    return el("path", d=d, class_=_classes("band", series, class_), data_s=series)


def dots(
    plot: Plot,
    xs: Numbers,
    ys: Numbers,
    *,
    series: int | None = None,
    radius: float = 3.5,
    hollow: Sequence[bool] = (),
    class_: str = "",
) -> Markup:
    """Draw a dot per point; hollow ones mark what was not measured."""
    marks = []
    for i, (x, y) in enumerate(zip(xs, ys, strict=True)):
        if math.isfinite(x) and math.isfinite(y):
            kind = "hollow" if i < len(hollow) and hollow[i] else None
            marks.append(el("circle", cx=plot.x(x), cy=plot.y(y), r=radius, class_=kind))
    return group(*marks, class_=_classes("dots", series, class_), data_s=series)


def cloud(
    plot: Plot, xs: Numbers, ys: Numbers, *, series: int | None = None, class_: str = ""
) -> Markup:
    """Draw many small dots as one path: a fraction of the size of as many circles."""
    d = "".join(
        f"M{num(plot.x(x))} {num(plot.y(y))}h0"
        for x, y in zip(xs, ys, strict=True)
        if math.isfinite(x) and math.isfinite(y)
    )
    return el("path", d=d, class_=_classes("cloud", series, class_), data_s=series)


def whisker_x(
    plot: Plot, y: float, low: float, high: float, *, series: int | None = None, class_: str = ""
) -> Markup:
    """Draw a horizontal interval at height ``y``."""
    at = num(plot.y(y))
    d = f"M{num(plot.x(low))} {at}H{num(plot.x(high))}"
    return el("path", d=d, class_=_classes("whisker", series, class_), data_s=series)


def whisker_y(
    plot: Plot, x: float, low: float, high: float, *, series: int | None = None, class_: str = ""
) -> Markup:
    """Draw a vertical interval at ``x``."""
    d = f"M{num(plot.x(x))} {num(plot.y(low))}V{num(plot.y(high))}"
    return el("path", d=d, class_=_classes("whisker", series, class_), data_s=series)


def rule_y(plot: Plot, y: float, *, class_: str = "rule") -> Markup:
    """Draw a horizontal line across the plot at ``y``."""
    return el("path", d=f"M{num(plot.left)} {num(plot.y(y))}H{num(plot.right)}", class_=class_)


def rule_x(plot: Plot, x: float, *, class_: str = "rule") -> Markup:
    """Draw a vertical line across the plot at ``x``."""
    return el("path", d=f"M{num(plot.x(x))} {num(plot.top)}V{num(plot.bottom)}", class_=class_)


def identity(plot: Plot, low: float, high: float) -> Markup:
    """Draw ``y = x``: where quantiles of the law and of the cells would agree."""
    return line(plot, [low, high], [low, high], class_="rule")


def shade_after(plot: Plot, x: float, text: str = "") -> Markup:
    """Hatch everything right of ``x``, beyond what was measured; say so above the plot.

    Args:
        plot: The plot.
        x: Where measuring ended.
        text: What stands above the plot's right end, on the height of the y axis' name.
    """
    left = max(plot.x(x), plot.left)
    if left >= plot.right - 1:
        return Markup()
    area = el(
        "rect", x=left, y=plot.top, width=plot.right - left, height=plot.bottom - plot.top,
        class_="beyond",
    )  # fmt: skip
    if not text:
        return area
    words = el("text", text, x=plot.right, y=plot.top - 16, text_anchor="end", class_="beyond-text")
    return join([area, words])


def spread_labels(wanted: Numbers, *, gap: float, low: float, high: float) -> list[float]:
    """Move label positions apart until none is closer than ``gap``, staying inside where possible.

    Args:
        wanted: Positions in pixels, any order.
        gap: Least distance between two labels.
        low: Smallest position allowed.
        high: Largest position allowed.

    Returns:
        Positions in the order of ``wanted``.

    >>> spread_labels([10, 11, 50], gap=10, low=0, high=100)
    [5.5, 15.5, 50.0]
    """
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    # Labels that touch become one block, centred where its members want to be (pool adjacent).
    blocks: list[tuple[float, list[int]]] = []
    for i in order:
        blocks.append((float(wanted[i]), [i]))
        while len(blocks) > 1 and _overlap(blocks[-2], blocks[-1], gap):
            (a, left), (b, right) = blocks[-2:]
            members = left + right
            middle = (a * len(left) + b * len(right)) / len(members)
            blocks[-2:] = [(_clamp(middle, members, gap, low, high), members)]
    out = [0.0] * len(wanted)
    for middle, members in blocks:
        first = _clamp(middle, members, gap, low, high) - gap * (len(members) - 1) / 2
        for k, i in enumerate(members):
            out[i] = first + gap * k
    return out


def _overlap(a: tuple[float, list[int]], b: tuple[float, list[int]], gap: float) -> bool:
    return b[0] - a[0] < gap * (len(a[1]) + len(b[1])) / 2


def _clamp(middle: float, members: list[int], gap: float, low: float, high: float) -> float:
    half = gap * (len(members) - 1) / 2
    return max(min(middle, high - half), low + half)


def _inside(plot: Plot, y: float) -> float:
    return max(min(plot.y(y), plot.bottom), plot.top) if math.isfinite(y) else math.nan


def _classes(kind: str, series: int | None, extra: str) -> str:
    return " ".join(
        part for part in (kind, "" if series is None else f"s{series % 8}", extra) if part
    )
