"""A curve as a picture of its own: SVG that needs no page around it, on light and on dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from mho.report.charts.marks import band, dots, line, spread_labels
from mho.report.charts.plot import Margin, Plot
from mho.report.charts.scale import LinearScale, Scale, Tick, linear_scale
from mho.report.charts.svg import el, join

_COLOURS = (
    "#0b6e99", "#c2571a", "#3d7f3a", "#8a4fae", "#b0233a", "#6b6b00", "#00808a", "#555555",
    "#a3781f", "#4b5fd6",
)  # fmt: skip
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#333}.name{font-weight:600}"
    ".grid path{stroke:#8884;fill:none}.base{stroke:#888;fill:none}.tick{stroke:#888}"
    ".line{fill:none;stroke-width:2}.band{opacity:.16;stroke:none}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}}"
)
_MOST_BANDS = 3
"""Lines up to which the band of the chips is drawn; beyond that it would only hide them."""
_LABEL, _LETTER = 210, 6.8
"""Least room for the names of lines, and what a letter of them takes, in pixels."""


@dataclass(frozen=True, kw_only=True)
class OrdinalScale(Scale):
    """Values side by side, evenly spaced, whatever lies between them.

    Args:
        names: How each value reads.

    >>> OrdinalScale(names=("a", "b", "c"), start=0, end=60)(1)
    30.0
    """

    names: tuple[str, ...]

    def __call__(self, value: float) -> float:
        """Return the pixel of the value of a number, from 0."""
        places = max(len(self.names) - 1, 1)
        return self.start + value / places * (self.end - self.start)

    def ticks(self) -> list[Tick]:
        """Return one tick a value."""
        return [Tick(float(k), name) for k, name in enumerate(self.names)]


def panels(found: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return a curve as one picture, or as one for each of its other values where lines are many.

    Args:
        found: As for :func:`curve_picture`.

    Returns:
        By what tells the pictures apart, empty for a single one: what each of them draws.
    """
    if len(_lines(found)) <= len(_COLOURS):
        return {"": dict(found)}
    x, parts = found["x"], dict[str, list[dict[str, Any]]]()
    for point in found["points"]:
        others = ", ".join(str(value) for name, value in point["values"].items() if name != x)
        alone = {**point, "values": {x: point["values"][x]}}
        parts.setdefault(others, []).append(alone)
    return {
        others: {**found, "what": f"{found['what']}: {others}", "points": points}
        for others, points in parts.items()
    }


def curve_picture(found: Mapping[str, Any]) -> Markup:
    """Draw accuracies along a sweep: a line a series, with the band of mean ± sd of its chips.

    Args:
        found: What :func:`mho.reproduce.curves.curve` returned, of accuracies.
    """
    x, points = found["x"], found["points"]
    values = list(dict.fromkeys(point["values"][x] for point in points))
    lines = _lines(found)
    banded = len(lines) <= _MOST_BANDS
    shown = [
        100 * (at["mean"] + way * (at["sd"] if banded else 0))
        for series in lines.values()
        for at in series.values()
        for way in (-1, 1)
    ]
    room = max(_LABEL, 24 + round(_LETTER * max(len(name) for name in lines)))
    plot = Plot(
        OrdinalScale(names=tuple(found["ticks"].get(str(v), f"{v:g}") for v in values)),
        _percent(shown),
        width=550 + room,
        height=400,
        margin=Margin(top=34, right=room),
    )
    body = [el("style", Markup(_STYLE)), plot.axes(x=found["axis"], y="accuracy, %")]
    ends = []
    for number, (name, series) in enumerate(lines.items()):
        at = [(values.index(value), figures) for value, figures in series.items()]
        xs = [float(place) for place, _ in at]
        means = [100 * figures["mean"] for _, figures in at]
        marks = [line(plot, xs, means), dots(plot, xs, means)]
        if banded:
            low, high = ([100 * (f["mean"] + way * f["sd"]) for _, f in at] for way in (-1, 1))
            marks.insert(0, band(plot, xs, low, high))
        colour = _COLOURS[number % len(_COLOURS)]
        body += [el("g", *marks, style=f"fill:{colour};stroke:{colour}")]
        ends.append((name, plot.y(means[-1]), colour))
    return plot.svg(join(body), _labels(plot, ends), label=found["what"])


def _percent(shown: Sequence[float]) -> LinearScale:
    scale = linear_scale(shown)
    return LinearScale(low=scale.low, high=min(scale.high, 101))


def _labels(plot: Plot, ends: Sequence[tuple[str, float, str]]) -> Markup:
    places = spread_labels([y for _, y, _ in ends], gap=16, low=plot.top, high=plot.bottom)
    return join(
        [
            el("text", name, x=plot.right + 10, y=y + 4, style=f"fill:{colour}")
            for (name, _, colour), y in zip(ends, places, strict=True)
        ]
    )


def _lines(found: Mapping[str, Any]) -> dict[str, dict[Any, Mapping[str, float]]]:
    """Return figures by line and swept value; a step that no other value changes is one line."""
    x = found["x"]
    lines: dict[str, dict[Any, Mapping[str, float]]] = {}
    for point in found["points"]:
        others = [str(value) for name, value in point["values"].items() if name != x]
        for step, figures in point["accuracy"].items():
            alone = step in found["alone"] or not others
            name = step if alone else ", ".join(others)
            if not alone and len(found["steps"]) - len(found["alone"]) > 1:
                name = f"{step}, {name}"
            lines.setdefault(name, {}).setdefault(point["values"][x], figures)
    return lines
