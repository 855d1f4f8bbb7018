"""The fit of technology C reproduces the figures worked out on that file independently."""

from __future__ import annotations

import numpy as np
import pytest

import mho

TIMES = [0.01, 0.1, 1.0, 3.44, 1e5]
MEAN = [-0.04, -0.16, -0.27, -0.30, -1.44]  # README: change since programming, all levels, µS
SD = [0.93, 1.56, 2.05, 2.31, 3.63]
MID_LEVELS = {  # README: Pearson correlation of a cell's change, levels 8-23
    (0, 1): 0.45, (1, 2): 0.59, (2, 3): 0.77, (1, 4): 0.24, (2, 4): 0.34, (3, 4): 0.38,
}  # fmt: skip


@pytest.fixture(scope="module")
def fit(data_root):
    return mho.fit_device(data_root / "rram-relaxation" / "technology_c_relaxation.tsv.gz")


@pytest.fixture(scope="module")
def changes(fit):
    """64,000 cells of the card, programmed evenly over all levels, followed over the times."""
    device = fit.device
    target = np.repeat(np.asarray(device.levels.g_uS, dtype=np.float32), 2000)
    g = device.sample(target, [0.0, *TIMES], seed=5).astype(np.float64)
    return g[1:] - g[0]


def test_columns_were_understood_without_help(fit):
    record = fit.device.fit.model_dump()
    assert record["columns"] == {
        "cell": "0", "time": "1", "conductance": "3", "first_reading": "4", "level": "5",
    }  # fmt: skip
    assert record["rows"] == 89_115
    assert record["cells"] == 16_292


def test_mean_and_spread_at_each_time(fit, changes):
    """Levels count as often as they were read: at 4 s the low ones were read more often."""
    by_level = changes.reshape(len(TIMES), 32, 2000)
    for k, t in enumerate(TIMES):
        cells = [f.cells for f in fit.goodness.drift.levels if abs(np.log(f.t_s / t)) < 0.1]
        mean = np.average(by_level[k].mean(axis=1), weights=cells)
        square = np.average((by_level[k] ** 2).mean(axis=1), weights=cells)
        assert mean == pytest.approx(MEAN[k], rel=0.1, abs=0.005)  # 0.005: the README's rounding
        assert np.sqrt(square - mean**2) == pytest.approx(SD[k], rel=0.1)


def test_correlations_of_a_path(fit, changes):
    middle = changes[:, 8 * 2000 : 24 * 2000]
    drawn = np.corrcoef(middle)
    for (i, j), wanted in MID_LEVELS.items():
        assert drawn[i, j] == pytest.approx(wanted, abs=0.1)
    memory = fit.goodness.memory
    assert np.nanmax(np.abs(memory.measured - memory.fitted)) < 0.05


def test_tails_stay_heavy(changes):
    z = (changes[0] - changes[0].mean()) / changes[0].std()
    assert (z**4).mean() - 3 > 10  # README: excess kurtosis 24 at 10 ms


def test_quantiles_of_every_level_and_time(fit):
    drift = fit.goodness.drift
    assert drift.quantile_errors.size > 500
    assert drift.largest_error <= 0.15
    assert drift.median_error <= 0.05


def test_levels_are_the_ranges_of_the_file(fit):
    expected = 1.25 * np.arange(32) + 0.625  # README: range k accepts 1.25 k to 1.25 (k + 1) µS
    assert fit.device.levels.g_uS == pytest.approx(expected, abs=0.01)


def test_programming_is_uniform_in_the_range(fit):
    g = fit.device.sample(np.full(20_000, 20.625, dtype=np.float32), [0.0], seed=1)
    assert g.std() == pytest.approx(0.35, rel=0.1)  # README: 0.35 µS, close to uniform
    assert np.abs(g - 20.625).max() < 0.9


def test_held_out_cells_prefer_it_to_one_normal_law(fit):
    held_out = fit.goodness.held_out
    gain = held_out["quantiles by level and time"] - held_out["one normal law, linear in ln t"]
    assert gain > 0.2
