"""Accuracy over time: every method's mean, its interval, its chips; the target and the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from mho.report.charts.marks import band, dots, line, rule_y, shade_after, spread_labels
from mho.report.charts.plot import Margin, Plot, picture
from mho.report.charts.scale import LinearScale, LogTimeScale, linear_scale, time_scale
from mho.report.charts.svg import el, group, join, path
from mho.report.figures.figure import Figure
from mho.report.figures.series import Series
from mho.report.schema import Moment, Results
from mho.report.verdict import Verdict
from mho.report.words import bare_percent, interval, moment, percent, span, wrap

MOST_CHIPS = 40
"""Lines of single chips drawn per method; beyond that, evenly chosen ones with both extremes."""

MOST_RANGES = 5
"""Methods up to which the range of the chips is drawn."""


@dataclass(frozen=True)
class Picture:
    """What is drawn in every panel."""

    results: Results
    series: tuple[Series, ...]
    floor: float | None
    measured_to_s: float | None

    @property
    def pale(self) -> bool:
        """Whether the range of the chips is drawn too: with many methods it only hides them."""
        return sum(s.colour is not None for s in self.series) <= MOST_RANGES

    @property
    def baseline(self) -> float:
        """Accuracy of the digital network."""
        return self.results.baseline.accuracy


def accuracy_figure(results: Results, verdict: Verdict, series: tuple[Series, ...]) -> Figure:
    """Draw accuracy against time since programming, all of it and, where useful, close-up.

    Args:
        results: The study.
        verdict: Its judgement; gives the accuracy to keep.
        series: The methods and their colours.
    """
    what = Picture(results, series, verdict.floor, results.measured_to_s)
    closeup = close_up(what)
    return Figure(
        name="accuracy",
        wide=_wide(what, closeup),
        narrow=_narrow(what, closeup),
        caption=_caption(what, closeup),
        columns=("method", "time", "mean", "interval", "sd", "5 % quantile", "worst", "chips"),
        rows=tuple(_rows(what)),
        legend=tuple((s.css, s.step.name) for s in series if s.colour is not None),
    )


def close_up(what: Picture) -> tuple[float, float] | None:
    """Return the range of accuracy worth enlarging, or None where one picture shows it all."""
    moments = [m for s in what.series for m in s.step.times]
    lowest = min(m.lowest for m in moments)
    top = max([what.baseline, *(m.highest for m in moments if m.highest <= what.baseline + 0.05)])
    goal = what.baseline - 0.02 if what.floor is None else what.floor
    reach = max(1.5 * (what.baseline - goal), 0.015)
    near = [m for m in moments if m.mean >= goal - reach]
    if not near:
        return None
    bottom = min([goal, *(max(m.lowest, goal - reach) for m in near)])
    room = 0.08 * (top - bottom)
    if top - lowest < 2.2 * (top - bottom):
        return None
    return bottom - room, min(top + room, 1.004)


def _wide(what: Picture, closeup: tuple[float, float] | None) -> Markup:
    height, labels = 392.0, 236.0
    whole = _whole_range(what)
    if closeup is None:
        margin = Margin(top=40, right=labels)
        plot = _plot(what, whole, width=1040, height=height, margin=margin)
        body = _panel(what, plot, "a") + _end_labels(what, plot)
    else:
        left = _plot(what, whole, width=382, height=height, margin=Margin(top=40, right=20))
        right = _plot(
            what, LinearScale(low=closeup[0], high=closeup[1], text=bare_percent),
            width=658, height=height, margin=Margin(top=40, right=labels), at=(382, 0),
        )  # fmt: skip
        body = join([
            _panel(what, left, "a", named=False), _lens(left, closeup),
            _panel(what, right, "b", name="close to the target, %"), _end_labels(what, right),
        ])  # fmt: skip
    return _picture(what, body, width=1040, height=height)


def _narrow(what: Picture, closeup: tuple[float, float] | None) -> Markup:
    width, height = 380.0, 286.0
    margin = Margin(top=34, right=12, left=44)
    plot = _plot(what, _whole_range(what), width=width, height=height, margin=margin)
    body = _panel(what, plot, "c", named=closeup is None)
    if closeup is not None:
        second = _plot(
            what, LinearScale(low=closeup[0], high=closeup[1], text=bare_percent),
            width=width, height=height + 24, margin=margin, at=(0, height),
        )  # fmt: skip
        body += _lens(plot, closeup) + _panel(what, second, "d", name="close to the target, %")
    total = height if closeup is None else 2 * height + 24
    return _picture(what, body, width=width, height=total)


def _whole_range(what: Picture) -> LinearScale:
    moments = [m for s in what.series for m in s.step.times]
    values = [what.baseline, *(m.lowest for m in moments), *(m.highest for m in moments)]
    scale = linear_scale([*values, what.baseline if what.floor is None else what.floor])
    return LinearScale(
        low=max(scale.low, 0.0), high=min(scale.high, 1.02), text=lambda v: bare_percent(v, 0)
        if scale.high - scale.low > 0.04 else bare_percent(v, 1)
    )  # fmt: skip


def _plot(
    what: Picture, y: LinearScale, *, width: float, height: float, margin: Margin,
    at: tuple[float, float] = (0, 0),
) -> Plot:  # fmt: skip
    x: LogTimeScale = time_scale(what.results.times_s)
    return Plot(x, y, width=width, height=height, margin=margin, at=at)


def _panel(
    what: Picture, plot: Plot, key: str, *, name: str = "accuracy, %", named: bool = True
) -> Markup:
    clip_id = f"clip-{key}"
    window = el(
        "clipPath",
        el("rect", x=plot.left - 4, y=plot.top - 4, width=plot.right - plot.left + 8,
           height=plot.bottom - plot.top + 4),
        id=clip_id,
    )  # fmt: skip
    marks = [_method(plot, s, pale=what.pale) for s in reversed(what.series)]
    parts = [
        window,
        "" if what.measured_to_s is None else _beyond(plot, what.measured_to_s, named=named),
        plot.axes(x="time since programming", y=name),
        *(rule_y(plot, value, class_=f"rule {kind}") for value, kind, _ in _levels(what, plot)),
        group(*marks, clip_path=f"url(#{clip_id})"),
        _level_names(what, plot) if named else "",
        _columns(what, plot),
    ]
    return join(parts)


def _beyond(plot: Plot, measured_to_s: float, *, named: bool) -> Markup:
    text = (
        f"beyond {span(measured_to_s)}: law continued"
        if measured_to_s > 0
        else "law continued, not measured"
    )
    return shade_after(plot, measured_to_s, text if named else "")


def _levels(what: Picture, plot: Plot) -> list[tuple[float, str, str]]:
    """Return the baseline and the target, where the panel shows them: value, class, name."""
    levels = [(what.baseline, "baseline", f"digital {percent(what.baseline)}")]
    if what.floor is not None:
        levels.append((what.floor, "target", f"target {percent(what.floor)}"))
    return [one for one in levels if plot.top - 2 <= plot.y(one[0]) <= plot.bottom + 2]


def _level_names(what: Picture, plot: Plot) -> Markup:
    """Name the baseline above its line and the target below, or both on one where they touch."""
    levels = _levels(what, plot)
    heights = [plot.y(value) for value, *_ in levels]
    if len(levels) == 2 and abs(heights[0] - heights[1]) < 10:
        levels = [(levels[0][0], "baseline", f"{levels[0][2]}, {levels[1][2]}")]
    return join(
        el("text", name, x=plot.left + 6, y=plot.y(value) + (15 if kind == "target" else -6),
           class_=f"rule-text {kind}")
        for value, kind, name in levels
    )  # fmt: skip


def _method(plot: Plot, series: Series, *, pale: bool) -> Markup:
    """Draw one method: chips' range, interval, chips on demand, mean with its times."""
    moments, colour = series.step.times, series.colour
    ts = [m.t_s for m in moments]
    means = [m.mean for m in moments]
    hollow = [m.extrapolated for m in moments]
    if colour is None:
        return line(plot, ts, means, class_="other")
    ranges = [(m.t_s, *limits) for m in moments if (limits := _range_of_chips(m)) is not None]
    sure = [m for m in moments if m.ci_low is not None and m.ci_high is not None]
    return group(
        band(plot, *_columns_of(ranges), series=colour, class_="wide") if pale and ranges else "",
        band(
            plot, [m.t_s for m in sure], [m.ci_low or 0.0 for m in sure],
            [m.ci_high or 0.0 for m in sure], series=colour,
        ),
        _chip_lines(plot, moments, colour),
        line(plot, ts, means, series=colour),
        dots(plot, ts, means, series=colour, hollow=hollow),
        class_="method",
        data_s=colour,
    )  # fmt: skip


