"""Paths: the same cells followed over time, arranged as cells × times."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mho.device.tables.check import check_reads
from mho.device.tables.reads import Codes, Floats, Labels, Reads
from mho.device.tables.understand import cross
from mho.errors import TableError

_GAP = 0.25
"""Times further apart than this in ln t are different times."""
_SPAN = 0.7
"""A run of times wider than this in ln t is cut into several."""
_MOST_TIMES = 24


@dataclass(frozen=True)
class Paths:
    """Cells followed from programming on; one row is one programming of one cell.

    Args:
        g0_uS: Conductance at the reference time ``ref_s``, shape ``(paths,)``.
        change_uS: Conductance minus ``g0_uS``, shape ``(paths, times)``; NaN where not read.
        times_s: Times of the columns: the median of the reads in each.
        span_s: First and last time read after the reference.
        ref_s: Time of the reference reading; 0 is right after programming.
        cell: Which cell each path is of (a cell programmed twice has two paths).
        level: Programmed level; None where the table has none.
        target_uS: Wanted conductance; None where the table has none.
        temperature_C: Temperature; None where the table has none.
        groups: Codes by role: ``cycle``, ``die``, ``wafer``, ``lot``.
        die_xy: Position of the die of each path.
        row: Position in the table of each path's reference reading.
        read_row: Position of each read, ``(paths, times)``; -1 where not read.
    """

    g0_uS: Floats
    change_uS: Floats
    times_s: Floats
    span_s: tuple[float, float]
    ref_s: float
    cell: Codes
    row: Codes
    read_row: Codes
    level: Codes | None = None
    target_uS: Floats | None = None
    temperature_C: Floats | None = None
    groups: dict[str, Labels] = field(default_factory=dict)
    die_xy: tuple[Floats, Floats] | None = None

    def __len__(self) -> int:
        return self.g0_uS.size

    def take(self, which: npt.NDArray[Any]) -> Paths:
        """Return some of the paths, given as a mask or as positions (repeats allowed)."""

        def some(values: Any) -> Any:
            return None if values is None else values[which]

        return replace(
            self,
            g0_uS=self.g0_uS[which],
            change_uS=self.change_uS[which],
            cell=self.cell[which],
            row=self.row[which],
            read_row=self.read_row[which],
            level=some(self.level),
            target_uS=some(self.target_uS),
            temperature_C=some(self.temperature_C),
            groups={r: Labels(g.code[which], g.names) for r, g in self.groups.items()},
            die_xy=None if self.die_xy is None else (some(self.die_xy[0]), some(self.die_xy[1])),
        )


def build_paths(reads: Reads, temperature_C: float | None = None) -> tuple[Paths, list[str]]:
    """Follow each cell over its reads.

    The first reading right after programming is the reference of a path's changes; without one it
    is the read at the table's first time. Times that agree within 25 % count as one time.

    Args:
        reads: The reads of one table.
        temperature_C: Which temperature to take; None takes all of them.

    Returns:
        The paths, and warnings.

    Raises:
        TableError: The reads cannot be followed.
    """
    path = path_codes(reads)
    warnings = check_reads(reads, path)
    chosen = np.ones(len(reads), dtype=bool)
    if temperature_C is not None and reads.temperature_C is not None:
        chosen = reads.temperature_C == temperature_C
    index = np.flatnonzero(chosen)
    index = index[np.lexsort((reads.t_s[index], path[index]))]
    code, t_s = path[index], reads.t_s[index]
    start = np.r_[True, np.diff(code) > 0]
    ref_s = float(t_s.min())
    first_column = reads.first_uS is not None
    if not first_column and ref_s > 0:
        early = t_s[start]
        ref_s = float(np.median(early[early <= early.min() * (1 + _GAP)]))
        warnings.append(
            f"no read at time 0 and no first reading: changes are counted from {ref_s:g} s"
        )
    elif first_column:
        ref_s = 0.0
    at_ref = start & (first_column | (t_s <= ref_s * (1 + _GAP)))
    number = np.cumsum(start) - 1
    has_ref = np.zeros(number[-1] + 1, dtype=bool)
    has_ref[number[at_ref]] = True
    if not has_ref.all():
        lost = index[start][~has_ref]
        warnings.append(
            f"{len(lost):,} cell(s) without a first reading left out ({reads.where(lost)}); read "
            f"them at {ref_s:g} s too"
        )
    heads = index[start][has_ref]
    g0 = (reads.first_uS if reads.first_uS is not None else reads.g_uS)[heads]
    later = has_ref[number] & (t_s > ref_s * (1 + _GAP)) & (~at_ref | (t_s > 0))
    row_of = (np.cumsum(has_ref) - 1)[number[later]]
    times, column = _time_grid(t_s[later])
    change = np.full((len(heads), len(times)), np.nan)
    read_row = np.full(change.shape, -1, dtype=np.int64)
    change[row_of, column] = reads.g_uS[index[later]] - g0[row_of]
    read_row[row_of, column] = index[later]
    span = (float(t_s[later].min()), float(t_s[later].max())) if later.any() else (0.0, 0.0)

    def at_heads(values: Any) -> Any:
        return None if values is None else values[heads]

    paths = Paths(
        g0_uS=g0,
        change_uS=change,
        times_s=times,
        span_s=span,
        ref_s=ref_s,
        cell=reads.cell.code[heads],
        row=heads,
        read_row=read_row,
        level=at_heads(reads.level),
        target_uS=at_heads(reads.target_uS),
        temperature_C=at_heads(reads.temperature_C),
        groups={r: Labels(g.code[heads], g.names) for r, g in reads.groups.items()},
        die_xy=None if reads.die_xy is None else (
            at_heads(reads.die_xy[0]), at_heads(reads.die_xy[1])
        ),
    )  # fmt: skip
    _refuse_mixed_windows(reads, paths)
    return paths, warnings


def path_codes(reads: Reads) -> Codes:
    """Return for each read its path: the cell, its cycle and its temperature together."""
    parts = [reads.cell]
    if "cycle" in reads.groups:
        parts.append(reads.groups["cycle"])
    if reads.temperature_C is not None:
        seen, code = np.unique(reads.temperature_C, return_inverse=True)
        parts.append(Labels(code.astype(np.int64), seen))
    return parts[0].code if len(parts) == 1 else cross(parts).code


def _time_grid(t_s: Floats) -> tuple[Floats, Codes]:
    """Return the distinct times of positive read times, and the column of each read."""
    if t_s.size == 0:
        return np.empty(0), np.empty(0, dtype=np.int64)
    ln_t = np.log(t_s)
    order = np.argsort(ln_t, kind="stable")
    values = ln_t[order]
    run = np.r_[0, np.cumsum(np.diff(values) > _GAP)]
    width = max(_SPAN, (values[-1] - values[0]) / _MOST_TIMES)
    first = values[np.searchsorted(run, run)]
    span = values[np.searchsorted(run, run, side="right") - 1] - first
    pieces = np.ceil(np.maximum(span, 1e-12) / width)
    piece = np.minimum((values - first) / np.maximum(span, 1e-12) * pieces, pieces - 1).astype(int)
    change = (np.diff(run) != 0) | (np.diff(piece) != 0)
    group = np.r_[0, np.cumsum(change)]
    starts = np.flatnonzero(np.r_[True, change])
    ends = np.r_[starts[1:], len(values)]
    times = t_s[order[(starts + ends - 1) // 2]]
    column = np.empty(len(values), dtype=np.int64)
    column[order] = group
    return times, column


def _refuse_mixed_windows(reads: Reads, paths: Paths) -> None:
    """Refuse two kinds of cells in one table: no single law is right for both."""
    for role in ("lot", "wafer", "die"):
        if role in paths.groups:
            _compare_groups(reads, paths, role, paths.groups[role])
    sources = reads.rows.sources
    if len(sources) > 1:
        table_row = paths.row if reads.positions is None else reads.positions[paths.row]
        ends = np.cumsum([source.rows for source in sources])
        code = np.searchsorted(ends, table_row, side="right")
        _compare_groups(reads, paths, "file", Labels(code, [s.name for s in sources]))
    wanted = paths.level if paths.level is not None else paths.target_uS
    if wanted is not None:
        what = "levels" if paths.level is not None else "targets"
        _refuse_two_peaks(reads, paths, wanted, what)


def _compare_groups(reads: Reads, paths: Paths, role: str, labels: Labels) -> None:
    """Refuse groups of cells of which the middle of the readings differs by a factor 2 or more."""
    middle: dict[Any, float] = {}
    first: dict[Any, int] = {}
    expected = np.ones(len(paths))
    if paths.target_uS is not None:
        expected = np.maximum(paths.target_uS, 1e-9)
    elif paths.level is not None:
        seen, code = np.unique(paths.level, return_inverse=True)
        expected = np.array([np.median(paths.g0_uS[code == k]) for k in range(len(seen))])[code]
        expected = np.maximum(expected, 1e-9)
    for k in range(labels.count):
        mine = labels.code == k
        if mine.sum() >= 30:
            middle[labels.names[k]] = float(np.median(paths.g0_uS[mine] / expected[mine]))
            first[labels.names[k]] = int(paths.row[mine][0])
    if len(middle) < 2:
        return
    low, high = min(middle, key=lambda n: middle[n]), max(middle, key=lambda n: middle[n])
    if middle[high] > 2 * max(middle[low], 1e-9):
        raise TableError(
            f"{reads.name}: two windows in one table: cells of {role} {high} "
            f"({reads.where(np.array([first[high]]))} on) read {middle[high] / middle[low]:.3g} "
            f"times as much as those of {role} {low} ({reads.where(np.array([first[low]]))} on); "
            "fit each kind of device from a table of its own."
        )


def _refuse_two_peaks(reads: Reads, paths: Paths, wanted: npt.NDArray[Any], what: str) -> None:
    """Refuse levels that nearly all fall into two separate groups of first readings."""
    split, cells = 0, 0
    example: Codes = np.empty(0, dtype=np.int64)
    order = np.argsort(wanted, kind="stable")
    for mine in np.split(order, np.flatnonzero(np.diff(wanted[order])) + 1):
        if len(mine) < 30:
            continue
        cells += 1
        rising = mine[np.argsort(paths.g0_uS[mine])]
        values = paths.g0_uS[rising]
        inner = slice(len(values) // 5, len(values) - len(values) // 5)
        gaps = np.diff(values[inner])
        at = int(np.argmax(gaps)) + inner.start + 1 if gaps.size else 0
        widths = max(np.ptp(values[:at]), np.ptp(values[at:])) if at else np.inf
        if gaps.size and gaps.max() > widths and values[at] > 1.2 * max(values[at - 1], 1e-9):
            split += 1
            example = np.sort(paths.row[[rising[0], rising[-1]]])
    if cells and split > 0.6 * cells:
        raise TableError(
            f"{reads.name}: two windows in one table: in {split} of {cells} {what} the first "
            f"readings form two separate groups (for example {reads.where(example)}); fit each "
            "kind of device from a table of its own, or name the programming with --columns cycle=…"
        )
