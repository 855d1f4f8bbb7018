"""Accuracy against price: what more area, or more memory, buys."""

from __future__ import annotations

from collections.abc import Callable

from markupsafe import Markup

from mho.report.charts.marks import dots, rule_y, spread_labels, whisker_y
from mho.report.charts.plot import Margin, Plot, picture
from mho.report.charts.scale import LinearScale, RootScale, root_scale
from mho.report.charts.svg import el, group, join
from mho.report.figures.figure import Figure
from mho.report.figures.series import Series
from mho.report.price import Price
from mho.report.schema import Results
from mho.report.verdict import Judgement, Verdict
from mho.report.words import after, amount, extra, percent, points, storage, wrap

LABEL = 220.0
"""Length of a label in pixels."""

_AXES: dict[str, tuple[str, Callable[[float], str]]] = {
    "area_share": ("added area", lambda v: f"{amount(round(100 * v, 6))} %"),
    "memory": ("added memory", storage),
}


def price_figure(results: Results, verdict: Verdict, series: tuple[Series, ...]) -> Figure | None:
    """Draw accuracy at the end of life against added area (or memory where no area is known).

    Args:
        results: The study.
        verdict: Its judgement with prices.
        series: The methods and their colours.

    Returns:
        The figure, or None where methods do not differ in a price that all of them state.
    """
    for measure in _AXES:
        costs = [_cost(j.price, measure) for j in verdict.judgements]
        known = [cost for cost in costs if cost is not None]
        if len(known) == len(costs) and len(set(known)) > 1:
            return _figure(results, verdict, series, measure, known)
    return None


def _cost(price: Price, measure: str) -> float | None:
    if measure == "area_share":
        return price.area_share
    if price.sram_bits is None and price.rom_bits is None:
        return None
    return (price.sram_bits or 0.0) + (price.rom_bits or 0.0)


def _figure(
    results: Results, verdict: Verdict, series: tuple[Series, ...], measure: str,
    costs: list[float],
) -> Figure:  # fmt: skip
    base = results.baseline.accuracy
    name, text = _AXES[measure]
    ends = [j.end for j in verdict.judgements]
    known = [v for end in ends for v in (end.mean, end.ci_low, end.ci_high) if v is not None]
    losses = [100 * (v - base) for v in known]
    floor = [] if verdict.floor is None else [100 * (verdict.floor - base)]
    y = root_scale([*losses, *floor])
    x = LinearScale(low=-0.04 * max(costs), high=1.06 * max(costs), text=text, spacing=64)
    write = text if measure == "memory" else extra
    rows = tuple(
        (s.step.name, write(cost), percent(end.mean, 2), points(end.mean - base))
        for s, cost, end in zip(series, costs, ends, strict=True)
    )
    args = (verdict.judgements, series, base, costs, floor, x, y, name)
    return Figure(
        name="price",
        wide=_draw(*args, width=1040, height=300, labels=220),
        narrow=_draw(*args, width=380, height=280, labels=0),
        caption=(
            f"Accuracy {after(max(end.t_s for end in ends))} against the digital network, over "
            f"{name}: up and to the left is better. Methods on one vertical line cost the same."
        ),
        columns=("method", name, "mean accuracy", "against digital, points"),
        rows=rows,
        legend=tuple((s.css, s.step.name) for s in series if s.colour is not None),
    )


def _draw(
    judgements: tuple[Judgement, ...], series: tuple[Series, ...], base: float,
    costs: list[float], floor: list[float], x: LinearScale, y: RootScale, name: str,
    *, width: float, height: float, labels: float,
) -> Markup:  # fmt: skip
    margin = Margin(top=34, right=labels + 16, left=48)
    plot = Plot(x, y, width=width, height=height, margin=margin)
    parts = [plot.axes(x=name, y="points against digital")]
    for value, kind in ((0.0, "baseline"), *((v, "target") for v in floor)):
        text = "digital" if kind == "baseline" else "target"
        parts.append(rule_y(plot, value, class_=f"rule {kind}"))
        parts.append(
            el("text", text, x=(plot.left + plot.right) / 2, y=plot.y(value) - 5,
               text_anchor="middle", class_=f"rule-text {kind}")
        )  # fmt: skip
    for judgement, s, cost in zip(judgements, series, costs, strict=True):
        end, extra = judgement.end, "" if s.colour is not None else "other"
        if end.ci_low is not None and end.ci_high is not None:
            low, high = 100 * (end.ci_low - base), 100 * (end.ci_high - base)
            parts.append(whisker_y(plot, cost, low, high, series=s.colour, class_=extra))
        loss = 100 * (end.mean - base)
        parts.append(dots(plot, [cost], [loss], series=s.colour, radius=5.5, class_=extra))
    if labels:
        parts.append(_labels(plot, judgements, series, base, costs))
    label = f"Accuracy at the end of life against {name}."
    return picture(*parts, width=width, height=height, label=label)


def _labels(
    plot: Plot, judgements: tuple[Judgement, ...], series: tuple[Series, ...], base: float,
    costs: list[float],
) -> Markup:  # fmt: skip
    named = [i for i, s in enumerate(series) if s.colour is not None]
    heights = [plot.y(100 * (judgements[i].end.mean - base)) for i in named]
    # Labels whose dots lie less than a label's length apart stand in one column, spread out.
    out: list[Markup] = []
    column: list[int] = []
    for k in sorted(range(len(named)), key=lambda k: costs[named[k]]):
        if column and plot.x(costs[named[k]]) - plot.x(costs[named[column[0]]]) > LABEL:
            out += _column(plot, [(series[named[c]], costs[named[c]], heights[c]) for c in column])
            column = []
        column.append(k)
    out += _column(plot, [(series[named[c]], costs[named[c]], heights[c]) for c in column])
    return join(out)


def _column(plot: Plot, labels: list[tuple[Series, float, float]]) -> list[Markup]:
    """Write the labels of neighbouring dots, right of each dot and apart from each other."""
    wanted = [height for _, _, height in labels]
    places = spread_labels(wanted, gap=32, low=plot.top, high=plot.bottom - 6)
    out = []
    for (s, cost, _), place in zip(labels, places, strict=True):
        x = plot.x(cost) + 12
        first, *rest = wrap(s.step.name, 30)
        more = [el("tspan", part, x=x, dy="15") for part in rest]
        text = el("text", el("title", s.step.name), first, *more, x=x, y=place + 4)
        out.append(group(text, class_=f"end {s.css}", data_s=s.colour))
    return out
