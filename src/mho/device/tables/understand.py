"""From columns to reads: which column is what, in which unit, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mho.device.tables.infer import infer_roles
from mho.device.tables.read import RawTable
from mho.device.tables.reads import Codes, Floats, Labels, Reads
from mho.device.tables.roles import (
    READINGS,
    ROLES,
    check_role,
    check_units,
    role_of_name,
    split_name,
)
from mho.errors import TableError, nearest

if TYPE_CHECKING:
    import pandas as pd

_UNIT_BY_SIZE: dict[str, tuple[tuple[float, float, str], ...]] = {
    "conductance": ((1e-9, 1e-2, "S"), (1e-2, 1e5, "uS")),
    "resistance": ((300.0, 1e10, "ohm"),),
    "current": ((1e-12, 1e-2, "A"),),
    "read_voltage": ((0.005, 5.0, "V"), (5.0, 5000.0, "mV")),
    "target": ((1e-9, 1e-2, "S"), (1e-2, 1e5, "uS")),
    "first_reading": ((1e-9, 1e-2, "S"), (1e-2, 1e5, "uS")),
    "time": ((0.0, np.inf, "s"),),
    "temperature": ((-np.inf, np.inf, "C"),),
}
"""By role: medians from, to, and the unit that they are then taken to be in."""

_PLAUSIBLE_uS = (1e-3, 1e5)
"""Where the median conductance of any RRAM lies; outside it the unit is taken to be wrong."""


@dataclass(frozen=True)
class Column:
    """A column that is used: its role, its unit, and where each was learnt."""

    name: str
    role: str
    unit: str
    why: str


def choose_columns(
    raw: RawTable,
    columns: Mapping[str, str | int] | None,
    units: Mapping[str, str] | None,
) -> tuple[list[Column], dict[str, str]]:
    """Decide what each column is.

    Args:
        raw: The table.
        columns: Stated roles, ``{role: column name or position}``; the rest is found by name, then
            by contents.
        units: Stated units by role.

    Returns:
        The columns that are used, and a word on each that is not.

    Raises:
        TableError: A stated column does not exist, a needed role is missing or a unit is unclear.
    """
    stated_units = check_units(units or {})
    chosen: dict[str, tuple[str, str | None, str]] = {}
    for role, wanted in (columns or {}).items():
        chosen[check_role(role, where="columns")] = (_find(raw, role, wanted), None, "stated")
    unused: dict[str, str] = {}
    taken = {name for name, _, _ in chosen.values()}
    for name in [n for n in raw.frame.columns if raw.header and n not in taken]:
        named = role_of_name(name)
        if named is None or named.role in chosen:
            unused[name] = "not recognised" if named is None else f"another {named.role}"
        elif named.role in READINGS and set(READINGS) & {*(columns or {})}:
            unused[name] = f"{named.role}: another reading was stated"
        else:
            chosen[named.role] = (name, named.unit, "by its name")
    if _lacking(chosen):
        guesses = infer_roles(raw.frame, {role: name for role, (name, _, _) in chosen.items()})
        for name, guess in guesses.items():
            unused.pop(name, None)
            if guess.role is None or guess.role in chosen:
                unused[name] = guess.why
            else:
                chosen[guess.role] = (name, None, f"inferred: {guess.why}")
    _require(raw, chosen)
    chosen = _one_reading(chosen, unused)
    for name in raw.frame.columns:
        if name not in {n for n, _, _ in chosen.values()}:
            unused.setdefault(name, "not recognised")
    return [
        _with_unit(raw, role, name, unit, why, stated_units)
        for role, (name, unit, why) in chosen.items()
    ], unused


def _find(raw: RawTable, role: str, wanted: str | int) -> str:
    """Return the name of a stated column, given by name or position."""
    names = list(raw.frame.columns)
    text = str(wanted)
    if text in names:
        return text
    if text.isdigit() and int(text) < len(names):
        return str(names[int(text)])
    bare = [n for n in names if split_name(n)[0].lower() == text.lower()]
    if len(bare) == 1:
        return str(bare[0])
    close = nearest(text, names)
    hint = f" Did you mean '{close}'?" if close else ""
    raise TableError(
        f"{raw.rows.name}: there is no column '{text}' for {role}.{hint} "
        f"Columns: {', '.join(map(str, names))}."
    )


def _lacking(chosen: Mapping[str, object]) -> list[str]:
    """Return the needed roles that no column has."""
    lacking = []
    if "cell" not in chosen and not {"row", "column"} <= chosen.keys():
        lacking.append("cell")
    if "time" not in chosen:
        lacking.append("time")
    if not {"conductance", "resistance"} & chosen.keys() and not (
        {"current", "read_voltage"} <= chosen.keys()
    ):
        lacking.append("read_voltage" if "current" in chosen else "conductance")
    return lacking


def _require(raw: RawTable, chosen: Mapping[str, object]) -> None:
    lacking = _lacking(chosen)
    if lacking:
        names = ", ".join(map(str, raw.frame.columns))
        example = " ".join(f"{role}=…" for role in lacking)
        kinds = {
            "cell": "the cell (or row and column)",
            "time": "the time since programming",
            "conductance": "the conductance (or resistance, or current and read_voltage)",
            "read_voltage": "the read_voltage that turns the current into a conductance",
        }
        raise TableError(
            f"{raw.rows.name}: no column is {' or '.join(kinds[r] for r in lacking)}. "
            f"Columns: {names}. Say which with --columns {example} "
            "('mho device inspect' shows what each column holds)."
        )


def _one_reading(
    chosen: dict[str, tuple[str, str | None, str]], unused: dict[str, str]
) -> dict[str, tuple[str, str | None, str]]:
    """Keep one of conductance, resistance, current: the stated one, else in that order."""
    present = [role for role in READINGS if role in chosen]
    if "current" in present and "read_voltage" not in chosen:
        present.remove("current")
        unused[chosen.pop("current")[0]] = "current without a read_voltage"
    keep = next((r for r in present if chosen[r][2] == "stated"), present[0])
    for role in [*present, "read_voltage"]:
        if role in chosen and role != keep and not (role == "read_voltage" and keep == "current"):
            unused[chosen.pop(role)[0]] = f"{role}: the {keep} is used"
    return chosen


def _with_unit(
    raw: RawTable, role: str, name: str, unit: str | None, why: str, stated: Mapping[str, str]
) -> Column:
    """Settle a column's unit: stated, in its name, or clear from its size."""
    if role in stated:
        return Column(name, role, stated[role], f"{why}, unit stated")
    if unit is not None:
        return Column(name, role, unit, why)
    if not ROLES[role].units:
        return Column(name, role, "", why)
    median = float(np.nanmedian(np.abs(_numbers(raw, name, role))))
    for low, high, found in _UNIT_BY_SIZE[role]:
        if low <= median < high:
            how = (
                "assumed" if role in ("time", "temperature") else f"inferred (median {median:.3g})"
            )
            return Column(name, role, found, f"{why}, unit {how}")
    raise TableError(
        f"{raw.rows.name}: the unit of column '{name}' ({role}, median {median:.4g}) is not clear; "
        f"say it with --units {role}=… (one of {', '.join(ROLES[role].units)})."
    )


