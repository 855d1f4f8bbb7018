"""Density and score of measured values under tabulated quantiles."""

from __future__ import annotations

import numpy as np

from mho.device.tables.reads import Floats

_LOG_ROOT_2PI = 0.5 * np.log(2 * np.pi)


def score_and_log_density(
    rows: Floats, nodes: Floats, score_max: float, g: Floats, value: Floats
) -> tuple[Floats, Floats]:
    """Return the standard normal score of each value, and the log of its density (1/µS).

    Args:
        rows: Quantiles at equally spaced scores, shape ``(nodes, scores)``, in µS.
        nodes: Conductances of the rows in µS.
        score_max: The largest score.
        g: Conductance of each cell in µS, shape ``(n,)``.
        value: Measured value of each cell in µS, shape ``(n,)``.
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
    segment = np.clip((q <= value[:, None]).sum(axis=1) - 1, 0, count - 2)
    line = np.arange(len(value))
    slope = gaps[line, segment] / step
    score = -score_max + segment * step + (value - q[line, segment]) / slope
    return score, -0.5 * score**2 - _LOG_ROOT_2PI - np.log(slope)
