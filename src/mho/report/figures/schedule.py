"""The schedule of compensation sets: which set is in force when, and what it guarantees."""

from __future__ import annotations

import math
from dataclasses import replace

from markupsafe import Markup

from mho.report.charts.marks import dots, line, whisker_y
from mho.report.charts.plot import Margin, Plot, picture
from mho.report.charts.scale import LinearScale, linear_scale, time_scale
from mho.report.charts.svg import el, group
from mho.report.figures.figure import Figure
from mho.report.schema import SetInForce, Step
from mho.report.words import bare_percent, listing, moment, percent


def schedule_figure(step: Step, index: int) -> Figure | None:
    """Draw one method's sets as a timeline on log time, with mean − 3 sd against its bound.

    Args:
        step: The method.
        index: Number of the method, for the figure's name.

    Returns:
        The figure, or None where the method has no schedule.
    """
    sets = step.schedule
    if not sets:
        return None
    rows = tuple(
        (
            f"set {entry.set}", moment(entry.from_s),
            "end" if entry.to_s is None else moment(entry.to_s), percent(entry.mean, 2),
            percent(entry.sd, 2), percent(_guard(entry), 2), percent(entry.bound, 2),
        )
        for entry in sets
    )  # fmt: skip
    guarded = any(_guard(entry) is not None for entry in sets)
    caption = f"{step.name}: {_count(len(sets))}, each in force until the next."
    if guarded:
        caption += (
            " Points: mean accuracy over chips at the time where the set comes closest to its "
            "bound; whiskers: three standard deviations down; dashes: the bound."
        )
        missed = [f"set {entry.set}" for entry in sets if not _holds(entry)]
        if missed:
            caption += f" Below its bound: {listing(missed)}."
    return Figure(
        name=f"schedule-{index}",
        wide=_draw(step, guarded, width=1040),
        narrow=_draw(step, guarded, width=380),
        caption=caption,
        columns=("set", "from", "to", "mean", "sd", "mean − 3 sd", "bound"),
        rows=rows,
    )


def _count(sets: int) -> str:
    return f"{sets} set{'' if sets == 1 else 's'}"


def _guard(entry: SetInForce) -> float | None:
    return None if entry.mean is None or entry.sd is None else entry.mean - 3 * entry.sd


def _holds(entry: SetInForce) -> bool:
    guard = _guard(entry)
    return guard is None or entry.bound is None or guard >= entry.bound - 1e-12


def _ends(step: Step) -> list[tuple[float, float]]:
    """Return from and to of each set; an open end is the last time evaluated."""
    last = max([m.t_s for m in step.times] + [e.from_s for e in step.schedule])
    return [(e.from_s, e.to_s if e.to_s is not None else last) for e in step.schedule]


def _draw(step: Step, guarded: bool, *, width: float) -> Markup:
    ends = _ends(step)
    times = [t for pair in ends for t in pair]
    x = replace(time_scale(times), prefer_s=())
    height = 264.0 if guarded else 112.0
    bar = 30.0
    y: LinearScale = replace(linear_scale(_levels(step), pad=0.1, text=_fine), spacing=30)
    plot = Plot(
        x, y, width=width, height=height,
        margin=Margin(top=(52 + bar) if guarded else height - 44, right=16, left=52),
    )  # fmt: skip
    top = 14.0
    segments = [
        _segment(plot, entry, pair, top, bar, index)
        for index, (entry, pair) in enumerate(zip(step.schedule, ends, strict=True))
    ]
    parts = [
        plot.axes(x="time since programming", y="accuracy, %" if guarded else "", values=guarded)
    ]
    if guarded:
        parts += [_guarantee(plot, e, pair) for e, pair in zip(step.schedule, ends, strict=True)]
    label = f"Schedule of {step.name}: {_count(len(ends))} over time."
    return picture(*parts, group(*segments, class_="sets"), width=width, height=height, label=label)


def _fine(share: float) -> str:
    return bare_percent(share, 2)


def _levels(step: Step) -> list[float]:
    values = [v for e in step.schedule for v in (e.mean, _guard(e), e.bound) if v is not None]
    return values or [0.0, 1.0]


def _segment(
    plot: Plot, entry: SetInForce, ends: tuple[float, float], top: float, bar: float, index: int
) -> Markup:
    left, right = plot.x(ends[0]), plot.x(ends[1])
    width = max(right - left - 2, 1.0)
    text = f"set {entry.set}"
    room = 7 * len(text)
    label = text if width > room else (str(entry.set) if width > 7 * len(str(entry.set)) else "")
    name = f"{text}, from {moment(ends[0])} to {moment(ends[1])}"
    return group(
        el("rect", el("title", name), x=left + 1, y=top, width=width, height=bar, rx=3),
        el("text", label, x=(left + right) / 2, y=top + bar / 2 + 4, text_anchor="middle")
        if label
        else "",
        class_=f"set set{index % 2}",
    )


def _guarantee(plot: Plot, entry: SetInForce, ends: tuple[float, float]) -> Markup:
    guard, parts = _guard(entry), []
    if entry.bound is not None:
        parts.append(line(plot, ends, [entry.bound] * 2, class_="rule target"))
    if entry.mean is not None:
        middle = math.sqrt(ends[0] * ends[1]) if ends[0] > 0 else ends[1]
        colour = 1 if _holds(entry) else 0
        if guard is not None:
            parts.append(whisker_y(plot, middle, guard, entry.mean, series=colour))
        parts.append(line(plot, ends, [entry.mean] * 2, series=colour))
        parts.append(dots(plot, [middle], [entry.mean], series=colour))
    return group(*parts)