def _numbers(raw: RawTable, name: str, role: str) -> Floats:
    """Return a column as numbers; missing ones are NaN.

    Raises:
        TableError: Some are text.
    """
    import pandas as pd

    column = raw.frame[name]
    if column.dtype.kind in "iuf":
        return column.to_numpy(dtype=np.float64)
    values = pd.to_numeric(column, errors="coerce")
    bad = (values.isna() & column.notna()).to_numpy()
    if bad.any():
        first = column[bad].iloc[0]
        raise TableError(
            f"{raw.rows.name}, {raw.rows.text(bad)}: column '{name}' ({role}) holds text where a "
            f"number is expected, first {str(first)!r}; correct or remove "
            f"{'that row' if bad.sum() == 1 else 'those rows'}."
        )
    return values.to_numpy(dtype=np.float64)


def understand(
    raw: RawTable,
    columns: Mapping[str, str | int] | None = None,
    units: Mapping[str, str] | None = None,
    *,
    drop_missing: bool = False,
) -> Reads:
    """Turn a table's columns into reads in s, µS and °C.

    Args:
        raw: The table.
        columns: Stated roles, ``{role: column name or position}``.
        units: Stated units by role.
        drop_missing: Leave out rows without a reading instead of refusing the table.

    Raises:
        TableError: The table is not what it claims to be; the message names rows and the remedy.
    """
    used, unused = choose_columns(raw, columns, units)
    by_role = {column.role: column for column in used}
    values = {
        c.role: _numbers(raw, c.name, c.role)
        for c in used
        if not ROLES[c.role].label and c.role != "level"
    }
    warnings: list[str] = []
    keep = _present(raw, by_role, values, drop_missing, warnings)
    if keep is not None:
        values = {role: v[keep] for role, v in values.items()}
    g_uS = _conductance(by_role, values)
    _check_size(raw, by_role, g_uS)
    labels = {c.role: _labels(raw.frame[c.name], keep) for c in used if ROLES[c.role].label}
    level = by_role.get("level")
    return Reads(
        rows=raw.rows,
        cell=_cell(labels),
        t_s=values["time"] * ROLES["time"].units[by_role["time"].unit],
        g_uS=g_uS,
        level=None if level is None else _levels(raw, level.name, keep, g_uS),
        target_uS=_in_uS(by_role, values, "target"),
        first_uS=_in_uS(by_role, values, "first_reading"),
        temperature_C=(
            values["temperature"] + ROLES["temperature"].units[by_role["temperature"].unit]
            if "temperature" in values
            else None
        ),
        groups={r: labels[r] for r in ("cycle", "die", "wafer", "lot") if r in labels},
        die_xy=(values["die_x"], values["die_y"]) if {"die_x", "die_y"} <= values.keys() else None,
        echo=_echo(used, unused),
        warnings=tuple(warnings),
        columns={c.role: c.name for c in used},
        units={c.role: c.unit for c in used if c.unit},
        positions=None if keep is None else np.flatnonzero(keep),
    )