def _columns_of(
    ranges: Sequence[tuple[float, float, float]],
) -> tuple[list[float], list[float], list[float]]:
    return [r[0] for r in ranges], [r[1] for r in ranges], [r[2] for r in ranges]


def _range_of_chips(moment: Moment) -> tuple[float, float] | None:
    """Return the 5 and 95 % quantiles over chips, linear between them."""
    values = sorted(moment.accuracies)
    if len(values) < 3:
        return None
    return _quantile(values, 0.05), _quantile(values, 0.95)


def _quantile(values: Sequence[float], share: float) -> float:
    place = share * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (place - low) * (values[high] - values[low])


def _chip_lines(plot: Plot, moments: Sequence[Moment], colour: int) -> Markup:
    chips = min((len(m.accuracies) for m in moments), default=0)
    if chips < 2 or len(moments) < 2:
        return Markup()
    ranked = sorted(range(chips), key=lambda chip: moments[-1].accuracies[chip])
    count = min(chips, MOST_CHIPS)
    drawn = {ranked[round(i * (chips - 1) / (count - 1))] for i in range(count)}
    d = "".join(
        path((plot.x(m.t_s), plot.y(m.accuracies[chip])) for m in moments) for chip in sorted(drawn)
    )
    return el("path", d=d, class_=f"chips s{colour}")


