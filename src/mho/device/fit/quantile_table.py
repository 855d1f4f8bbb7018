"""Tables of quantiles from measured values in groups, with tails borrowed where cells are few."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.special import ndtr, ndtri

from mho.device.quantiles import look_up
from mho.device.tables.reads import Floats

_EDGE = 1.6448536269514722
"""Score of the 95 % quantile, which is tabulated exactly; beyond it lie the tails."""
STEP = _EDGE / 4
"""Distance of the tabulated scores."""
_BEYOND = 10
"""Cells that should lie beyond a tabulated quantile; neighbours lend theirs where they do not."""
_FINE = np.linspace(-4.2, 4.2, 281)
_SPOTS = 24
_WEIGHT = np.exp(-0.5 * _FINE**2)


def score_grid(cells: int) -> Floats:
    """Return the scores to tabulate: as far out as the cells reach, at most 3.7."""
    farthest = -float(ndtri(1 / max(cells, 4)))
    half = int(np.clip(np.floor(farthest / STEP + 1e-9), 5, 9))
    return np.asarray(STEP * np.arange(-half, half + 1), dtype=np.float64)


def quantile_rows(groups: Sequence[Floats], scores: Floats) -> Floats:
    """Return the quantiles of each group at standard normal scores.

    Inside, a group speaks for itself. A quantile beyond which fewer than ten of its cells lie is
    taken from the group and its nearest neighbours together, each measured from its own median in
    units of its own spread on that side.

    Args:
        groups: Measured values of each group in µS, in the order of its conductance; not empty.
        scores: Scores, ascending, symmetric around 0.

    Returns:
        Quantiles in µS, never falling, shape ``(groups, scores)``.
    """
    p = ndtr(scores)
    need = _BEYOND / np.minimum(p, 1 - p)
    middle, lower, upper, scaled = [], [], [], []
    for values in groups:
        q16, q50, q84 = np.quantile(values, [ndtr(-1), 0.5, ndtr(1)])
        low, high = max(q50 - q16, 1e-9), max(q84 - q50, 1e-9)
        away = values - q50
        scaled.append(np.sort(away / np.where(away > 0, high, low)))
        middle.append(q50)
        lower.append(low)
        upper.append(high)
    sizes = np.array([len(values) for values in groups])
    rows = np.empty((len(groups), len(scores)))
    for g in range(len(groups)):
        row = np.empty(len(scores))
        for reach, columns in _reaches(sizes, g, need).items():
            window = scaled[max(g - reach, 0) : g + reach + 1]
            pool = np.concatenate(window) if len(window) > 1 else window[0]
            row[columns] = np.quantile(pool, p[columns])
        rows[g] = middle[g] + row * np.where(row > 0, upper[g], lower[g])
    rows = _keep_tails_open(np.maximum.accumulate(rows, axis=1), scores)
    return _match_tails(_match_tails(rows, groups, scores, 1), groups, scores, -1)


def _keep_tails_open(rows: Floats, scores: Floats) -> Floats:
    """Let no tail end: each step beyond the edge is at least half as steep as the body."""
    out = rows.copy()
    centre, edge = len(scores) // 2, int(np.argmin(np.abs(scores - _EDGE)))
    for side in (1, -1):
        body = np.abs(out[:, centre + side * (edge - centre)] - out[:, centre])
        least = 0.5 * body / (edge - centre)
        for k in range(edge - centre + 1, centre + 1):
            inner = out[:, centre + side * (k - 1)]
            step = np.maximum(np.abs(out[:, centre + side * k] - inner), least)
            out[:, centre + side * k] = inner + side * step
    return out


def _match_tails(rows: Floats, groups: Sequence[Floats], scores: Floats, side: int) -> Floats:
    """Stretch one tail of all rows by one factor, so that it holds the measured squared excess.

    Straight lines between quantiles overstate a tail that curves away, and few cells lie there.
    """
    edge = int(np.argmin(np.abs(scores - side * _EDGE)))
    fine = _FINE[side * _FINE > _EDGE]
    weight = np.exp(-0.5 * fine**2) * (_FINE[1] - _FINE[0]) / np.sqrt(2 * np.pi)
    measured = drawn = 0.0
    for row, values in zip(rows, groups, strict=True):
        measured += float((np.maximum(side * (values - row[edge]), 0) ** 2).sum())
        tail = look_up(row[None], np.zeros(1), float(scores[-1]), fine, fine)
        drawn += len(values) * float(weight @ (tail - row[edge]) ** 2)
    if drawn <= 0 or measured <= 0:
        return rows
    out = rows.copy()
    beyond = side * scores > _EDGE + 1e-9
    out[:, beyond] = out[:, [edge]] + np.sqrt(measured / drawn) * (
        rows[:, beyond] - rows[:, [edge]]
    )
    return out


def _reaches(sizes: Floats, g: int, need: Floats) -> dict[int, list[int]]:
    """Return by how many neighbours to reach out, and for which quantiles."""
    reaches: dict[int, list[int]] = {}
    reach, have = 0, int(sizes[g])
    for column in np.argsort(need, kind="stable"):
        while have < need[column] and (g - reach > 0 or g + reach < len(sizes) - 1):
            reach += 1
            have = int(sizes[max(g - reach, 0) : g + reach + 1].sum())
        reaches.setdefault(reach, []).append(int(column))
    return reaches


def sharpen(
    rows: Floats,
    nodes: Floats,
    scores: Floats,
    inside: Sequence[Floats],
    *,
    floor: bool,
    rounds: int = 10,
) -> Floats:
    """Undo the blur of interpolation, so that groups drawn from the table have their quantiles.

    Cells of a group lie around its node; a law that is linear between nodes mixes the neighbours
    in. The rows are moved until the mixture has the measured quantiles.

    Args:
        rows: Measured quantiles, shape ``(groups, scores)``.
        nodes: Conductance of each row in µS.
        scores: Scores of the columns.
        inside: Conductances of the cells of each group in µS.
        floor: Whether the values are changes of a conductance, which cannot fall below 0.
        rounds: Corrections made.
    """
    if len(nodes) == 1:
        return rows
    if floor:
        rows = np.maximum(rows, -np.array([[g.max()] for g in inside]))
    spots = [np.quantile(g, (np.arange(_SPOTS) + 0.5) / _SPOTS) for g in inside]
    p = ndtr(scores)
    inner = np.abs(scores) < _EDGE + 1e-9
    share_of = np.exp(-0.5 * scores**2)  # the few cells of a tail must not move the body
    widths = np.maximum(np.ptp(rows[:, inner], axis=1), 1e-12)
    out, best, least = rows.copy(), rows, np.inf
    for _ in range(rounds):
        before, missed = out.copy(), 0.0
        for k, g in enumerate(spots):
            drawn = look_up(out, nodes, float(scores[-1]), g[:, None], _FINE[None, :])
            if floor:
                drawn = np.maximum(drawn, -g[:, None])
            order = np.argsort(drawn, axis=None)
            weight = np.broadcast_to(_WEIGHT, drawn.shape).ravel()[order]
            share = (np.cumsum(weight) - weight / 2) / weight.sum()
            mixture = np.interp(p, share, drawn.ravel()[order])
            missed += float(np.abs(rows[k] - mixture)[inner].mean() / widths[k])
            moved = out[k] + 0.8 * (rows[k] - mixture)
            out[k] = isotonic_regression(moved, weights=share_of).x
            if floor:
                out[k] = np.maximum(out[k], -float(inside[k].max()))
        if missed < least:  # levels too unlike their neighbours cannot be made to fit
            best, least = before, missed
    return _keep_tails_open(best, scores)


def drawn_mean(rows: Floats, nodes: Floats, score_max: float, inside: Sequence[Floats]) -> float:
    """Return the mean over all cells of a change drawn from a table, in µS."""
    total, count = 0.0, 0
    for g in inside:
        spots = np.quantile(g, (np.arange(_SPOTS) + 0.5) / _SPOTS)[:, None]
        drawn = np.maximum(look_up(rows, nodes, score_max, spots, _FINE[None, :]), -spots)
        total += len(g) * float((drawn @ _WEIGHT).mean() / _WEIGHT.sum())
        count += len(g)
    return total / count
