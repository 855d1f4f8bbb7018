"""Commands that look at one network of a study: which cell of a sweep it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from mho.errors import ConfigError

if TYPE_CHECKING:
    from mho.study.build import Parts
    from mho.study.spec import StudyFile

CellOption: TypeAlias = Annotated[
    int | None, typer.Option("--cell", help="Which cell of a sweep, from 0.", metavar="N")
]
"""The option ``--cell N`` of commands that look at one network of a study."""

TimeOption: TypeAlias = Annotated[
    str | None, typer.Option("--time", help="Time since programming; the study's last by default.")
]
"""The option ``--time T`` of commands that look at one time of a study."""


def parts_of(file: StudyFile, cell: int | None) -> Parts:
    """Return the things that a study, or one cell of a sweep, is about.

    Args:
        file: The study.
        cell: Number of the cell; may be left out where there is only one.

    Raises:
        ConfigError: There is no such cell, or it must be named.
    """
    from mho.study.build import Parts
    from mho.study.plan import plan

    cells = plan(file)
    if cell is None and len(cells) > 1:
        raise ConfigError(
            f"{file.where} is a sweep of {len(cells)} cells; say which one to look at: --cell 0 "
            f"… --cell {len(cells) - 1} (0 is {cells[0].label})."
        )
    if cell is not None and not 0 <= cell < len(cells):
        raise ConfigError(f"{file.where} has the cells 0 … {len(cells) - 1}; got --cell {cell}.")
    chosen = cells[cell or 0]
    return Parts(chosen.study, chosen.base, chosen.where)


def time_of(parts: Parts, time: str | None) -> str | float | None:
    """Return the time to look at: the one asked for, else the study's last, else None.

    Args:
        parts: The things that the study is about.
        time: What ``--time`` said.

    Returns:
        Text such as ``"10y"``, seconds, or None for the device's ``t0_s``.
    """
    times = parts.study.evaluate.times
    return time if time is not None else max(times or (), default=None)
