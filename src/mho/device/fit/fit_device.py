"""From a table of measured cells to a device law."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mho.device.device import Device, Source, ValidRange
from mho.device.drift import Drift, LogTimeDrift, NoDrift
from mho.device.fit.drift_density import log_densities
from mho.device.fit.drift_table import fit_quantile_drift
from mho.device.fit.fit import Fit, Goodness
from mho.device.fit.goodness import drift_goodness
from mho.device.fit.groups import Groups, group_paths
from mho.device.fit.memory import fit_memory
from mho.device.fit.programming_table import fit_quantile_spread
from mho.device.fit.states import States, find_states
from mho.device.levels import AnalogueLevels, Levels, ListedLevels
from mho.device.memory import Frozen
from mho.device.tables.paths import Paths, build_paths
from mho.device.tables.read import TableLike, read_table
from mho.device.tables.reads import Reads
from mho.device.tables.understand import understand
from mho.errors import TableError

_MOST_PATHS = 100_000
"""Cells that likelihoods are computed on; more would only cost time."""


def fit_device(
    table: TableLike | Sequence[TableLike],
    columns: Mapping[str, str | int] | None = None,
    units: Mapping[str, str] | None = None,
    *,
    name: str | None = None,
    temperature_C: float | None = None,
    header: bool | None = None,
    drop_missing: bool = False,
    seed: int = 0,
) -> Fit:
    """Fit a device law to a table of measured cells.

    Use it for your own devices: one read a row, with the cell, the time since programming, and the
    conductance (or resistance, or current and read voltage); a target or level column tells what
    was wanted. Times that agree within 25 % are one time.

    Args:
        table: CSV, TSV or Parquet file (also ``.gz``), several of them, or a pandas DataFrame.
        columns: What each column is, ``{role: name or position}``, such as
            ``{"cell": 0, "time": 1, "conductance": 3}``; what is not said is inferred and echoed.
        units: Units by role, such as ``{"conductance": "uS"}``; also read from column names.
        name: Name of the device; the file's name where None.
        temperature_C: Which temperature to fit where there are several; the lowest where None.
        header: Whether the first line holds names; None looks.
        drop_missing: Leave out rows without a reading instead of refusing the table.
        seed: Which fifth of the cells is held out for comparing laws.

    Returns:
        The law and its goodness; ``fit.save("card.toml")`` writes the card.

    Raises:
        TableError: The table is not what it claims to be; the message names rows and the remedy.
        ConfigError: A role, unit or option is unknown.

    Example:
        >>> fit = fit_device("cells.csv", columns={"level": "state"})  # doctest: +SKIP
        >>> fit.save("my.toml")  # doctest: +SKIP
    """
    reads = understand(read_table(table, header=header), columns, units, drop_missing=drop_missing)
    measured = _measure(reads, temperature_C)
    paths, states, groups = measured.paths, measured.states, measured.groups
    held_out = hold_out(paths, seed)
    drift, goodness = _fit_drift(reads, measured, held_out)
    memory = goodness.memory.law if goodness.memory is not None else Frozen()
    name = name or _name(reads)
    low, high = _window(paths, states)
    device = Device(
        name=name,
        description=f"Fitted to {len(np.unique(paths.cell)):,} measured cells.",
        g_min_uS=low,
        g_max_uS=high,
        t0_s=paths.ref_s,
        levels=_levels(states),
        programming=fit_quantile_spread(paths, states),
        drift=drift,
        memory=memory,
        valid=_valid(paths, groups),
        source=Source(citation=f"measured: {reads.name}", note="fitted by mho"),
        fit=_provenance(reads, measured, goodness),
    )
    return Fit(device, goodness, reads.echo, measured.warnings)


@dataclass(frozen=True)
class Measured:
    """A table arranged for fitting."""

    paths: Paths
    states: States
    groups: Groups
    warnings: tuple[str, ...]


def _measure(reads: Reads, temperature_C: float | None) -> Measured:
    """Arrange the reads of one temperature as paths, states and groups."""
    warnings = list(reads.warnings)
    chosen = None
    if reads.temperature_C is not None:
        present = np.unique(reads.temperature_C)
        chosen = float(present[0]) if temperature_C is None else temperature_C
        if chosen not in present:
            raise TableError(
                f"{reads.name}: no read at {chosen:g} °C; choose one of "
                f"{', '.join(f'{t:g}' for t in present)} °C."
            )
        if present.size > 1 and temperature_C is None:
            warnings.append(
                f"reads at {present.size} temperatures: the law is for {chosen:g} °C; choose "
                "another with --temperature"
            )
    paths, more = build_paths(reads, chosen)
    warnings += more
    states = find_states(paths)
    if states.overshoot.any():
        share = states.overshoot.mean()
        warnings.append(
            f"{states.overshoot.sum()} cell(s) beyond the intended levels (overshoots, "
            f"{100 * share:.2g} %) left out ({reads.where(paths.row[states.overshoot])})"
        )
    groups, more = group_paths(paths, states)
    warnings += more
    if groups.count == 1:
        warnings.append("one level only: the law does not depend on the level")
    if not len(paths.times_s):
        warnings.append("one time only: programming is fitted, drift is not; read the cells again")
    return Measured(paths, states, groups, tuple(warnings))


def hold_out(paths: Paths, seed: int, share: float = 0.2) -> npt.NDArray[np.bool_]:
    """Choose the cells kept for comparing laws: all paths of a cell, or none of them."""
    cells, code = np.unique(paths.cell, return_inverse=True)
    kept = np.random.default_rng(seed).random(cells.size) < share
    return np.asarray(kept[code])


def _fit_drift(
    reads: Reads, measured: Measured, held_out: npt.NDArray[np.bool_]
) -> tuple[Drift, Goodness]:
    paths, groups = measured.paths, measured.groups
    cells = int(np.unique(paths.cell).size)
    if not len(paths.times_s):
        return NoDrift(), Goodness(None, None, {}, cells, len(reads))
    drift = fit_quantile_drift(paths, groups)
    memory = fit_memory(paths, groups, drift, held_out)
    inside = groups.code >= 0
    train, test = inside & ~held_out, inside & held_out
    likelihood: dict[str, float] = {}
    if train.sum() >= 30 and test.sum() >= 10:
        part = Groups(groups.code[train], groups.g_uS, groups.names, groups.by)
        laws: dict[str, Drift] = {
            "quantiles by level and time": fit_quantile_drift(paths.take(train), part),
            "one normal law, linear in ln t": fit_log_time(paths.take(train)),
        }
        for law_name, law in laws.items():
            logs = log_densities(law, paths.take(test))[1]
            likelihood[law_name] = float(np.nanmean(logs))
    goodness = Goodness(drift_goodness(paths, groups, drift), memory, likelihood, cells, len(reads))
    return drift, goodness


def fit_log_time(paths: Paths) -> LogTimeDrift:
    """Fit a normal law without levels, mean and sd linear in ln t, by maximum likelihood."""
    from scipy.optimize import minimize

    known = ~np.isnan(paths.change_uS)
    ln_t = np.log(paths.times_s)
    n = known.sum(axis=0)
    mean = np.array([paths.change_uS[known[:, k], k].mean() for k in range(len(ln_t))])
    variance = np.array([paths.change_uS[known[:, k], k].var() for k in range(len(ln_t))])
    rank = min(len(ln_t), 2)
    line = np.polynomial.polynomial.polyfit(ln_t, np.sqrt(variance), rank - 1)
    start = [*np.polynomial.polynomial.polyfit(ln_t, mean, rank - 1), *([0] * (2 - rank)), *line]

    def cost(x: Any) -> float:
        mu, sd = x[0] + x[1] * ln_t, x[2] + x[3] * ln_t
        if (sd <= 0).any():
            return 1e12
        return float((n * (np.log(sd) + (variance + (mean - mu) ** 2) / (2 * sd**2))).sum())

    start = np.r_[start, np.zeros(4 - len(start))]
    found = minimize(cost, start, method="Nelder-Mead", options={"maxiter": 4000, "xatol": 1e-7})
    x = start if rank == 1 else found.x
    return LogTimeDrift(
        mean_intercept_uS=float(x[0]), mean_slope_uS=float(x[1]),
        sd_intercept_uS=float(x[2]), sd_slope_uS=float(x[3]),
    )  # fmt: skip


def _name(reads: Reads) -> str:
    stem = Path(reads.rows.sources[0].name).name.split(".")[0]
    return "fitted" if stem == "the table" else stem


def _window(paths: Paths, states: States) -> tuple[float, float]:
    """Return the conductances that can be asked for, in µS."""
    if states.g_uS.size > 1:
        low, high = float(states.g_uS[0]), float(states.g_uS[-1])
    else:
        low, high = map(float, np.quantile(paths.g0_uS, [0.005, 0.995]))
    if high <= low:
        low, high = min(0.5 * low, low - 1e-3), max(1.5 * high, high + 1e-3)
    return _rounded(max(low, 0.0)), _rounded(high)


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def _levels(states: States) -> Levels:
    if states.g_uS.size < 2:
        return AnalogueLevels()
    return ListedLevels(g_uS=tuple(_rounded(g) for g in states.g_uS))


def _valid(paths: Paths, groups: Groups) -> ValidRange:
    inside = paths.g0_uS[groups.code >= 0]
    low, high = _window(paths, find_states(paths))
    g = (max(min(float(inside.min()), low), 0.0), max(float(inside.max()), high))
    if not len(paths.times_s):
        return ValidRange(g_uS=g, t_s=(0.0, 0.0))
    first = paths.ref_s if paths.ref_s > 0 else paths.span_s[0]
    span = (_rounded(first), _rounded(paths.span_s[1]))
    return ValidRange(g_uS=g, t_s=span, measured_t_s=span)


def _provenance(reads: Reads, measured: Measured, goodness: Goodness) -> dict[str, Any]:
    """Collect what the card should remember of its own making."""
    import mho

    paths = measured.paths
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
        "times_s": [_rounded(t) for t in paths.times_s],
        "levels": measured.states.how,
        "held_out_nats_per_read": {k: round(v, 5) for k, v in goodness.held_out.items()},
        "warnings": list(measured.warnings),
    }
    if goodness.drift is not None and goodness.drift.quantile_errors.size:
        record["quantile_error_sd"] = {
            "median": round(goodness.drift.median_error, 4),
            "largest": round(goodness.drift.largest_error, 4),
        }
    return record
