"""Guess the roles of columns without names from what they hold, and only where that is clear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Guess:
    """What a column's contents say it is.

    Args:
        role: Role, or None for a column that is recognised and not needed.
        why: The evidence, for the user to see.
    """

    role: str | None
    why: str


def infer_roles(frame: pd.DataFrame, known: dict[str, str]) -> dict[str, Guess]:
    """Guess the roles of the columns that have none.

    Args:
        frame: The columns.
        known: Roles that are already known, as ``{role: column}``; they are not guessed again.

    Returns:
        Column name to guess; columns that say nothing clear are left out.
    """
    free = [name for name in frame.columns if name not in known.values()]
    numbers = {name: _floats(frame[name]) for name in free}
    guesses: dict[str, Guess] = {}
    cell = known.get("cell")
    if cell is None and "row" not in known:
        cell = _guess_cell(frame, numbers, guesses)
    if cell is None:
        return guesses
    cells = frame[cell]
    if not {"conductance", "resistance", "current"} & known.keys():
        _guess_reading(numbers, guesses)
    per_cell = {
        name: _varies(cells, values)
        for name, values in numbers.items()
        if values is not None and name not in guesses
    }
    if "time" not in known:
        _guess_time(numbers, per_cell, guesses)
    reading = next((c for c, g in guesses.items() if g.role in ("conductance", "resistance")), None)
    _guess_constants(frame, cells, numbers, per_cell, guesses, known, reading)
    return guesses


def _floats(column: pd.Series[Any]) -> Floats | None:
    if column.dtype.kind not in "iuf":
        return None
    return column.to_numpy(dtype=np.float64)


def _whole(values: Floats) -> bool:
    return bool(np.all(values == np.round(values)))


def _varies(cells: pd.Series[Any], values: Floats) -> float:
    """Return the share of cells whose value differs between their rows."""
    import pandas as pd

    code = pd.factorize(cells)[0]
    order = np.argsort(code, kind="stable")
    code, values = code[order], values[order]
    changed = np.zeros(code.max() + 1, dtype=bool)
    same_cell = code[1:] == code[:-1]
    changed[code[1:][same_cell & (values[1:] != values[:-1])]] = True
    return float(changed.mean())


def _guess_cell(
    frame: pd.DataFrame, numbers: dict[str, Floats | None], guesses: dict[str, Guess]
) -> str | None:
    """Find the address: whole numbers or words, many of them, each about equally often."""
    best: tuple[float, str, int] | None = None
    for name, values in numbers.items():
        if values is not None and not (_whole(values) and values.min() >= 0):
            continue
        count = int(frame[name].nunique())
        repeats = len(frame) / max(count, 1)
        if count < 20 or repeats < 1.5 or repeats > len(frame) / 20:
            continue
        if best is None or count > best[0]:
            best = (count, name, count)
    if best is None:
        return None
    guesses[best[1]] = Guess("cell", f"{best[2]:,} different addresses, each in several rows")
    return best[1]


def _guess_reading(numbers: dict[str, Floats | None], guesses: dict[str, Guess]) -> None:
    """Find conductance and resistance: two columns whose product is 1, or one of clear size."""
    candidates = {
        name: values
        for name, values in numbers.items()
        if values is not None and name not in guesses and not _whole(values)
    }
    names = list(candidates)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            product = candidates[one] * candidates[other]
            if np.mean(np.abs(product - 1) < 1e-3) > 0.99:
                low, high = sorted(
                    (one, other), key=lambda n: float(np.median(np.abs(candidates[n])))
                )
                why = f"its product with column {{}} is 1: {low} in S, {high} in ohm"
                guesses[low] = Guess("conductance", why.format(high))
                guesses[high] = Guess(None, f"resistance, the inverse of column {low}: not needed")
                return
    small = [n for n in names if 1e-9 < float(np.median(np.abs(candidates[n]))) < 1e-2]
    large = [n for n in names if 300 < float(np.median(np.abs(candidates[n]))) < 1e9]
    if len(small) == 1:
        guesses[small[0]] = Guess("conductance", "values of the size of conductances in S")
    elif not small and len(large) == 1:
        guesses[large[0]] = Guess("resistance", "values of the size of resistances in ohm")


def _guess_time(
    numbers: dict[str, Floats | None], per_cell: dict[str, float], guesses: dict[str, Guess]
) -> None:
    """Find the time: never negative, different in a cell's rows, from 0 or over decades."""
    candidates: list[str] = []
    for name, share in per_cell.items():
        values = numbers[name]
        if values is None or name in guesses or share < 0.5 or values.min() < 0:
            continue
        positive = values[values > 0]
        if positive.size and (values.min() == 0 or positive.max() / positive.min() > 100):
            candidates.append(name)
    if not candidates:
        return
    candidates.sort(key=lambda n: -len(np.unique(_array(numbers[n]))))
    best = candidates[0]
    guesses[best] = Guess("time", "never negative, and different in each of a cell's rows")
    for name in candidates[1:]:
        one, other = _array(numbers[best]), _array(numbers[name])
        both = (one > 0) & (other > 0)
        if both.any() and np.corrcoef(np.log(one[both]), np.log(other[both]))[0, 1] > 0.999:
            guesses[name] = Guess(None, f"the nominal time of column {best}: not needed")


def _array(values: Floats | None) -> Floats:
    assert values is not None
    return values


def _guess_constants(
    frame: pd.DataFrame,
    cells: pd.Series[Any],
    numbers: dict[str, Floats | None],
    per_cell: dict[str, float],
    guesses: dict[str, Guess],
    known: dict[str, str],
    reading: str | None,
) -> None:
    """Find what belongs to a programming event: level, first reading, temperature, cycle."""
    roles: dict[str | None, str] = {guess.role: column for column, guess in guesses.items()}
    roles.update(known)
    reading = reading or roles.get("conductance") or roles.get("resistance")
    time = roles.get("time")
    if reading is None or time is None:
        return
    g = frame[reading].to_numpy(dtype=np.float64)
    if roles.get("resistance") == reading:
        g = 1 / g
    first = frame[time].to_numpy(dtype=np.float64) <= frame[time].min()
    for name, share in per_cell.items():
        values = numbers[name]
        if values is None or name in guesses or name == time or name in known.values():
            continue
        distinct = np.unique(values)
        if share == 0 and not _whole(values) and _agrees(values[first], g[first]):
            guesses[name] = Guess("first_reading", "equal to the cell's reading at its first time")
        elif (
            share == 0
            and _whole(values)
            and 2 <= distinct.size <= 1024
            and (_rank_correlation(values[first], g[first]) > 0.8)
        ):
            guesses[name] = Guess("level", "whole numbers, rising with the first reading")
        elif share > 0.5 and _whole(values) and distinct.size <= 20:
            if np.array_equal(distinct, np.arange(distinct[0], distinct[0] + distinct.size)):
                guesses[name] = Guess("cycle", "counts up over the rows of a cell")
            elif distinct[0] >= -60 and distinct[-1] <= 500 and np.all(distinct % 5 == 0):
                guesses[name] = Guess("temperature", "few round values of the size of °C")


def _agrees(one: Floats, other: Floats) -> bool:
    return bool(one.size and np.mean(np.abs(one - other) <= 1e-6 * np.abs(other)) > 0.95)


def _rank_correlation(one: Floats, other: Floats) -> float:
    from scipy.stats import spearmanr

    if one.size < 3 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(spearmanr(one, other).statistic)
