"""Chip by chip: every chip of every method at one time, against the digital network."""

from __future__ import annotations

from markupsafe import Markup

from mho.report.charts.marks import cloud, dots, rule_x, whisker_x
from mho.report.charts.plot import Margin, Plot, picture
from mho.report.charts.rows import row_names
from mho.report.charts.scale import LinearScale, RootScale, root_scale
from mho.report.charts.svg import el, join
from mho.report.figures.figure import Figure
from mho.report.figures.series import Series
from mho.report.schema import Moment, Results
from mho.report.verdict import Verdict, chips_at
from mho.report.words import after, percent, points

ROW = 34.0


def chips_figure(results: Results, verdict: Verdict, series: tuple[Series, ...]) -> Figure | None:
    """Draw each chip's loss against the digital network at the end of life, a row a method.

    The scale is a signed root, so that a loss of 0.3 and one of 30 points are both legible.

    Args:
        results: The study.
        verdict: Its judgement; gives each method's result at the end of life.
        series: The methods and their colours.

    Returns:
        The figure, or None where no chip's own accuracy is known.
    """
    ends = [j.end for j in verdict.judgements]
    if not any(end.accuracies for end in ends):
        return None
    base, floor = results.baseline.accuracy, verdict.floor
    losses = [100 * (a - base) for end in ends for a in (*end.accuracies, end.mean)]
    scale = root_scale(losses if floor is None else [*losses, 100 * (floor - base)])
    args = (series, ends, base, floor, scale)
    caption = (
        f"Each small dot is one chip {after(max(end.t_s for end in ends))}; the large dot is the "
        "mean with its interval. The scale shows points of accuracy above (+) or below (−) the "
        "digital network and is stretched near 0."
    )
    rows = tuple(
        (s.step.name, points(end.mean - base), str(end.chips), _count(end, floor))
        for s, end in zip(series, ends, strict=True)
    )
    return Figure(
        name="chips",
        wide=_draw(*args, width=1040, names=250, above=False),
        narrow=_draw(*args, width=380, names=14, above=True),
        caption=caption,
        columns=("method", "mean against digital, points", "chips", "chips at the target"),
        rows=rows,
    )


def _draw(
    series: tuple[Series, ...], ends: list[Moment], base: float, floor: float | None,
    scale: RootScale, *, width: float, names: float, above: bool,
) -> Markup:  # fmt: skip
    row = ROW + (14 if above else 0)
    count = len(series)
    margin = Margin(top=26, right=20 if above else 110, left=names)
    height = count * row + margin.top + margin.bottom
    y = LinearScale(low=count, high=0)
    plot = Plot(scale, y, width=width, height=height, margin=margin)
    middles = [i + (0.66 if above else 0.5) for i in range(count)]
    parts = [
        _axis(plot), rule_x(plot, 0.0, class_="rule baseline"),
        el("text", "digital", x=plot.x(0) + 4, y=plot.top - 8, class_="rule-text baseline"),
    ]  # fmt: skip
    if floor is not None:
        target = 100 * (floor - base)
        parts += [
            rule_x(plot, target, class_="rule target"),
            el("text", "target", x=plot.x(target) - 4, y=plot.top - 8, text_anchor="end",
               class_="rule-text target"),
        ]  # fmt: skip
    for s, end, middle in zip(series, ends, middles, strict=True):
        parts.append(_row(plot, s, end, base, middle))
        if not above:
            note = _count(end, floor)
            parts.append(el("text", note, x=plot.right + 10, y=plot.y(middle) + 4, class_="note"))
    labels = row_names(
        [(s.step.name, "") for s in series], [plot.y(m) for m in middles],
        x=margin.left if above else margin.left - 12, above=above, length=42 if above else 34,
    )  # fmt: skip
    label = "Accuracy of every chip against the digital network, one row a method."
    return picture(*parts, labels, width=width, height=height, label=label)


def _axis(plot: Plot) -> Markup:
    return plot.axes(x="points against the digital network", grid=False, values=False)


def _row(plot: Plot, series: Series, end: Moment, base: float, middle: float) -> Markup:
    losses = [100 * (a - base) for a in end.accuracies]
    # A fixed pattern of heights: dots do not hide each other, and the same page comes out twice.
    heights = [middle + 0.2 * ((i * 0.618034) % 1 - 0.5) for i in range(len(losses))]
    colour = series.colour
    extra = "other" if colour is None else ""
    interval: Markup = Markup()
    if end.ci_low is not None and end.ci_high is not None:
        low, high = 100 * (end.ci_low - base), 100 * (end.ci_high - base)
        interval = whisker_x(plot, middle, low, high, series=colour, class_=extra)
    mean = dots(plot, [100 * (end.mean - base)], [middle], series=colour, radius=5, class_=extra)
    return join([cloud(plot, losses, heights, series=colour, class_=extra), interval, mean])


def _count(end: Moment, floor: float | None) -> str:
    count = None if floor is None else chips_at(end, floor)
    return percent(end.mean) if count is None else f"{count[0]} of {count[1]} meet it"
