"""Reads: a table of measurements after it was understood, in one set of units."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from mho.device.tables.read import Rows

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


class Names(Protocol):
    """Names by number: a list, an array, or something that writes them when asked."""

    def __len__(self) -> int:
        """Return how many names there are."""

    def __getitem__(self, index: int, /) -> Any:
        """Return one name."""


@dataclass(frozen=True)
class Labels:
    """What rows are called in one respect: a code a row, and the names of the codes."""

    code: Codes
    names: Names

    @property
    def count(self) -> int:
        """How many different names there are."""
        return len(self.names)


@dataclass(frozen=True)
class Reads:
    """One read a row, in the units that mho computes in.

    Args:
        rows: How to name rows in a message.
        cell: Which cell (within lot, wafer and die) each row is of.
        t_s: Time since programming in s.
        g_uS: Conductance in µS.
        level: Programmed level, -1 where none; None without that column.
        target_uS: Wanted conductance in µS; None without that column.
        first_uS: Conductance right after programming in µS; None without that column.
        temperature_C: Temperature in °C; None without that column.
        groups: Further labels by role: ``cycle``, ``die``, ``wafer``, ``lot``.
        die_xy: Position of the die, ``die_x`` and ``die_y``; None without those columns.
        echo: What was understood, one line a column, for the user to see.
        warnings: What is wrong with the table without stopping the fit.
        columns: Column names by role.
        units: Units by role.
        positions: Rows of the table that are here; None where all are.
    """

    rows: Rows
    cell: Labels
    t_s: Floats
    g_uS: Floats
    level: Codes | None = None
    target_uS: Floats | None = None
    first_uS: Floats | None = None
    temperature_C: Floats | None = None
    groups: dict[str, Labels] = field(default_factory=dict)
    die_xy: tuple[Floats, Floats] | None = None
    echo: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    columns: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    positions: Codes | None = None

    def __len__(self) -> int:
        return self.t_s.size

    @property
    def name(self) -> str:
        """The table's name for messages."""
        return self.rows.name

    def where(self, which: npt.NDArray[Any]) -> str:
        """Name reads of this table by their rows, given as positions or as a mask."""
        which = np.asarray(which)
        index = np.flatnonzero(which) if which.dtype == bool else which
        return self.rows.text(index if self.positions is None else self.positions[index])
