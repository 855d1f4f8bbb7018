"""What can be wrong with a table of reads: refused where no fit would be right, else a warning."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mho.device.tables.reads import Codes, Floats, Reads
from mho.errors import TableError
from mho.units import TO_s, time_text

Mask = npt.NDArray[np.bool_]

_LIFETIME_s = 3.2e9
"""A century: no cell was read later after its programming."""

_ZERO_OFFSET = 0.01
"""A reading down to this share of the largest ones below zero is a meter's offset."""


def check_reads(reads: Reads, path: Codes) -> list[str]:
    """Check reads that are all numbers.

    Args:
        reads: The reads.
        path: For each read, which cell in which programming it is of.

    Returns:
        Warnings, each naming rows and what to do.

    Raises:
        TableError: The table cannot be fitted as it is.
    """
    _refuse_negative_times(reads)
    _refuse_ages(reads)
    warnings = _negative_conductances(reads)
    order = np.lexsort((reads.t_s, path))
    _refuse_mixed_units(reads, path, order)
    _refuse_duplicates(reads, path, order)
    warnings += _backwards(reads, path)
    warnings += _saturated(reads, path)
    return warnings


def _refuse_negative_times(reads: Reads) -> None:
    bad = reads.t_s < 0
    if bad.any():
        raise TableError(
            f"{reads.name}, {reads.where(bad)}: the time since programming is negative, first "
            f"{reads.t_s[bad][0]:g} s; subtract the time of programming from each cell's times."
        )


def _refuse_ages(reads: Reads) -> None:
    """Refuse times that nobody can have waited for: their unit is wrong."""
    bad = reads.t_s > _LIFETIME_s
    if not bad.any():
        return
    latest, taken = float(reads.t_s.max()), reads.units.get("time", "s")
    fits = [unit for unit in ("ms", "us", "ns") if latest * TO_s[unit] / TO_s[taken] < _LIFETIME_s]
    hint = f"; in {fits[0]} they would be possible: say --units time={fits[0]}" if fits else ""
    raise TableError(
        f"{reads.name}, {reads.where(bad)}: the time since programming is "
        f"{time_text(latest)} with the column taken in {taken}, longer than anybody can have "
        f"measured{hint}."
    )


def _negative_conductances(reads: Reads) -> list[str]:
    """Refuse negative readings, but for a few that a meter's offset explains."""
    bad = reads.g_uS < 0
    if not bad.any():
        return []
    lowest = float(reads.g_uS.min())
    allowed = _ZERO_OFFSET * float(np.quantile(reads.g_uS, 0.99))
    if bad.mean() > 1e-3 or lowest < -allowed:
        raise TableError(
            f"{reads.name}, {reads.where(bad)}: the conductance is negative, first "
            f"{reads.g_uS[bad][0]:.4g} µS; correct the sign or the meter's offset, or remove "
            f"{'that row' if bad.sum() == 1 else 'those rows'}."
        )
    return [
        f"{bad.sum()} slightly negative reading(s), down to {lowest:.3g} µS ({reads.where(bad)}), "
        "kept as a meter's offset around zero"
    ]


def _refuse_mixed_units(reads: Reads, path: Codes, order: Codes) -> None:
    """Refuse readings that stand a factor 1000 or more beside their like."""
    like = _first_of(reads.g_uS, path, order) if reads.level is None else _of_level(reads)
    away = np.log10(np.maximum(reads.g_uS, 1e-12) / np.maximum(like, 1e-12))
    if np.abs(away).max() < 2.5:
        return
    for decades in (6, 3):
        far = (np.abs(np.abs(away) - decades) < 0.5) & (reads.g_uS > 0)
        between = (np.abs(away) > 1.5) & (np.abs(away) < decades - 0.5)
        above = decades == 6 and bool((away[far] > 0).any())  # no cell ever reads a million-fold
        if (
            far.sum() >= (1 if above else max(3, 0.01 * len(reads)))
            and between.sum() < 0.1 * far.sum()
        ):
            raise TableError(
                f"{reads.name}, {reads.where(far)}: readings are about 1e{decades} times "
                f"{'above' if np.median(away[far]) > 0 else 'below'} the others of the same "
                f"{'cell' if reads.level is None else 'level'}; units are mixed: bring them to one."
            )


def _first_of(values: Floats, path: Codes, order: Codes) -> Floats:
    """Return for each read the reading that its path begins with."""
    start = np.r_[True, np.diff(path[order]) != 0]
    first = order[start][np.cumsum(start) - 1]
    like = np.empty_like(values)
    like[order] = values[first]
    return like


def _of_level(reads: Reads) -> Floats:
    """Return for each read the median of its level, taken from at most a million reads."""
    assert reads.level is not None
    step = max(1, len(reads) // 1_000_000)
    level, g = reads.level[::step], reads.g_uS[::step]
    seen, code = np.unique(reads.level, return_inverse=True)
    medians = [float(np.median(g[level == k])) if (level == k).any() else np.nan for k in seen]
    like = np.asarray(medians)[code]
    return np.where(np.isnan(like), reads.g_uS, like)


def _refuse_duplicates(reads: Reads, path: Codes, order: Codes) -> None:
    same = (np.diff(path[order]) == 0) & (np.diff(reads.t_s[order]) == 0)
    if not same.any():
        return
    twins = np.sort(order[1:][same])
    first = twins[0]
    add = [r for r in ("cycle", "die") if r not in reads.columns]
    hint = f", or name the column that tells them apart (--columns {add[0]}=…)" if add else ""
    raise TableError(
        f"{reads.name}, {reads.where(twins)}: cell {reads.cell.names[reads.cell.code[first]]} is "
        f"read a second time at the same time ({reads.t_s[first]:g} s); remove the duplicate"
        f"{'s' if len(twins) > 1 else ''}{hint}."
    )


def _backwards(reads: Reads, path: Codes) -> list[str]:
    """Warn where a few cells' times fall in a table that is otherwise in order of time."""
    order = np.argsort(path, kind="stable")
    same = np.diff(path[order]) == 0
    falls = same & (np.diff(reads.t_s[order]) < 0)
    if not falls.any() or falls.sum() > 0.05 * same.sum():
        return []
    rows = np.sort(order[1:][falls])
    return [
        f"times go backwards for {len(np.unique(path[rows])):,} cell(s) ({reads.where(rows)}) in a "
        "table that is otherwise in order: check the clock there, or give --columns cycle=… where "
        "cells were programmed again; the reads are used at the times they state"
    ]


def _saturated(reads: Reads, path: Codes) -> list[str]:
    """Warn where many readings equal the largest one: a meter at its end."""
    top = reads.g_uS.max()
    full = reads.g_uS == top
    if full.sum() < max(10, 1e-3 * len(reads)):
        return []
    others = reads.g_uS[reads.g_uS < top]
    if others.size == 0:
        return []
    typical = float(np.median(np.unique(others, return_counts=True)[1]))
    if full.sum() < 10 * typical or not _moves(reads, path, full):
        return []
    return [
        f"{full.sum():,} readings equal the largest one, {top:.4g} µS ({reads.where(full)}): the "
        "meter seems saturated, so the spread above is a lower bound; read again in a wider range, "
        "or remove those rows"
    ]


def _moves(reads: Reads, path: Codes, full: npt.NDArray[Any]) -> bool:
    """Whether a good part of the cells at the maximum were read elsewhere too (not stuck)."""
    at_top = np.bincount(path, weights=full)
    reads_of = np.bincount(path)
    touched = at_top > 0
    return bool(np.mean(at_top[touched] < reads_of[touched]) > 0.2)
