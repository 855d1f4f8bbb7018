"""Options of the commands that read tables of measurements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeAlias

import typer

TablesArgument: TypeAlias = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE...",
        help="CSV, TSV or Parquet, also .gz; several files are read as one table.",
    ),
]
ColumnsOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--columns",
        metavar="ROLE=COLUMN ...",
        help="What columns are, by name or position, such as: cell=0 time=1 conductance=3.",
    ),
]
UnitsOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--units", metavar="ROLE=UNIT ...", help="Units, such as: conductance=uS time=ms."
    ),
]
HeaderOption: TypeAlias = Annotated[
    bool | None,
    typer.Option("--header/--no-header", help="Whether the first line holds names; else looks."),
]
WideOption: TypeAlias = Annotated[
    bool, typer.Option("--wide", help="One row a cell and one column a time.")
]
DropOption: TypeAlias = Annotated[
    bool, typer.Option("--drop-missing", help="Leave out rows without a reading.")
]


def split_words(
    words: Sequence[str], columns: Sequence[str] | None, units: Sequence[str] | None
) -> tuple[list[str], dict[str, str], dict[str, str]]:
    """Sort the words of a command line into files, columns and units.

    ``--columns cell=0 time=1`` is one option and further words to the shell's eye: every word of
    the form ``role=value`` belongs to ``--units`` where the value is a unit of that role and units
    were asked for, else to ``--columns``.

    Returns:
        Files, columns by role, units by role.
    """
    from mho.device.tables.roles import ROLES, find_unit, parse_columns

    files = [w for w in words if w.partition("=")[0] not in ROLES or "=" not in w]
    loose = [w for w in words if w not in files]
    stated = parse_columns(columns or [])
    of_units = parse_columns(units or [], option="--units")
    for role, value in parse_columns(loose).items():
        is_unit = find_unit(value, ROLES[role].units) is not None
        if units and is_unit and (role in stated or not value.isdigit()):
            of_units[role] = value
        else:
            stated[role] = value
    return files, stated, of_units