def _present(
    raw: RawTable,
    by_role: Mapping[str, Column],
    values: Mapping[str, Floats],
    drop_missing: bool,
    warnings: list[str],
) -> npt.NDArray[np.bool_] | None:
    """Return which rows have all their numbers; None where all have."""
    missing = np.zeros(len(raw.frame), dtype=bool)
    for role, v in values.items():
        bad = ~np.isfinite(v)
        if bad.any() and not drop_missing:
            what = "is missing or NaN" if np.isnan(v[bad]).all() else "is not finite"
            raise TableError(
                f"{raw.rows.name}, {raw.rows.text(bad)}: column '{by_role[role].name}' ({role}) "
                f"{what}; a read that was missed needs no row: remove "
                f"{'that row' if bad.sum() == 1 else 'those rows'}, or say --drop-missing."
            )
        missing |= bad
    if not missing.any():
        return None
    if missing.all():
        raise TableError(f"{raw.rows.name}: no row has all of {', '.join(values)}.")
    count = f"{missing.sum():,} row{'' if missing.sum() == 1 else 's'}"
    warnings.append(f"{count} without a reading left out ({raw.rows.text(missing)})")
    return ~missing


def _conductance(by_role: Mapping[str, Column], values: Mapping[str, Floats]) -> Floats:
    """Return the readings in µS, whatever was measured."""

    def in_base_unit(role: str) -> Floats:
        return values[role] * ROLES[role].units[by_role[role].unit]

    with np.errstate(divide="ignore"):
        if "conductance" in values:
            return in_base_unit("conductance")
        if "resistance" in values:
            return 1e6 / in_base_unit("resistance")
        return 1e6 * in_base_unit("current") / in_base_unit("read_voltage")


def _in_uS(by_role: Mapping[str, Column], values: Mapping[str, Floats], role: str) -> Floats | None:
    return values[role] * ROLES[role].units[by_role[role].unit] if role in values else None