def _lens(plot: Plot, closeup: tuple[float, float]) -> Markup:
    """Frame what the second panel enlarges."""
    top, bottom = max(plot.y(closeup[1]), plot.top - 3), plot.y(closeup[0])
    frame = el("rect", x=plot.left, y=top, width=plot.right - plot.left, height=bottom - top)
    text = el("text", "enlarged", x=plot.left + 6, y=bottom + 15)
    return group(frame, text, class_="lens")


def _end_labels(what: Picture, plot: Plot) -> Markup:
    """Name each coloured method where its line ends, moved apart where they would touch."""
    ends = [(s, s.step.times[-1].mean) for s in what.series if s.colour is not None]
    ends.sort(key=lambda end: -end[1])  # those below the panel keep their order
    heights = [min(max(plot.y(mean), plot.top), plot.bottom) for _, mean in ends]
    names = [wrap(series.step.name, 29) for series, _ in ends]
    lines = max(len(name) for name in names)
    gap = min(8 + 15 * lines, max((plot.bottom - plot.top) / len(ends), 18.0)) if ends else 18.0
    places = spread_labels(heights, gap=gap, low=plot.top + 4, high=plot.bottom - 4)
    marks = []
    for (series, mean), at, place, name in zip(ends, heights, places, names, strict=True):
        below = mean < getattr(plot.y, "low", mean)
        value = f"{percent(mean)}{' ↓' if below else ''}"
        x = plot.right
        lead = el("path", d=f"M{x + 5:.0f} {at:.1f}L{x + 16:.0f} {place:.1f}", class_="lead")
        words = [el("tspan", value, class_="value"), f" {name[0]}"]
        if gap > 30 and len(name) > 1:
            words.append(el("tspan", name[1], x=x + 20, dy="15"))
        text = el("text", el("title", series.step.name), *words, x=x + 20, y=place + 4)
        marks.append(group(lead, text, class_=f"end s{series.colour}", data_s=series.colour))
    return join(marks)


def _columns(what: Picture, plot: Plot) -> Markup:
    """Lay an invisible column over each time, for pointers and arrow keys."""
    times = what.results.times_s
    places = [plot.x(t) for t in times]
    marks = []
    for i, x in enumerate(places):
        left = plot.left - 6 if i == 0 else (places[i - 1] + x) / 2
        right = plot.right + 6 if i == len(places) - 1 else (x + places[i + 1]) / 2
        guide = el("path", d=f"M{x:.1f} {plot.top:.0f}V{plot.bottom:.0f}", class_="guide")
        area = el(
            "rect", x=left, y=plot.top, width=max(right - left, 1.0),
            height=plot.bottom - plot.top, class_="hit",
        )  # fmt: skip
        marks.append(group(guide, area, class_="column", data_i=i))
    return group(*marks, class_="columns")


def _picture(what: Picture, body: Markup, *, width: float, height: float) -> Markup:
    ends = "; ".join(
        f"{s.step.name}: {percent(s.step.times[0].mean)} {moment(s.step.times[0].t_s)}, "
        f"{percent(s.step.times[-1].mean)} at {moment(s.step.times[-1].t_s)}"
        for s in what.series
    )
    label = f"Accuracy over time. Digital baseline {percent(what.baseline)}. {ends}."
    return picture(
        body, width=width, height=height, label=label, class_="hoverable", tabindex="0",
        data_tips="accuracy",
    )  # fmt: skip


def _caption(what: Picture, closeup: tuple[float, float] | None) -> str:
    confidence = next((m.confidence for s in what.series for m in s.step.times), 0.95)
    parts = [
        f"Mean accuracy over chips (line) with its {percent(confidence, 0)} interval "
        f"({'dark ' if what.pale else ''}band)"
        f"{' and the range of 5–95 % of the chips (pale band)' if what.pale else ''}, against "
        "time since programming on a log scale."
    ]
    if closeup is not None:
        parts.append("The second panel enlarges what lies close to the target.")
    if what.measured_to_s is not None:
        parts.append("Hollow points on hatched ground lie beyond the times that were measured.")
    if any(s.colour is None for s in what.series):
        parts.append("Methods that are not named are drawn in grey; the table has them all.")
    if any(len(m.accuracies) > MOST_CHIPS for s in what.series for m in s.step.times):
        parts.append(f"Single chips: {MOST_CHIPS} of each method, with the best and the worst.")
    return " ".join(parts)


def _rows(what: Picture) -> list[tuple[str, ...]]:
    return [
        (
            series.step.name,
            moment(m.t_s) + (" (beyond the measured range)" if m.extrapolated else ""),
            percent(m.mean, 2),
            interval(m.ci_low, m.ci_high, 2) or "–",
            percent(m.sd, 2),
            percent(m.q05),
            percent(m.worst),
            str(m.chips) if m.chips else "–",
        )
        for series in what.series
        for m in series.step.times
    ]
