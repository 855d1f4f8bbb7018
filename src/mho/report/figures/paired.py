"""Paired differences: what each method gains over another on the same chips."""

from __future__ import annotations

from markupsafe import Markup

from mho.report.charts.marks import dots, rule_x, whisker_x
from mho.report.charts.plot import Margin, Plot, picture
from mho.report.charts.scale import LinearScale, RootScale, root_scale
from mho.report.charts.svg import el
from mho.report.figures.figure import Figure, row_names
from mho.report.figures.series import Series
from mho.report.schema import Difference, Results
from mho.report.verdict import Verdict
from mho.report.words import after, moment, points

ROW = 42.0
MOST = 10
"""Comparisons drawn; where there are more, only the first of each method is."""


def paired_figure(results: Results, verdict: Verdict, series: tuple[Series, ...]) -> Figure | None:
    """Draw each method's gain over another at the end of life, with its interval.

    Args:
        results: The study.
        verdict: Its judgement; gives the end of life.
        series: The methods and their colours.

    Returns:
        The figure, or None where nothing was compared.
    """
    ends = {j.step.name: j.end.t_s for j in verdict.judgements}
    found = [(s, d) for s in series for d in s.step.paired if d.t_s == ends.get(s.step.name, d.t_s)]
    if not found:
        return None
    if len(found) > MOST:  # the comparison named first is with the step that it builds on
        found = list({id(s): (s, d) for s, d in reversed(found)}.values())[::-1]
    values = [100 * v for _, d in found for v in (d.mean, d.ci_low, d.ci_high) if v is not None]
    scale = root_scale(values)
    end = max(d.t_s for _, d in found)
    return Figure(
        name="paired",
        wide=_draw(found, scale, width=1040, names=330, above=False),
        narrow=_draw(found, scale, width=380, names=14, above=True),
        caption=(
            f"Gain on the same chips {after(end)}, with its interval: an interval clear of 0 is a "
            "real difference. Pairing removes what two methods share, such as a badly programmed "
            "chip. The scale is stretched near 0; the table has all times."
        ),
        columns=("method", "against", "time", "gain, points", "interval"),
        rows=tuple(_table_row(s, d) for s in series for d in s.step.paired),
    )


def _table_row(series: Series, d: Difference) -> tuple[str, ...]:
    return series.step.name, d.against, moment(d.t_s), points(d.mean), _interval(d)


def _interval(d: Difference) -> str:
    if d.ci_low is None or d.ci_high is None:
        return "–"
    return f"{points(d.ci_low)} to {points(d.ci_high)}"


def _draw(
    found: list[tuple[Series, Difference]], scale: RootScale, *, width: float, names: float,
    above: bool,
) -> Markup:  # fmt: skip
    row = ROW + (16 if above else 0)
    margin = Margin(top=12, right=20 if above else 190, left=names)
    height = len(found) * row + margin.top + margin.bottom
    plot = Plot(
        scale, LinearScale(low=len(found), high=0), width=width, height=height, margin=margin
    )
    parts = [
        plot.axes(x="points gained", grid=False, values=False),
        rule_x(plot, 0.0, class_="rule baseline"),
    ]
    middles = [i + (0.76 if above else 0.5) for i in range(len(found))]
    for (s, d), middle in zip(found, middles, strict=True):
        extra = "" if s.colour is not None else "other"
        if d.ci_low is not None and d.ci_high is not None:
            parts.append(
                whisker_x(plot, middle, 100 * d.ci_low, 100 * d.ci_high, series=s.colour,
                          class_=extra)
            )  # fmt: skip
        parts.append(dots(plot, [100 * d.mean], [middle], series=s.colour, radius=5, class_=extra))
        if not above:
            text = f"{points(d.mean)}  [{_interval(d)}]"
            parts.append(el("text", text, x=plot.right + 12, y=plot.y(middle) + 4, class_="note"))
    labels = row_names(
        [(s.step.name, f"against {d.against}") for s, d in found],
        [plot.y(m) for m in middles],
        x=margin.left if above else margin.left - 12, above=above, length=44,
    )  # fmt: skip
    label = "Paired differences of accuracy at the end of life, one row a comparison."
    return picture(*parts, labels, width=width, height=height, label=label)
