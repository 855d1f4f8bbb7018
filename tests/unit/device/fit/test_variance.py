"""Where the spread comes from: REML agrees with an independent likelihood, and finds the truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mho.device.die import AddedDieOffset, MultipliedDieOffset
from mho.device.fit.nested import Nested
from mho.device.fit.states import find_states
from mho.device.fit.variance import _nest, _reml, fit_variance
from mho.device.tables.paths import build_paths
from mho.device.tables.read import read_table
from mho.device.tables.understand import understand


def hierarchy(wafers=8, dies=6, cells=15, seed=0, sds=(0.8, 0.5, 1.0)):
    rng = np.random.default_rng(seed)
    die = np.repeat(np.arange(wafers * dies), cells)
    wafer = die // dies
    offset = rng.normal(0, sds[0], wafers)[wafer] + rng.normal(0, sds[1], wafers * dies)[die]
    return wafer, die, offset, rng.normal(0, sds[2], die.size)


def variance(columns):
    paths = build_paths(understand(read_table(pd.DataFrame(columns))))[0]
    return fit_variance(paths, find_states(paths))


def test_reml_of_statsmodels_is_the_top_of_the_recursion():
    wafer, die, offset, error = hierarchy()
    found = _reml(offset + error, [die, wafer])
    nested = _nest(offset + error, [die, wafer])
    best = nested._best(np.log(found), float(found.sum()))
    np.testing.assert_allclose(np.exp(best), found, rtol=5e-3)


def test_the_recursion_is_the_normal_likelihood_of_the_whole_table():
    wafer, die, offset, error = hierarchy(wafers=3, dies=2, cells=3)
    y = offset + error
    nested = Nested(y, _nest(y, [die, wafer]).parents)
    v = np.array([1.2, 0.3, 0.7])
    same = lambda code: (code[:, None] == code[None, :]).astype(float)  # noqa: E731
    cov = v[0] * np.eye(y.size) + v[1] * same(die) + v[2] * same(wafer)
    inverse = np.linalg.inv(cov)
    one = np.ones(y.size)
    mean = one @ inverse @ y / (one @ inverse @ one)
    r = y - mean
    expected = -0.5 * (np.linalg.slogdet(cov)[1] + np.log(one @ inverse @ one) + r @ inverse @ r)
    assert nested.log_likelihood(v) == pytest.approx(expected)


def test_all_sources_are_found():
    wafer, die, offset, error = hierarchy(wafers=12, dies=10)
    rng = np.random.default_rng(9)
    n = die.size
    both = np.concatenate([offset + error + rng.normal(0, 0.4, n) for _ in range(2)])
    fit, warnings = variance(
        {
            "cell": np.tile(np.arange(n), 2), "die": np.tile(die % 10, 2),
            "wafer": np.tile(wafer, 2), "cycle": np.repeat([1, 2], n), "time_s": 0.0,
            "g_uS": 40 + both, "target_uS": 40.0,
        }
    )  # fmt: skip
    assert warnings == []
    for source, sd in (("wafer", 0.8), ("die", 0.5), ("device", 1.0), ("cycle", 0.4)):
        assert fit.sds[source].low < sd < fit.sds[source].high  # each fails 1 seed in 20
    assert isinstance(fit.law, AddedDieOffset)
    g0 = (40 + both).reshape(2, n).T.ravel()  # paths come cell by cell
    left = fit.without_dies(g0).reshape(n, 2).mean(axis=1) - 40
    by_die = [left[die == d].mean() for d in range(120)]
    assert np.std(by_die) < 0.15 < np.std([offset[die == d].mean() for d in range(120)])


def test_offsets_that_multiply_are_told_from_those_that_add():
    wafer, die, offset, error = hierarchy(sds=(0.2, 0.1, 0.05))
    target = np.resize([5.0, 20.0, 80.0], die.size)
    table = {
        "cell": np.arange(die.size), "die": die % 6, "wafer": wafer, "time_s": 0.0,
        "target_uS": target,
    }  # fmt: skip
    fit, _ = variance({**table, "g_uS": target * np.exp(offset + error)})
    assert fit.unit == "ln"
    assert isinstance(fit.law, MultipliedDieOffset)
    assert fit.sds["wafer"].low < 0.2 < fit.sds["wafer"].high


def test_two_wafers_are_too_few():
    wafer, die, offset, error = hierarchy(wafers=2)
    fit, warnings = variance(
        {
            "cell": np.arange(die.size), "die": die % 6, "wafer": wafer, "time_s": 0.0,
            "g_uS": 40 + offset + error, "target_uS": 40.0,
        }
    )  # fmt: skip
    assert "2 wafer(s) only" in warnings[0]
    assert set(fit.sds) == {"device", "die"}


def test_maps_show_each_die_at_its_place():
    wafer, die, offset, error = hierarchy(wafers=3, dies=6)
    names = [f"{d % 3},{d % 6 // 3}" for d in die]
    fit, _ = variance(
        {
            "cell": np.arange(die.size), "die": names, "wafer": wafer, "time_s": 0.0,
            "g_uS": 40 + offset + error, "target_uS": 40.0,
        }
    )  # fmt: skip
    assert len(fit.maps) == 3
    first = fit.maps[0]
    assert (first["cols"], first["rows"]) == (["0", "1", "2"], ["1", "0"])
    mean = (offset + error)[(wafer == 0) & (die == 4)].mean() - (offset + error).mean()
    assert first["values"][0][1] == pytest.approx(mean)


def test_without_dies_there_is_nothing_to_split():
    fit, warnings = variance(
        {"cell": np.arange(100), "time_s": 0.0, "g_uS": np.linspace(9, 11, 100), "target_uS": 10.0}
    )
    assert fit is None
    assert warnings == []
