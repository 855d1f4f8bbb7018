"""Wide tables: one row a cell, one column a time, turned into one read a row."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from mho.device.tables.read import RawTable, Rows
from mho.device.tables.roles import READINGS, ROLES, find_unit, role_of_name
from mho.errors import ConfigError, TableError
from mho.units import TO_s, seconds

_TIME = re.compile(
    r"^(?:(?P<word>[A-Za-z]*?)[\s_=@]*)?(?P<number>\d*\.?\d+(?:[eE][-+]?\d+)?)\s*_?"
    r"(?P<unit>[A-Za-zµ]*)(?:\s*[\[(](?P<of>[^\])]+)[\])]|[_ ](?P<tail>[A-Za-zµμΩΩ]+))?$"
)
_WORDS = {"", "t", "time", "g", "r", "i", "read", "conductance", "resistance", "current", "at"}


def unfold(
    raw: RawTable, units: Mapping[str, str] | None = None
) -> tuple[RawTable, dict[str, str], dict[str, str]]:
    """Turn a wide table into a long one.

    Args:
        raw: One row a cell; columns such as ``"0 s"``, ``"t=10"``, ``"g_1h"`` or ``"1e5 s (uS)"``.
        units: Stated units; one for conductance, resistance or current also says which it is.

    Returns:
        The long table, the roles of its two new columns, and the units found.

    Raises:
        TableError: No column's name is a time.
    """
    import pandas as pd

    times = {name: t for name in raw.frame.columns if (t := time_of(str(name))) is not None}
    if len(times) < 2:
        raise TableError(
            f"{raw.rows.name}: --wide expects two or more columns named by their time, such as "
            f"'0 s' or 't=10'; got {', '.join(map(str, raw.frame.columns))}."
        )
    role, unit = _reading(raw, list(times), units or {})
    others = [name for name in raw.frame.columns if name not in times]
    if not any(_is_cell(name) for name in others):
        raw.frame.insert(0, "cell", np.arange(len(raw.frame)))
        others = ["cell", *others]
    order = sorted(times, key=lambda name: times[name])
    parts = []
    for name in order:
        part = raw.frame[others].copy()
        part["time"], part[role] = times[name], raw.frame[name]
        parts.append(part)
    frame = pd.concat(parts, ignore_index=True)
    rows = Rows(raw.rows.sources, period=len(raw.frame))
    found = {"time": "s"} | ({role: unit} if unit else {})
    return RawTable(frame, True, rows), {"time": "time", role: role}, found


def time_of(name: str) -> float | None:
    """Return the time in s that a column's name states, or None.

    >>> time_of("g_10 ms"), time_of("1e5"), time_of("die"), time_of("row1")
    (0.01, 100000.0, None, None)
    """
    match = _TIME.match(name.strip())
    if match is None or (match["word"] or "").lower() not in _WORDS:
        return None
    if match["tail"] and not any(find_unit(match["tail"], ROLES[r].units) for r in READINGS):
        return None
    unit = match["unit"] or "s"
    if find_unit(unit, TO_s) is None:
        try:
            return seconds(f"{match['number']} {unit}")
        except ConfigError:
            return None
    return float(match["number"]) * TO_s[find_unit(unit, TO_s) or "s"]


def _is_cell(name: object) -> bool:
    named = role_of_name(str(name))
    return named is not None and named.role in ("cell", "row")


def _reading(raw: RawTable, names: list[str], units: Mapping[str, str]) -> tuple[str, str | None]:
    """Return what the time columns hold: stated, in their names, or clear from the size."""
    stated = [role for role in READINGS if role in units]
    if stated:
        return stated[0], units[stated[0]]
    for name in names:
        match = _TIME.match(name.strip())
        inside = (match["of"] or match["tail"]) if match else None
        for role in READINGS:
            unit = find_unit(inside or "", ROLES[role].units)
            if unit is not None:
                return role, unit
    sizes = np.abs(raw.frame[names].apply(lambda c: c.astype(float, errors="ignore")).to_numpy())
    median = float(np.nanmedian(sizes)) if sizes.dtype.kind == "f" else 1.0
    return ("resistance" if median > 1000 else "conductance"), None
