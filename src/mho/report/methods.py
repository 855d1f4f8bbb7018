"""The table of methods: what each reaches, costs and may know, as cells to be shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mho.report.figures.series import Series
from mho.report.price import Price
from mho.report.schema import Moment, Results
from mho.report.verdict import Judgement, Verdict, chips_at, yield_interval
from mho.report.words import (
    amount,
    duration,
    energy,
    extra,
    interval,
    large,
    percent,
    storage,
)

KNOWLEDGE = {
    "labels": ("labels", "labels of the data it learns from"),
    "data_on_device": ("data on device", "inputs stored or streamed where the chip is used"),
    "true_time": ("true time", "the time since programming, when the chip is used"),
    "own_readout": ("own read\u2011out", "outputs or column currents of its own chip"),
    "rram_values": ("RRAM values", "the conductances of its own chip, cell by cell"),
}
"""Keys of what a method may know: heading and explanation."""


@dataclass(frozen=True)
class Cell:
    """A figure with what stands beside it in small print."""

    text: str
    small: str = ""


@dataclass(frozen=True)
class Row:
    """One method in the tables.

    Args:
        series: The method and its colour.
        status: ``"meets"``, ``"misses"``, ``"unknown"`` or ``""`` where there is no target.
        chosen: Whether it is the cheapest that meets the target.
        start: Accuracy at the first time.
        end: Accuracy at the end of life.
        low: 5 % quantile over chips at the end of life.
        worst: Worst chip at the end of life.
        passing: Chips at the target, with the interval of their share.
        price: One cell for each of the table's price columns.
        knows: One of ``"yes"``, ``"no"``, ``"–"`` for each key of KNOWLEDGE.
    """

    series: Series
    status: str
    chosen: bool
    start: Cell
    end: Cell
    low: Cell
    worst: Cell
    passing: Cell
    price: tuple[Cell, ...]
    knows: tuple[str, ...]


@dataclass(frozen=True)
class MethodTable:
    """All methods, and which columns have anything in them."""

    rows: tuple[Row, ...]
    prices: tuple[str, ...]
    has_start: bool
    has_target: bool


def method_table(results: Results, verdict: Verdict, series: tuple[Series, ...]) -> MethodTable:
    """Arrange the methods of a study for its tables.

    Args:
        results: The study.
        verdict: Its judgement.
        series: The methods and their colours, in the order of the judgements.
    """
    judged = verdict.judgements
    columns = [c for c in _PRICES if any(c.write(j.price, results).text != "–" for j in judged)]
    rows = tuple(
        _row(judgement, s, results, verdict, columns)
        for judgement, s in zip(judged, series, strict=True)
    )
    return MethodTable(
        rows=rows,
        prices=tuple(column.heading for column in columns),
        has_start=len(results.times_s) > 1,
        has_target=verdict.floor is not None,
    )


def _row(
    judgement: Judgement, series: Series, results: Results, verdict: Verdict,
    columns: list[_PriceColumn],
) -> Row:  # fmt: skip
    end, start = judgement.end, judgement.step.times[0]
    knows = judgement.step.knows
    return Row(
        series=series,
        status=_status(judgement, verdict.floor),
        chosen=judgement is verdict.chosen,
        start=_accuracy(start),
        end=_accuracy(end),
        low=Cell(percent(end.q05)),
        worst=Cell(percent(end.worst)),
        passing=_passing(end, verdict.floor),
        price=tuple(column.write(judgement.price, results) for column in columns),
        knows=tuple(_yes_no(getattr(knows, key)) for key in KNOWLEDGE),
    )


def _status(judgement: Judgement, floor: float | None) -> str:
    if floor is None:
        return ""
    if not judgement.meets:
        return "misses"
    return "meets" if judgement.reaches else "unknown"


def _accuracy(moment: Moment) -> Cell:
    return Cell(percent(moment.mean), interval(moment.ci_low, moment.ci_high))


def _passing(end: Moment, floor: float | None) -> Cell:
    count = None if floor is None else chips_at(end, floor)
    if floor is None or count is None:
        return Cell("–")
    found = yield_interval(end, floor)
    small = f"{interval(*found, 0)} %" if found is not None else ""
    return Cell(f"{count[0]} of {count[1]}", small)


def _yes_no(known: bool | None) -> str:
    return "–" if known is None else ("yes" if known else "no")


@dataclass(frozen=True)
class _PriceColumn:
    heading: str
    write: Callable[[Price, Results], Cell]


def _area(price: Price, _: Results) -> Cell:
    if price.area_share is None:
        return Cell("–")
    if price.area_share == 0:
        return Cell("0")
    low, high = price.area_range or (0.0, 0.0)
    books = f"{extra(low).removesuffix(' %')}–{extra(high)}" if high - low > 5e-4 else ""
    return Cell(f"+{extra(price.area_share)}", books)


def _macs(price: Price, _: Results) -> Cell:
    share = "" if not price.macs_share else f"+{percent(price.macs_share)}"
    return Cell(large(price.macs), share)


def _energy(price: Price, _: Results) -> Cell:
    share = "" if not price.energy_share else f"+{percent(price.energy_share)}"
    return Cell(energy(price.energy_pJ), share)


_PRICES = (
    _PriceColumn("added area", _area),
    _PriceColumn("SRAM", lambda p, _: Cell(storage(p.sram_bits))),
    _PriceColumn("ROM", lambda p, _: Cell(storage(p.rom_bits))),
    _PriceColumn("extra MACs", _macs),
    _PriceColumn("RRAM writes", lambda p, _: Cell(amount(p.rram_writes))),
    _PriceColumn("data kept", lambda p, _: Cell(storage(p.data_bits))),
    _PriceColumn("extra energy", _energy),
    _PriceColumn("time to prepare", lambda p, _: Cell(duration(p.seconds))),
)
