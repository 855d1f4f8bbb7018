"""What a table holds, before anything is fitted: roles, units, counts, times, levels, oddities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from mho.device.tables.paths import Paths, build_paths
from mho.device.tables.read import RawTable, TableLike, read_table
from mho.device.tables.reads import Reads
from mho.device.tables.roles import ROLES, split_name
from mho.device.tables.understand import understand
from mho.device.tables.wide import unfold
from mho.errors import MhoError
from mho.units import time_text

if TYPE_CHECKING:
    import pandas as pd

_OUTLIER = 8.0
"""Robust standard deviations from its like at which a reading is called an outlier."""


@dataclass(frozen=True)
class ColumnSeen:
    """One column as it stands in the table."""

    name: str
    holds: str
    distinct: int
    missing: int
    understood: str


@dataclass(frozen=True)
class Inspection:
    """What ``mho device inspect`` shows.

    Args:
        table: The files' names.
        rows: Rows of data.
        header: Whether the columns have names.
        columns: What each column holds and is taken for.
        facts: Counts, times, levels, gaps and outliers, as (what, text).
        warnings: What is odd, with row numbers.
        problem: Why the table cannot be fitted as it is; None where it can.
        options: The ``--columns`` (and ``--units``) to use; empty where a role is missing.
    """

    table: str
    rows: int
    header: bool
    columns: tuple[ColumnSeen, ...]
    facts: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    problem: str | None = None
    options: str = ""
    counts: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return {
            "table": self.table,
            "rows": self.rows,
            "header": self.header,
            "columns": [vars(c) for c in self.columns],
            "facts": dict(self.facts),
            "warnings": list(self.warnings),
            "problem": self.problem,
            "options": self.options,
            **self.counts,
        }


def inspect_table(
    table: TableLike | Sequence[TableLike],
    columns: Mapping[str, str | int] | None = None,
    units: Mapping[str, str] | None = None,
    *,
    wide: bool = False,
    header: bool | None = None,
    drop_missing: bool = False,
) -> Inspection:
    """Look at a table without fitting anything.

    Use it before :func:`mho.fit_device`: it shows how the table would be understood, and the
    options that say so explicitly.

    Args:
        table: A path, a DataFrame, or several.
        columns: Stated roles, as for the fit.
        units: Stated units, as for the fit.
        wide: Whether the table has one row a cell and one column a time.
        header: Whether the first line holds names; None looks.
        drop_missing: Leave out rows without a reading.

    Returns:
        What was seen; ``problem`` holds what stands in the way of a fit.

    Raises:
        TableError: A file cannot be read at all.
    """
    raw = read_table(table, header=header)
    seen = Inspection(raw.rows.name, len(raw.frame), raw.header, ())
    columns, units = dict(columns or {}), dict(units or {})
    try:
        if wide:
            raw, found, found_units = unfold(raw, units)
            columns |= found
            units |= found_units
        reads = understand(raw, columns, units, drop_missing=drop_missing or wide)
    except MhoError as error:
        return _replace(seen, columns=_columns(raw, None), problem=str(error))
    seen = _replace(
        seen, columns=_columns(raw, reads), options="--wide" if wide else _options(raw, reads)
    )
    try:
        paths, warnings = build_paths(reads)
    except MhoError as error:
        return _replace(seen, facts=_reads_facts(reads), problem=str(error))
    return _replace(
        seen,
        facts=(*_reads_facts(reads), *_path_facts(reads, paths)),
        warnings=(*reads.warnings, *warnings),
        counts={
            "cells": reads.cell.count,
            "reads": len(reads),
            "times_s": paths.times_s.tolist(),
            "roles": dict(reads.columns),
            "units": dict(reads.units),
        },
    )


def _replace(seen: Inspection, **changes: Any) -> Inspection:
    return Inspection(**{**vars(seen), **changes})


def _columns(raw: RawTable, reads: Reads | None) -> tuple[ColumnSeen, ...]:
    said = {} if reads is None else dict(line.split(": ", 1) for line in reads.echo)
    return tuple(
        ColumnSeen(
            name=str(name),
            holds=_holds(raw.frame[name]),
            distinct=int(raw.frame[name].nunique()),
            missing=int(raw.frame[name].isna().sum()),
            understood=said.get(str(name), "?"),
        )
        for name in raw.frame.columns
    )


def _holds(column: pd.Series[Any]) -> str:
    """Say in a few words what a column holds."""
    if column.dtype.kind in "iuf":
        low, middle, high = column.min(), column.median(), column.max()
        return f"numbers {low:.4g} … {middle:.4g} … {high:.4g}"
    words = column.dropna().astype(str)
    shown = ", ".join(repr(w) for w in words.unique()[:3])
    return f"text, such as {shown}" if shown else "nothing"


def _options(raw: RawTable, reads: Reads) -> str:
    """Return the options that say on the command line what was understood."""
    names = list(raw.frame.columns)
    pairs = []
    for role, name in sorted(reads.columns.items(), key=lambda p: list(ROLES).index(p[0])):
        value = name if " " not in name else str(names.index(name))
        pairs.append(f"{role}={value}")
    units = [
        f"{role}={unit}"
        for role, unit in reads.units.items()
        if split_name(reads.columns[role])[1] is None
    ]
    return f"--columns {' '.join(pairs)}" + (f" --units {' '.join(units)}" if units else "")


def _reads_facts(reads: Reads) -> tuple[tuple[str, str], ...]:
    facts = [("cells", f"{reads.cell.count:,}"), ("reads", f"{len(reads):,}")]
    for role, labels in reads.groups.items():
        facts.append((f"{role}s", f"{labels.count:,}"))
    low, middle, high = np.quantile(reads.g_uS, [0, 0.5, 1])
    facts.append(("conductance", f"{low:.4g} … {middle:.4g} … {high:.4g} µS"))
    if reads.temperature_C is not None:
        facts.append(
            ("temperatures", ", ".join(f"{t:g} °C" for t in np.unique(reads.temperature_C)))
        )
    return tuple(facts)


def _path_facts(reads: Reads, paths: Paths) -> list[tuple[str, str]]:
    facts = [("first reading", f"at {paths.ref_s:g} s of {len(paths):,} cells")]
    read = ~np.isnan(paths.change_uS)
    for column, t in enumerate(paths.times_s):
        count = int(read[:, column].sum())
        missed = f", missed by {len(paths) - count:,}" if count < len(paths) else ""
        facts.append((f"time {time_text(float(t))}", f"{count:,} cells{missed}"))
    if len(paths.times_s) > 1:
        steps = np.diff(np.log10(paths.times_s))
        widest = int(np.argmax(steps))
        if steps[widest] > 2:
            facts.append(
                (
                    "widest gap",
                    f"{steps[widest]:.1f} decades without a read, "
                    f"{time_text(paths.times_s[widest])} to {time_text(paths.times_s[widest + 1])}",
                )
            )
    facts += _level_facts(paths)
    facts += _outlier_facts(reads, paths)
    return facts


def _level_facts(paths: Paths) -> list[tuple[str, str]]:
    values = paths.target_uS if paths.target_uS is not None else paths.level
    if values is None:
        return [("levels", "no column; clusters of first readings are looked for")]
    seen, counts = np.unique(values, return_counts=True)
    what = "targets" if paths.target_uS is not None else "levels"
    text = f"{seen.size}, with {counts.min():,} to {counts.max():,} cells"
    few = seen[counts < 30]
    if few.size:
        text += f"; {few.size} with fewer than 30: {', '.join(f'{v:g}' for v in few[:6])}"
        text += " …" if few.size > 6 else ""
    return [(what, text)]


def _outlier_facts(reads: Reads, paths: Paths) -> list[tuple[str, str]]:
    """Count changes far from those of cells alike, and name their cells' rows."""
    facts = []
    order = np.argsort(paths.g0_uS, kind="stable")
    for column, t in enumerate(paths.times_s):
        change = paths.change_uS[:, column]
        far = np.zeros(len(paths), dtype=bool)
        for part in np.array_split(order, max(len(order) // 1000, 1)):
            values = change[part]
            low, middle, high = np.nanquantile(values, [0.16, 0.5, 0.84])
            sd = max((high - low) / 2, 1e-9)
            far[part] = np.abs(np.nan_to_num(values, nan=middle) - middle) > _OUTLIER * sd
        if far.any():
            where = reads.where(np.sort(paths.read_row[far, column]))
            facts.append(
                (
                    f"outliers at {time_text(float(t))}",
                    f"{far.sum():,} change(s) beyond {_OUTLIER:g} robust sd: {where}",
                )
            )
    return facts
