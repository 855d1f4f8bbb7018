"""What a method costs, read from its cost and additions; and which of two prices is lower."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mho.report.schema import Results, Step
from mho.report.words import amount, extra, large, percent, storage


@dataclass(frozen=True)
class Price:
    """What a method adds to the hardware; None where the results do not say.

    Args:
        area_share: Added area as a share of the area without it.
        area_range: The same by the price books that see it smallest and largest.
        sram_bits: Words that must be written on each device.
        rom_bits: Words that are the same on every device.
        macs: Added multiply-accumulates per inference.
        macs_share: The same as a share of the network's own.
        rram_writes: Writes to RRAM cells after the first programming.
        data_bits: Data that must be kept on the device.
        energy_pJ: Added energy per inference.
        energy_share: The same as a share of the energy without it.
        seconds: Time that the fit took on the machine that ran the study.
    """

    area_share: float | None = None
    area_range: tuple[float, float] | None = None
    sram_bits: float | None = None
    rom_bits: float | None = None
    macs: float | None = None
    macs_share: float | None = None
    rram_writes: float | None = None
    data_bits: float | None = None
    energy_pJ: float | None = None
    energy_share: float | None = None
    seconds: float | None = None


MEASURES = {
    "area_share": "added area",
    "sram_bits": "bits of SRAM",
    "rom_bits": "bits of ROM",
    "macs": "extra operations",
    "rram_writes": "RRAM writes",
    "data_bits": "data kept on the device",
    "seconds": "time to prepare",
}
"""What decides which method is cheapest: the first of these that differs."""


def price_of(step: Step, results: Results) -> Price:
    """Read a step's price; what the cost does not state is taken from what the method adds.

    >>> step = Step(name="a", method="sparse-adaptation", adds={"sram_bits": 8})
    >>> price_of(step, Results(format=1, baseline={"accuracy": 1})).sram_bits
    8.0
    """
    if not step.recovers:  # nothing was done, so nothing was added
        return Price(
            area_share=0.0, sram_bits=0.0, rom_bits=0.0, macs=0.0, rram_writes=0.0, data_bits=0.0,
            energy_pJ=_first(step, "extra_energy_pJ"), seconds=step.seconds,
        )  # fmt: skip
    macs = _first(step, "extra_macs", "macs_per_inference")
    own = results.network.macs
    return Price(
        area_share=_first(step, "area_share"),
        area_range=_range(step.cost.get("area_share_by_book")),
        sram_bits=_first(step, "sram_bits"),
        rom_bits=_first(step, "rom_bits"),
        macs=macs,
        macs_share=_first(step, "extra_macs_share") or (macs / own if macs and own else None),
        rram_writes=_first(step, "rram_writes"),
        data_bits=_first(step, "data_bits_on_device", "data_bits"),
        energy_pJ=_first(step, "extra_energy_pJ"),
        energy_share=_first(step, "energy_share"),
        seconds=step.seconds,
    )


def order_by_price(prices: Sequence[Price]) -> list[int]:
    """Return the indices of prices, cheapest first: by area, then memory, operations, writes.

    A measure counts only where every price states it: an unknown area is not a small one.

    >>> order_by_price([Price(area_share=0.07), Price(area_share=0.0), Price(area_share=0.02)])
    [1, 2, 0]
    """
    usable = [m for m in MEASURES if all(getattr(price, m) is not None for price in prices)]
    return sorted(range(len(prices)), key=lambda i: (*(getattr(prices[i], m) for m in usable), i))


def decided_by(prices: Sequence[Price], winner: int) -> str:
    """Name the measure by which the winner beats the others, or '' where nothing separates them."""
    for measure, name in MEASURES.items():
        values = [getattr(price, measure) for price in prices]
        if all(value is not None for value in values) and len(set(values)) > 1:
            others = [value for i, value in enumerate(values) if i != winner]
            if values[winner] < min(others):
                return name
    return ""


def price_text(price: Price) -> str:
    """Write a price in a few words, the dearest thing first.

    >>> price_text(Price(area_share=0.0711, rom_bits=512)), price_text(Price(area_share=0.0))
    ('7.1 % more area', 'no extra hardware')
    """
    if price.area_share is not None and price.area_share >= 5e-5:
        return f"{extra(price.area_share)} more area"
    bits = (price.sram_bits or 0) + (price.rom_bits or 0)
    if bits:
        return f"{storage(bits)} of memory"
    if price.macs:
        share = f" ({percent(price.macs_share)})" if price.macs_share else ""
        return f"{large(price.macs)} extra operations{share}"
    if price.rram_writes:
        return f"{amount(price.rram_writes)} RRAM writes"
    known = [getattr(price, measure) for measure in MEASURES if measure != "seconds"]
    return "no extra hardware" if any(value is not None for value in known) else ""


def _first(step: Step, *keys: str) -> float | None:
    for source in (step.cost, step.adds):
        for key in keys:
            value = source.get(key)
            if isinstance(value, int | float) and math.isfinite(value):
                return float(value)
    return None


def _range(by_book: Any) -> tuple[float, float] | None:
    """Return the smallest and the largest share that the price books give, if there are several."""
    if not isinstance(by_book, Mapping):
        return None
    shares = [v for v in by_book.values() if isinstance(v, int | float) and math.isfinite(v)]
    return (min(shares), max(shares)) if len(shares) > 1 else None
