"""The tabulated drift law of measured cells."""

from __future__ import annotations

import numpy as np

from mho.device.fit.groups import Groups
from mho.device.fit.quantile_table import drawn_mean, quantile_rows, score_grid, sharpen
from mho.device.quantiles import QuantileDrift
from mho.device.tables.paths import Paths
from mho.device.tables.reads import Floats


def fit_quantile_drift(paths: Paths, groups: Groups) -> QuantileDrift:
    """Tabulate the quantiles of the change by group of conductance and by time.

    Args:
        paths: Cells over time, with at least one time after the reference.
        groups: Which cells are alike.
    """
    scores = score_grid(int((groups.code >= 0).sum()))
    columns = [_at_time(paths, groups, k, scores) for k in range(len(paths.times_s))]
    table = np.stack(columns, axis=1)
    times = paths.times_s
    if paths.ref_s > 0:
        table = np.concatenate([np.zeros_like(table[:, :1]), table], axis=1)
        times = np.r_[paths.ref_s, times]
    return QuantileDrift(
        g_uS=_tuple(groups.g_uS),
        times_s=_tuple(times, 6),
        change_uS=tuple(tuple(_tuple(row) for row in rows) for rows in table),
        score_max=float(np.round(scores[-1], 6)),
    )


def _at_time(paths: Paths, groups: Groups, column: int, scores: Floats) -> Floats:
    """Return the quantiles of all groups at one time, shape ``(groups, scores)``."""
    change = paths.change_uS[:, column]
    read = ~np.isnan(change)
    members = [read & (groups.code == k) for k in range(groups.count)]
    filled = [k for k, mine in enumerate(members) if mine.any()]
    nodes = groups.g_uS[filled]
    rows = quantile_rows([change[members[k]] for k in filled], scores)
    inside = [paths.g0_uS[members[k]] for k in filled]
    rows = sharpen(rows, nodes, scores, inside, floor=True)
    measured = float(np.mean(np.concatenate([change[members[k]] for k in filled])))
    width = np.array([change[members[k]].std() for k in filled])
    share = width / max(np.average(width, weights=[len(g) for g in inside]), 1e-12)
    missing = measured - drawn_mean(rows, nodes, float(scores[-1]), inside)
    rows = rows + missing * share[:, None]  # what straight lines between quantiles cost the mean
    everywhere = np.stack([np.interp(groups.g_uS, nodes, column) for column in rows.T], axis=1)
    return np.maximum.accumulate(everywhere, axis=1)


def _tuple(values: Floats, digits: int = 5) -> tuple[float, ...]:
    """Round to significant digits: a card is read by people."""
    return tuple(float(f"{v:.{digits}g}") for v in values)
