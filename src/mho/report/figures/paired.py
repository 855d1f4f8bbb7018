"""Paired differences: what each method gains over another on the same chips."""

from __future__ import annotations

from mho.report.charts.rows import IntervalRow, interval_rows
from mho.report.charts.scale import root_scale
from mho.report.figures.figure import Figure
from mho.report.figures.series import Series
from mho.report.schema import Difference, Results
from mho.report.verdict import Verdict
from mho.report.words import after, moment, points

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
    rows = [_row(s, d) for s, d in found]
    x = "points gained"
    label = "Paired differences of accuracy at the end of life, one row a comparison."
    return Figure(
        name="paired",
        wide=interval_rows(rows, scale, width=1040, names=330, x=x, label=label),
        narrow=interval_rows(rows, scale, width=380, names=14, x=x, label=label, notes=0),
        caption=(
            f"Gain on the same chips {after(end)}, with its interval: an interval clear of 0 is a "
            "real difference. Pairing removes what two methods share, such as a badly programmed "
            "chip. The scale is stretched near 0; the table has all times."
        ),
        columns=("method", "against", "time", "gain, points", "interval"),
        rows=tuple(_table_row(s, d) for s in series for d in s.step.paired),
    )


def _row(series: Series, d: Difference) -> IntervalRow:
    return IntervalRow(
        name=series.step.name,
        second=f"against {d.against}",
        value=100 * d.mean,
        low=None if d.ci_low is None else 100 * d.ci_low,
        high=None if d.ci_high is None else 100 * d.ci_high,
        note=f"{points(d.mean)}  [{_interval(d)}]",
        series=series.colour,
    )


def _table_row(series: Series, d: Difference) -> tuple[str, ...]:
    return series.step.name, d.against, moment(d.t_s), points(d.mean), _interval(d)


def _interval(d: Difference) -> str:
    if d.ci_low is None or d.ci_high is None:
        return "–"
    return f"{points(d.ci_low)} to {points(d.ci_high)}"
