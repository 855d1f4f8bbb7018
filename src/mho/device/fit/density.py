"""Density and score of measured values under tabulated quantiles."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import log_ndtr

from mho.device.tables.reads import Floats

_LOG_ROOT_2PI = 0.5 * np.log(2 * np.pi)


def score_and_log_density(
    rows: Floats, nodes: Floats, score_max: float, g: Floats, value: Floats,
    at_zero: npt.NDArray[np.bool_] | None = None,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Return the standard normal score of each value, and the log of its density (1/µS).

    Args:
        rows: Quantiles at equally spaced scores, shape ``(nodes, scores)``, in µS.
        nodes: Conductances of the rows in µS.
        score_max: The largest score.
        g: Conductance of each cell in µS, shape ``(n,)``.
        value: Measured value of each cell in µS, shape ``(n,)``.
        at_zero: Which values were read as 0 µS; for those it is the log of the share at or below.
    """
    where = np.interp(g, nodes, np.arange(len(nodes)))
    node = np.minimum(where.astype(np.int64), max(len(nodes) - 2, 0))
    weight = (where - node)[:, None]
    upper = np.minimum(node + 1, len(nodes) - 1)
    q = (1 - weight) * rows[node] + weight * rows[upper]
    count = rows.shape[1]
    step = 2 * score_max / (count - 1)
    gaps = np.diff(q, axis=1)
    gaps = np.maximum(gaps, 1e-3 * (q[:, -1:] - q[:, :1]) / count + 1e-12)
    q = np.concatenate([q[:, :1], q[:, :1] + np.cumsum(gaps, axis=1)], axis=1)
    if at_zero is not None:  # beyond the equal quantiles of all the cells that ended there
        value = np.where(at_zero, value + 2e-3 * (q[:, -1] - q[:, 0]), value)
    segment = np.clip((q <= value[:, None]).sum(axis=1) - 1, 0, count - 2)
    line = np.arange(len(value))
    slope = gaps[line, segment] / step
    score = -score_max + segment * step + (value - q[line, segment]) / slope
    log_density = -0.5 * score**2 - _LOG_ROOT_2PI - np.log(slope)
    if at_zero is not None:
        log_density = np.where(at_zero, log_ndtr(score), log_density)
    return score, log_density
