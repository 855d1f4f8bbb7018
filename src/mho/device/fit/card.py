"""The card of a fitted device: its parts put together, and how it came to be."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np

from mho.device.device import Device, Source, ValidRange
from mho.device.drift import Drift
from mho.device.fit.fit import Goodness
from mho.device.fit.measured import Measured
from mho.device.fit.ranking import Ranking
from mho.device.levels import AnalogueLevels, Levels, ListedLevels
from mho.device.memory import Frozen
from mho.device.programming import ProgrammingNoise
from mho.device.tables.reads import Reads


def device_card(
    reads: Reads,
    measured: Measured,
    goodness: Goodness,
    drift: Drift,
    programming: ProgrammingNoise,
    *,
    name: str | None,
) -> Device:
    """Put the fitted laws together.

    Args:
        reads: The table, for its name.
        measured: The cells, for window, levels and valid ranges.
        goodness: For memory, faults, dies and temperature.
        drift: The drift law.
        programming: The programming law.
        name: Name of the device; the file's where None.
    """
    low, high = _window(measured)
    bakes, variance = goodness.temperature, measured.variance
    return Device(
        name=name or _name(reads),
        description=f"Fitted to {goodness.cells:,} measured cells of {reads.name}.",
        g_min_uS=low,
        g_max_uS=high,
        t0_s=short(measured.paths.ref_s),
        levels=_levels(measured),
        programming=programming,
        **({} if variance is None else {"die": variance.law}),
        drift=drift,
        memory=goodness.memory.law if goodness.memory is not None else Frozen(),
        temperature=None if bakes is None else bakes.law,
        faults=measured.faults.law,
        valid=_valid(measured, (low, high)),
        source=Source(citation=f"measured: {reads.name}", note="fitted by mho"),
    )


def short(value: float, digits: int = 6) -> float:
    """Round to significant digits: a card is read by people."""
    return float(f"{value:.{digits}g}")


def _name(reads: Reads) -> str:
    stem = Path(reads.rows.sources[0].name).name.split(".")[0]
    return "fitted" if stem == "the table" else stem


def _window(measured: Measured) -> tuple[float, float]:
    """Return the conductances that can be asked for, in µS."""
    states, g0 = measured.states, measured.paths.g0_uS
    if states.g_uS.size > 1:
        low, high = float(states.g_uS[0]), float(states.g_uS[-1])
    else:
        low, high = map(float, np.quantile(g0, [0.005, 0.995]))
    low = max(low, 0.0)
    if high <= low * (1 + 1e-9):
        low, high = 0.5 * low, 1.5 * high + 1e-3
    return short(low), short(high)


def _levels(measured: Measured) -> Levels:
    if measured.states.g_uS.size < 2:
        return AnalogueLevels()
    return ListedLevels(g_uS=tuple(short(g) for g in measured.states.g_uS))


def _valid(measured: Measured, window: tuple[float, float]) -> ValidRange:
    """Return where the law holds: the targets that were programmed, the times that were read."""
    paths, g = measured.paths, window
    if not measured.states.known:  # any conductance counts as intended
        inside = paths.g0_uS[measured.groups.code >= 0]
        low, high = max(float(inside.min()), 0.0), float(inside.max())
        g = (short(min(low, window[0])), short(max(high, window[1])))
    if not len(paths.times_s):
        return ValidRange(g_uS=g, t_s=(short(paths.ref_s), short(paths.ref_s)))
    first = paths.ref_s if paths.ref_s > 0 else paths.span_s[0]
    span = (short(first), short(paths.span_s[1]))
    return ValidRange(g_uS=g, t_s=span, measured_t_s=span)


def provenance(reads: Reads, measured: Measured, goodness: Goodness) -> dict[str, Any]:
    """Collect what the card should remember of its own making."""
    import mho

    paths, drift = measured.paths, goodness.drift
    record: dict[str, Any] = {
        "mho": mho.__version__,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "files": [
            {"name": s.name, "rows": s.rows, **({"sha256": s.sha256} if s.sha256 else {})}
            for s in reads.rows.sources
        ],
        "columns": dict(reads.columns),
        "units": dict(reads.units),
        "rows": len(reads),
        "cells": goodness.cells,
        "times_s": [short(t) for t in paths.times_s],
        "levels": measured.states.how,
        "warnings": list(measured.warnings),
        "faults": _rates(measured),
    }
    for key, ranking in (("programming", goodness.programming), ("drift", goodness.families)):
        if ranking is not None:
            record[key] = _families(ranking)
    if drift is not None and drift.quantile_errors.size:
        record["quantile_error_sd"] = {
            "median": short(drift.median_error, 4),
            "largest": short(drift.largest_error, 4),
        }
    memory = goodness.memory
    if memory is not None and memory.log_likelihood:
        record["memory_held_out_nats_per_cell"] = {
            name: short(value, 5) for name, value in memory.log_likelihood.items()
        }
    if measured.variance is not None:
        record["spread_by_source"] = {
            "unit": measured.variance.unit,
            **{k: _interval(e) for k, e in measured.variance.sds.items()},
        }
    return record


def _families(ranking: Ranking) -> dict[str, Any]:
    """Return the families tried, best first, and what the simpler choice costs."""
    return {
        "tried": [c.name for c in ranking.candidates],
        "held_out_nats_per_read": [short(c.held_out, 5) for c in ranking.candidates],
        "aic": [short(c.aic, 7) for c in ranking.candidates],
        "parameters": [c.parameters for c in ranking.candidates],
        "price_of_the_simpler": ranking.price(),
    }


def _rates(measured: Measured) -> dict[str, Any]:
    return {
        name: {"count": int(r["count"]), "interval": [short(r["low"], 4), short(r["high"], 4)]}
        for name, r in measured.faults.to_dict().items()
    }


def _interval(estimate: Any) -> list[float]:
    return [short(v, 4) for v in (estimate.value, estimate.low, estimate.high)]
