"""Simulated measurements: a table of reads as a lab would hand it in, from a device law.

Use it to try an analysis before the cells are measured, and to prove a fit: simulate, fit, compare.
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from mho.device.device import Device
from mho.device.law import Array
from mho.device.wafers import Die, Wafers
from mho.errors import ConfigError
from mho.files import atomic_path
from mho.progress import Progress, progress_bar
from mho.rng import Streams
from mho.units import Time, all_seconds

COLUMNS = ("cell", "time_s", "target_uS", "conductance_uS")
"""Columns of a simulated table; the fit reads them without being told."""
_BLOCK = 1 << 15


class Block(NamedTuple):
    """Some simulated cells: ``conductance_uS[i, k]`` is the read i of the cell ``first + k``.

    ``die`` is where they sit; None where cells are of no named die.
    """

    first: int
    target_uS: npt.NDArray[np.float32]
    conductance_uS: npt.NDArray[np.float32]
    die: Die | None = None


def targets_of(device: Device, levels: int | None = None) -> Array:
    """Return the targets in µS that simulated cells take in turn.

    Args:
        device: The device law.
        levels: So many uniform levels over the measured window; None takes the device's own, or 16.

    Raises:
        ConfigError: There are fewer than two levels.

    >>> import mho
    >>> targets_of(mho.load_device("wan2022"), 5).tolist()
    [0.0, 10.0, 20.0, 30.0, 40.0]
    """
    own = device.levels.positions(device.window)
    if levels is None and own is not None:
        return own
    if levels is not None and levels < 2:
        raise ConfigError(f"levels must be 2 or more; got {levels}.")
    low, high = device.valid.g_uS
    return np.linspace(max(low, device.g_min_uS), min(high, device.g_max_uS), levels or 16)


def simulated_cells(
    device: Device,
    cells: int,
    times: Sequence[Time],
    *,
    targets_uS: Array | None = None,
    wafers: Wafers | None = None,
    seed: int = 0,
    read_noise: bool = True,
) -> Iterator[Block]:
    """Draw cells block by block, each read at every time.

    Cell k takes target k modulo the number of targets. A cell is the same whatever the number of
    cells: more of them only add to the table.

    Args:
        device: The device law.
        cells: How many cells.
        times: Times since programming.
        targets_uS: Targets in µS that cells take in turn; None is :func:`targets_of`.
        wafers: Dies over which the cells are spread evenly, each with the offset that the device's
            die law draws for it, its wafer and its lot; None: all cells are of one die.
        seed: Which cells.
        read_noise: Whether reads carry read noise, as measured ones do.

    Yields:
        Blocks of cells in order.

    Raises:
        ConfigError: There are no cells or no times.
        OutOfRangeError: A time or a target lies outside the valid range.
    """
    times_s = all_seconds(times)
    if cells < 1 or not times_s:
        raise ConfigError(
            f"a table needs one cell and one time or more; got {cells} and {len(times_s)}."
        )
    for t_s in times_s:
        device.check_time(t_s)
    targets = targets_of(device) if targets_uS is None else np.asarray(targets_uS)
    device.check_conductance(targets)
    read = 0 if read_noise else None
    for place, start, end in _dies(cells, wafers):
        streams = Streams(seed, "simulate") if place is None else place.place(seed).die
        for first in range(start, end, _BLOCK):
            count = min(_BLOCK, end - first)
            target = targets[np.arange(first, first + count) % targets.size].astype(np.float32)
            of_block = streams.child((first - start) // _BLOCK)
            g = device.conductances(
                target,
                times_s,
                of_block,
                die=None if place is None else place.place(seed),
                read=read,
            )
            yield Block(first, target, g, place)


def _dies(cells: int, wafers: Wafers | None) -> list[tuple[Die | None, int, int]]:
    """Return the dies, each with its first cell and the one after its last."""
    if wafers is None:
        return [(None, 0, cells)]
    if cells < len(wafers):
        raise ConfigError(
            f"{len(wafers)} dies need as many cells or more; got {cells}. Ask for more cells, or "
            "fewer dies."
        )
    edges = np.linspace(0, cells, len(wafers) + 1).astype(int).tolist()
    return list(zip(wafers, edges[:-1], edges[1:], strict=True))


def write_cells(
    path: str | os.PathLike[str],
    device: Device,
    cells: int,
    times: Sequence[Time],
    *,
    targets_uS: Array | None = None,
    wafers: Wafers | None = None,
    seed: int = 0,
    read_noise: bool = True,
    progress: Progress | Literal[False] | None = None,
) -> int:
    """Write simulated cells as CSV (``.gz`` is packed), in the table that the fit reads.

    The table is written as it is drawn, so that its size is bounded by the disk and not by the
    memory; the file appears when it is complete.

    Args:
        path: The file to make.
        device: The device law.
        cells: How many cells.
        times: Times since programming.
        targets_uS: Targets in µS that cells take in turn; None is :func:`targets_of`.
        wafers: Dies over which the cells are spread; the table then says where each one sits.
        seed: Which cells.
        read_noise: Whether reads carry read noise.
        progress: None for a bar on a terminal, False for silence, or a function of cells done,
            cells in all and a text.

    Returns:
        The number of rows written.

    Raises:
        ConfigError: There are no cells or no times.
        OutOfRangeError: A time or a target lies outside the valid range.
        StoreError: The file cannot be written there.

    Example:
        >>> import mho, tempfile
        >>> path = Path(tempfile.mkdtemp()) / "cells.csv"
        >>> write_cells(path, mho.load_device("wan2022"), 2, ["1 s", "1 d"], seed=1)
        4
        >>> path.read_text().splitlines()[0]
        'cell,time_s,target_uS,conductance_uS'
    """
    times_s = all_seconds(times)
    blocks = simulated_cells(
        device, cells, times_s, targets_uS=targets_uS, wafers=wafers, seed=seed,
        read_noise=read_noise,
    )  # fmt: skip
    first = next(blocks)  # a mistake in what is asked for ends here, before any file is made
    rows = 0
    with (
        progress_bar("simulating", progress) as report,
        atomic_path(path) as temporary,
        _text(temporary, Path(path)) as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        where = () if wafers is None else where_columns(wafers)
        writer.writerow((*COLUMNS, *where))
        for block in itertools.chain([first], blocks):
            writer.writerows(_rows(block, times_s, where))
            rows += block.conductance_uS.size
            report(block.first + block.target_uS.size, cells, f"{rows:,} rows")
    return rows


def where_columns(wafers: Wafers) -> tuple[str, ...]:
    """Return the further columns that say where cells sit; one lot or wafer needs no name."""
    several = [name for name in ("lot", "wafer") if getattr(wafers, f"{name}s") > 1]
    return (*several, "die", "die_x", "die_y")


def _rows(
    block: Block, times_s: Sequence[float], columns: Sequence[str]
) -> Iterator[tuple[int | str, ...]]:
    times = [f"{t:.12g}" for t in times_s]
    targets = [f"{g:.6g}" for g in block.target_uS.tolist()]
    reads = block.conductance_uS.T.tolist()
    die = block.die
    where = () if die is None else tuple(die.columns()[name] for name in columns)
    for index, (target, cell) in enumerate(zip(targets, reads, strict=True), block.first):
        for time, g in zip(times, cell, strict=True):
            yield index, time, target, f"{g:.6g}", *where


def _text(temporary: Path, path: Path) -> IO[str]:
    if path.suffix == ".gz":
        packed = gzip.GzipFile(temporary, "wb", compresslevel=5, mtime=0)
        return io.TextIOWrapper(packed, encoding="utf-8", newline="")
    return temporary.open("w", encoding="utf-8", newline="")
