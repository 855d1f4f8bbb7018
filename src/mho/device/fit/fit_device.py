"""From a table of measured cells to a device law."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from mho.device.device import Device
from mho.device.drift import Drift, NoDrift
from mho.device.fit.bootstrap import bootstrap
from mho.device.fit.card import device_card, provenance
from mho.device.fit.drift_families import futures, rank_drift
from mho.device.fit.drift_table import fit_quantile_drift
from mho.device.fit.fit import Fit, Goodness
from mho.device.fit.goodness import drift_goodness
from mho.device.fit.measured import Measured, measure
from mho.device.fit.memory import fit_memory
from mho.device.fit.programming_families import rank_programming
from mho.device.fit.ranking import Ranking
from mho.device.fit.temperature import fit_temperature
from mho.device.memory import Frozen
from mho.device.programming import ExactProgramming, ProgrammingNoise
from mho.device.tables.paths import Paths
from mho.device.tables.read import TableLike, read_table
from mho.device.tables.reads import Reads
from mho.device.tables.understand import understand
from mho.device.tables.wide import unfold
from mho.errors import ConfigError

_PARTS = 5
_FEW_CELLS = 1_000


def fit_device(
    table: TableLike | Sequence[TableLike],
    columns: Mapping[str, str | int] | None = None,
    units: Mapping[str, str] | None = None,
    *,
    name: str | None = None,
    temperature_C: float | None = None,
    time_law: Device | None = None,
    members: int = 20,
    wide: bool = False,
    header: bool | None = None,
    drop_missing: bool = False,
    seed: int = 0,
) -> Fit:
    """Fit a device law to a table of measured cells.

    Use it for your own devices: one read a row, with the cell, the time since programming, and the
    conductance (or resistance, or current and read voltage); a target or level column tells what
    was wanted. Times that agree within 25 % are one time. Families of programming spread, drift and
    memory are fitted to four fifths of the cells and judged on the rest; the card holds the best.

    Args:
        table: CSV, TSV or Parquet file (also ``.gz``), several of them, or a pandas DataFrame.
        columns: What each column is, ``{role: name or position}``, such as
            ``{"cell": 0, "time": 1, "conductance": 3}``; what is not said is inferred and echoed.
        units: Units by role, such as ``{"conductance": "uS"}``; also read from column names.
        name: Name of the device; the file's name where None.
        temperature_C: Which temperature to fit where there are several; the lowest where None.
        time_law: A device that says how the spread grows in time, where bakes at several
            temperatures were read once each.
        members: How many laws of bootstrap samples the card carries; 0 for none.
        wide: Whether the table has one row a cell and one column a time.
        header: Whether the first line holds names; None looks.
        drop_missing: Leave out rows without a reading instead of refusing the table.
        seed: Which fifth of the cells is held out, and which samples are drawn.

    Returns:
        The law and its goodness; ``fit.save("card.toml")`` writes the card.

    Raises:
        TableError: The table is not what it claims to be; the message names rows and the remedy.
        ConfigError: A role, unit or option is unknown.

    Example:
        >>> import mho, numpy as np, pandas as pd
        >>> g = mho.load_device("falcone2025").sample(np.full(300, 50.0), ["1 s", "1 h"])
        >>> table = pd.DataFrame({"cell": np.tile(np.arange(300), 2), "target_uS": 50.0,
        ...                       "time_s": np.repeat([1, 3600], 300), "conductance_uS": g.ravel()})
        >>> fit = fit_device(table, members=0)
        >>> fit.goodness.cells
        300
    """
    if members < 0:
        raise ConfigError(f"members must be 0 or more; got {members}.")
    reads = _read(table, columns, units, wide=wide, header=header, drop_missing=drop_missing)
    measured = measure(reads, temperature_C)
    folds = hold_out(measured.paths, seed)
    programming = rank_programming(measured.average_die, measured.states, folds)
    drift, goodness = _fit_drift(reads, measured, folds, programming)
    bakes, more = fit_temperature(reads, time_law)
    goodness = replace(goodness, temperature=bakes)
    measured = replace(measured, warnings=(*measured.warnings, *more))
    device = device_card(reads, measured, goodness, drift, _law_of(programming), name=name)
    if members and len(measured.paths.times_s):
        device = device.replace(ensemble=_ensemble(device, measured, goodness, members, seed))
    device = device.replace(fit=provenance(reads, measured, goodness))
    return Fit(device, goodness, reads.echo, measured.warnings)


def _read(
    table: TableLike | Sequence[TableLike],
    columns: Mapping[str, str | int] | None,
    units: Mapping[str, str] | None,
    *,
    wide: bool,
    header: bool | None,
    drop_missing: bool,
) -> Reads:
    """Read and understand a long or a wide table."""
    raw = read_table(table, header=header)
    columns, units = dict(columns or {}), dict(units or {})
    if wide:
        raw, found, found_units = unfold(raw, units)
        columns |= found
        units |= found_units
    return understand(raw, columns, units, drop_missing=drop_missing or wide)


def hold_out(paths: Paths, seed: int) -> list[npt.NDArray[np.bool_]]:
    """Choose the cells kept for comparing laws: all paths of a cell, or none of them.

    Of many cells one fifth is held out once; of few cells each fifth in turn, so that the choice
    does not hang on a handful.

    Returns:
        For each round which paths are held out.
    """
    cells, code = np.unique(paths.cell, return_inverse=True)
    part = np.random.default_rng(seed).permutation(cells.size) % _PARTS
    rounds = _PARTS if cells.size < _FEW_CELLS else 1
    return [np.asarray((part == k)[code]) for k in range(rounds)]


def _law_of(programming: Ranking | None) -> ProgrammingNoise:
    law: ProgrammingNoise = ExactProgramming() if programming is None else programming.winner.law
    return law


def _fit_drift(
    reads: Reads,
    measured: Measured,
    folds: list[npt.NDArray[np.bool_]],
    programming: Ranking | None,
) -> tuple[Drift, Goodness]:
    """Fit drift and memory, and say how well."""
    paths, groups = measured.paths, measured.groups
    goodness = Goodness(
        cells=int(np.unique(paths.cell).size),
        reads=len(reads),
        programming=programming,
        faults=measured.faults,
        variance=measured.variance,
    )
    if not len(paths.times_s):
        return NoDrift(), goodness
    ranking = rank_drift(paths, groups, folds, fit_quantile_drift(paths, groups))
    drift: Drift = ranking.winner.law
    return drift, replace(
        goodness,
        families=ranking,
        drift=drift_goodness(paths, groups, drift),
        memory=fit_memory(paths, groups, drift, folds[0]),
    )


def _ensemble(
    device: Device, measured: Measured, goodness: Goodness, members: int, seed: int
) -> object:
    """Return the laws of bootstrap samples."""
    ranking = goodness.families
    later = () if ranking is None else futures(ranking, len(measured.paths.times_s))
    return bootstrap(
        measured,
        device.programming,
        device.drift,
        device.memory if goodness.memory is not None else Frozen(),
        later,
        members=members,
        seed=seed,
    )
