"""The tabulated programming law of measured cells."""

from __future__ import annotations

import numpy as np

from mho.device.fit.quantile_table import quantile_rows, score_grid
from mho.device.fit.states import States
from mho.device.programming import ExactProgramming, ProgrammingNoise
from mho.device.quantiles import QuantileSpread
from mho.device.tables.paths import Paths

_FEW = 30


def fit_quantile_spread(paths: Paths, states: States) -> ProgrammingNoise:
    """Tabulate the quantiles of the programming error by state; exact where no state is known."""
    errors = paths.g0_uS - states.target_uS()
    members = [states.code == k for k in range(states.g_uS.size)]
    filled = [k for k, mine in enumerate(members) if mine.sum() >= _FEW]
    if not filled:
        return ExactProgramming()
    scores = score_grid(int((states.code >= 0).sum()))
    rows = quantile_rows([errors[members[k]] for k in filled], scores)
    return QuantileSpread(
        g_uS=tuple(float(f"{states.g_uS[k]:.6g}") for k in filled),
        error_uS=tuple(tuple(float(f"{v:.4g}") for v in row) for row in rows),
        score_max=float(np.round(scores[-1], 6)),
    )
