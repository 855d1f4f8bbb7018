"""The memory of a path is found from repeated reads, in changes of any distribution."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mho.device.curve import LogTime
from mho.device.device import Device, Source, ValidRange
from mho.device.fit.drift_table import fit_quantile_drift
from mho.device.fit.groups import group_paths
from mho.device.fit.memory import fit_memory, nearest_correlation
from mho.device.fit.states import find_states
from mho.device.memory import Frozen, RandomWalk, Redrawn
from mho.device.shaped import ShapedDrift
from mho.device.shapes import StudentShape
from mho.device.tables.paths import build_paths
from mho.device.tables.read import read_table
from mho.device.tables.understand import understand

TIMES = (0.0, 1.0, 10.0, 100.0, 1e3)


def fitted(memory, cells=4000, seed=1, drop=0.0):
    device = Device(
        name="true", g_min_uS=1, g_max_uS=100, t0_s=0,
        drift=ShapedDrift(
            shape=StudentShape(df=4),
            mean_uS=LogTime(intercept_uS=(-0.5,), slope_uS=(-0.1,)),
            sd_uS=LogTime(intercept_uS=(2.0,), slope_uS=(0.3,)),
        ),
        memory=memory,
        valid=ValidRange(g_uS=(1, 100), t_s=(0.1, 1e6)), source=Source(citation="test"),
    )  # fmt: skip
    target = np.resize([30.0, 50.0, 70.0], cells)
    g = device.sample(target, TIMES, seed=seed).astype(float)
    frame = pd.DataFrame(
        {
            "cell": np.tile(np.arange(cells), len(TIMES)), "time_s": np.repeat(TIMES, cells),
            "g_uS": g.ravel(), "target_uS": np.tile(target, len(TIMES)),
        }
    )  # fmt: skip
    if drop:
        late = frame[frame["time_s"] > 0].sample(frac=drop, random_state=0).index
        frame = frame.drop(index=late)
    paths = build_paths(understand(read_table(frame)))[0]
    groups, _ = group_paths(paths, find_states(paths))
    drift = fit_quantile_drift(paths, groups)
    return fit_memory(paths, groups, drift, np.arange(len(paths)) % 5 == 0)


@pytest.fixture(scope="module")
def walk():
    return fitted(RandomWalk(readout=0.3, readout_lifetime=2.0))


def test_fitted_correlations_are_the_measured_ones(walk):
    assert np.abs(walk.measured - walk.fitted).max() < 0.05
    assert walk.pairs.min() == 4000


def test_independent_times_predict_worse(walk):
    likelihood = walk.log_likelihood
    assert max(likelihood["random-walk"], likelihood["correlation-table"]) > 0.3
    assert likelihood["redrawn"] == pytest.approx(0, abs=1e-6)


def test_heavy_tails_do_not_bias_the_scores():
    """Correlations of heavy-tailed changes understate those of the scores; the law corrects it."""
    found = fitted(RandomWalk(readout=0.3, readout_lifetime=2.0), seed=2)
    again = fitted(found.law, seed=3)
    assert np.abs(found.measured - again.measured).max() < 0.08


def test_redrawn_paths_are_found():
    found = fitted(Redrawn())
    assert np.abs(found.measured - np.eye(4)).max() < 0.08
    assert np.abs(found.fitted - np.eye(4)).max() < 0.08


def test_frozen_paths_are_nearly_kept():
    found = fitted(Frozen())
    assert found.fitted[0, 3] > 0.9


def test_missing_reads_are_no_problem():
    found = fitted(RandomWalk(readout=0.3, readout_lifetime=2.0), drop=0.4)
    assert np.abs(found.measured - found.fitted).max() < 0.08
    assert found.pairs[0, 3] < 3000


def test_plain_data(walk):
    plain = walk.to_dict()
    assert plain["law"] in ("random-walk", "correlation-table")
    assert plain["measured"][0][0] == pytest.approx(1.0)


def test_a_matrix_that_is_none_is_moved_to_the_nearest_that_is():
    wrong = np.array([[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1.0]])
    fixed = nearest_correlation(wrong)
    assert np.linalg.eigvalsh(fixed)[0] > 0
    np.testing.assert_allclose(np.diag(fixed), 1)
    fine = np.array([[1, 0.5], [0.5, 1.0]])
    np.testing.assert_allclose(nearest_correlation(fine), fine, atol=1e-12)
