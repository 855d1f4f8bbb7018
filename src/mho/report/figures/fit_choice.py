"""What a fit chose between: families on cells they have not seen, and sources of the spread."""

from __future__ import annotations

from mho.report.charts.rows import IntervalRow, interval_rows
from mho.report.charts.scale import linear_scale
from mho.report.figures.figure import Figure
from mho.report.fit_schema import FitResults, Ranking
from mho.report.words import amount, fixed, listing, signed

MOST_FAMILIES = 12
"""Families drawn; the table has them all."""


def family_figures(fit: FitResults) -> list[Figure]:
    """Draw how far each family of laws lies behind the best, for programming and for drift.

    Args:
        fit: The fit; nothing is drawn where nothing was compared.
    """
    named = (("programming", fit.programming), ("drift", fit.families))
    return [_families(name, one) for name, one in named if one is not None and one.families]


def variance_figure(fit: FitResults) -> Figure | None:
    """Draw where the programming spread comes from: cycle, device, die, wafer, lot.

    Args:
        fit: The fit.

    Returns:
        The figure, or None where the table named none of them.
    """
    variance = fit.variance
    if variance is None or not variance.sds:
        return None
    unit = "µS" if variance.unit == "µS" else "of ln g"
    rows = [
        IntervalRow(
            name=source,
            second=f"{amount(variance.counts[source])} of them"
            if source in variance.counts
            else "",
            value=value,
            low=low,
            high=high,
            note=f"{signed(value)} [{signed(low)} to {signed(high)}]",
        )
        for source, (value, low, high) in variance.sds.items()
        if value is not None
    ]
    scale = linear_scale([0.0, *_extent(rows)])
    x, label = f"standard deviation, {unit}", "Standard deviation of the programming by source."
    return Figure(
        name="variance",
        wide=interval_rows(rows, scale, width=1040, names=250, x=x, label=label),
        narrow=interval_rows(rows, scale, width=380, names=14, x=x, label=label, notes=0),
        caption=f"Spread between {listing([f'{row.name}s' for row in rows])}, with 95 % intervals.",
        columns=("source", "sd", "from", "to"),
        rows=tuple((r.name, signed(r.value), signed(r.low), signed(r.high)) for r in rows),
    )


def _families(name: str, ranking: Ranking) -> Figure:
    shown = [f for f in ranking.families if f.behind_winner is not None][:MOST_FAMILIES]
    rows = [
        IntervalRow(
            name=family.family,
            value=-(family.behind_winner or 0.0),
            low=_behind(family.behind_winner, family.standard_error, 1.96),
            high=_behind(family.behind_winner, family.standard_error, -1.96),
            note=f"{amount(family.parameters)} numbers",
            series=2 if i == 0 else 1,
        )
        for i, family in enumerate(shown)
    ]
    scale = linear_scale([0.0, *_extent(rows)])
    x = "log-likelihood of unseen cells behind the best, nats a read"
    label = f"Families of the {name} law, compared on cells that they were not fitted to."
    return Figure(
        name=f"families-{name}",
        wide=interval_rows(rows, scale, width=1040, names=330, notes=120, x=x, label=label),
        narrow=interval_rows(rows, scale, width=380, names=14, x=x, label=label, notes=0),
        caption=_sentence(ranking.price),
        columns=("family", "numbers", "log-likelihood a read", "behind the best", "AIC"),
        rows=tuple(
            (
                f.family, amount(f.parameters), _exact(f.held_out_nats_per_read),
                _exact(f.behind_winner), "–" if f.aic is None else amount(round(f.aic)),
            )
            for f in ranking.families
        ),
    )  # fmt: skip


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""


def _behind(gap: float | None, error: float | None, factor: float) -> float | None:
    return None if gap is None or not error else -(gap + factor * error)


def _exact(value: float | None) -> str:
    return "–" if value is None else fixed(value, 4)


def _extent(rows: list[IntervalRow]) -> list[float]:
    values = [v for row in rows for v in (row.value, row.low, row.high)]
    return [v for v in values if v is not None]