def _check_size(raw: RawTable, by_role: Mapping[str, Column], g_uS: Floats) -> None:
    """Refuse readings that no RRAM has: the unit is wrong."""
    median = float(np.median(np.abs(g_uS)))
    low, high = _PLAUSIBLE_uS
    if low <= median <= high:
        return
    role = next(r for r in READINGS if r in by_role)
    column, units = by_role[role], ROLES[role].units
    power = -1 if role == "resistance" else 1
    fits = [
        unit
        for unit, factor in units.items()
        if low <= median * (factor / units[column.unit]) ** power <= high
    ]
    hint = (
        f"; in {fits[0]} they would be of the usual size: say --units {role}={fits[0]}"
        if fits
        else ""
    )
    raise TableError(
        f"{raw.rows.name}: column '{column.name}' taken in {column.unit} gives a median "
        f"conductance of {median:.3g} µS, which no RRAM has (expected {low:g} to {high:g} µS)"
        f"{hint}."
    )


def _labels(column: pd.Series[Any], keep: npt.NDArray[np.bool_] | None) -> Labels:
    import pandas as pd

    code, names = pd.factorize(column if keep is None else column[keep], sort=True)
    return Labels(code.astype(np.int64), names)


def _cell(labels: Mapping[str, Labels]) -> Labels:
    """Return the cell of each row, unique over lots, wafers and dies."""
    parts = [labels[r] for r in ("lot", "wafer", "die") if r in labels]
    parts += [labels["cell"]] if "cell" in labels else [labels["row"], labels["column"]]
    if len(parts) == 1:
        return parts[0]
    return cross(parts)


def cross(parts: Sequence[Labels]) -> Labels:
    """Combine labels: rows are alike where they are alike in every part."""
    code = np.zeros_like(parts[0].code)
    for part in parts:
        code = code * part.count + part.code
    seen, code = np.unique(code, return_inverse=True)
    names = []
    for part in reversed(parts):
        names.append(np.asarray(part.names, dtype=object)[seen % part.count])
        seen = seen // part.count
    columns = list(reversed(names))
    return Labels(code.astype(np.int64), Joined(columns))


class Joined:
    """Names of combined labels, written only when asked for."""

    def __init__(self, columns: Sequence[npt.NDArray[Any]]) -> None:
        self._columns = columns

    def __len__(self) -> int:
        return len(self._columns[0])

    def __getitem__(self, index: int) -> str:
        return "/".join(str(column[index]) for column in self._columns)


def _levels(raw: RawTable, name: str, keep: npt.NDArray[np.bool_] | None, g_uS: Floats) -> Codes:
    """Return levels as whole numbers; words are numbered by their median conductance."""
    import pandas as pd

    column = raw.frame[name] if keep is None else raw.frame[name][keep]
    numbers = pd.to_numeric(column, errors="coerce")
    if numbers.isna().all():
        medians = pd.Series(g_uS).groupby(column.to_numpy()).median().sort_values()
        return column.map({word: k for k, word in enumerate(medians.index)}).to_numpy(np.int64)
    values = numbers.to_numpy(dtype=np.float64)
    bad = ~(np.isfinite(values) & (values == np.round(values)))
    if bad.any():
        positions = np.flatnonzero(bad) if keep is None else np.flatnonzero(keep)[bad]
        raise TableError(
            f"{raw.rows.name}, {raw.rows.text(positions)}: column '{name}' (level) needs whole "
            f"numbers; got {column.to_numpy()[bad][0]!r}. Wanted conductances are the role target."
        )
    return values.astype(np.int64)


def _echo(used: Sequence[Column], unused: Mapping[str, str]) -> tuple[str, ...]:
    lines = [
        f"{c.name}: {c.role}{f' in {c.unit}' if c.unit else ''} ({c.why})"
        for c in sorted(used, key=lambda c: list(ROLES).index(c.role))
    ]
    return (*lines, *(f"{name}: not used ({why})" for name, why in unused.items()))
