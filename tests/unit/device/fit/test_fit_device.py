"""From a table to a card: the parts fit together, and the card remembers where it is from."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import mho
from mho.errors import ConfigError, TableError

LEVELS = np.linspace(10, 80, 8)
TIMES = (0.0, 1.0, 60.0, 3600.0)
CELLS = 1600


def table(seed=1, device=None, times=TIMES):
    device = device or mho.load_device("falcone2025").replace(
        levels={"law": "listed", "g_uS": tuple(LEVELS)}
    )
    target = np.resize(LEVELS, CELLS)
    g = device.sample(target, times, seed=seed)
    return pd.DataFrame(
        {
            "cell": np.tile(np.arange(CELLS), len(times)),
            "time_s": np.repeat(times, CELLS),
            "conductance_uS": g.ravel().astype(float),
            "target_uS": np.tile(target, len(times)),
        }
    )


@pytest.fixture(scope="module")
def fit():
    return mho.fit_device(table(), name="mine", members=12)


def test_levels_window_and_ranges(fit):
    device = fit.device
    assert device.name == "mine"
    assert device.levels.g_uS == tuple(LEVELS)
    assert device.window == (10, 80)
    assert device.valid.t_s == (1, 3600)
    assert device.t0_s == 0


def test_the_law_behind_the_cells_is_found(fit):
    true = mho.load_device("falcone2025")
    for t in (1.0, 60.0, 3600.0):
        n = CELLS
        sd = float(true.spread(45.0, t))
        found = float(np.mean(fit.device.spread(LEVELS, t)))
        assert found == pytest.approx(sd, rel=5 / np.sqrt(2 * n))  # five standard errors
        mean = float(np.mean(fit.device.mean_shift(LEVELS, t)))
        assert mean == pytest.approx(float(true.mean_shift(45.0, t)), abs=5 * sd / np.sqrt(n))


def test_the_programming_law_is_found(fit):
    assert fit.goodness.programming.winner.parameters < 10  # no table where a formula is true
    g = fit.device.sample(np.full(20_000, 80.0), [0.0], seed=3)
    assert g.std() == pytest.approx(0.01121854 + 0.01129027 * 80, rel=0.08)


def test_the_simple_family_wins_where_it_is_true(fit):
    ranking = fit.goodness.families
    names = [c.name for c in ranking.close()]
    assert "one normal law, linear in ln t" in names
    assert ranking.winner.name != "quantiles by level and time"


def test_the_card_remembers_how_it_was_made(fit):
    record = fit.device.fit.model_dump()
    assert record["rows"] == CELLS * 4
    assert record["cells"] == CELLS
    assert record["mho"] == mho.__version__
    assert "quantiles by level and time" in record["drift"]["tried"]
    assert len(record["drift"]["tried"]) == len(record["drift"]["held_out_nats_per_read"])
    assert len(record["drift"]["tried"]) == len(record["drift"]["aic"])


def test_a_card_is_the_same_after_a_round_trip(fit, tmp_path):
    assert mho.load_device(fit.save(tmp_path / "a.toml")) == fit.device


def test_plain_data_is_json(fit, tmp_path):
    fit.save(tmp_path / "fit.json")
    plain = json.loads((tmp_path / "fit.json").read_text(encoding="utf-8"))
    assert plain["cells"] == CELLS
    assert len(plain["times"]) == 3
    assert plain["families"]["families"][0]["aic"] is not None
    assert plain["faults"]["stuck_at_lrs"]["count"] == 0


def test_the_summary_says_what_a_person_wants_to_know(fit):
    text = fit.summary()
    for part in ("1,600 cells", "8 levels from 10 to 80 µS", "held out", "memory of a path"):
        assert part in text


def test_the_same_table_gives_the_same_card():
    some = table().query("cell < 320")
    first, second = (mho.fit_device(some, members=2).device for _ in range(2))
    assert first == second


def test_rows_in_another_order_give_the_same_law(fit):
    shuffled = table().sample(frac=1, random_state=0, ignore_index=True)
    second = mho.fit_device(shuffled, members=0).device
    np.testing.assert_allclose(
        fit.device.spread(LEVELS, 60.0), second.spread(LEVELS, 60.0), rtol=1e-6
    )


def test_an_ensemble_spreads_as_the_estimate_does(fit):
    spreads = [float(d.spread(45.0, 3600.0)) for d in fit.ensemble(12)]
    # an sd from 1,600 cells has a relative error of 1/sqrt(2n) = 1.8 %; a polynomial law in g at
    # the middle of the window a little more
    assert 0.009 < np.std(spreads) / np.mean(spreads) < 0.05


def test_dies_are_found_and_drawn():
    device = mho.load_device("falcone2025").replace(die={"law": "added", "die_sd_uS": 1.5})
    parts = []
    for die in range(40):
        chip = mho.rng.Streams(die, "die")
        target = np.resize(LEVELS, 40).astype(np.float32)
        g = device.conductances(target, [0.0, 3600.0], chip, die=chip)
        parts.append(
            pd.DataFrame(
                {
                    "cell": np.tile(np.arange(40), 2), "die": die,
                    "time_s": np.repeat([0, 3600], 40),
                    "g_uS": g.ravel().astype(float), "target_uS": np.tile(target, 2).astype(float),
                }
            )
        )  # fmt: skip
    fit = mho.fit_device(pd.concat(parts, ignore_index=True), members=2)
    sd = fit.goodness.variance.sds["die"]
    assert sd.low < 1.5 < sd.high  # fails 1 seed in 20
    assert fit.device.die.die_sd_uS == pytest.approx(sd.value, rel=1e-3)
    assert fit.device.ensemble.law == "bootstrap-dies"
    spread = fit.device.replace(die={"law": "none"}).sample(np.full(9999, 45.0), [0.0]).std()
    assert spread == pytest.approx(0.011 + 0.0113 * 45, rel=0.1)  # the spread inside a die


def test_one_time_only_still_gives_programming():
    fit = mho.fit_device(table(times=(0.0,)))
    assert fit.device.drift.law == "none"
    assert fit.device.valid.t_s == (0, 0)
    assert any("one time only" in w for w in fit.warnings)
    assert "one time only" in str(fit.device.fit.model_dump()["warnings"])
    with pytest.raises(ConfigError, match="no ensemble"):
        fit.ensemble(1)


def test_one_level_only_is_told():
    frame = table()
    fit = mho.fit_device(frame[frame["target_uS"] == 40.0], members=0)
    assert any("one level only" in w for w in fit.warnings)
    assert fit.device.levels.law == "analogue"


def test_few_cells_a_level_are_told():
    frame = table()
    few = frame[(frame["target_uS"] != 40.0) | (frame["cell"] < 80)]
    assert any(
        "fewer than 30 cells: 40 µS (10)" in w for w in mho.fit_device(few, members=0).warnings
    )


def test_several_files_are_one_fit(tmp_path):
    frame = table()
    frame[frame["cell"] < 800].to_csv(tmp_path / "a.csv", index=False)
    frame[frame["cell"] >= 800].to_parquet(tmp_path / "b.parquet")
    fit = mho.fit_device([tmp_path / "a.csv", tmp_path / "b.parquet"], members=0)
    assert fit.goodness.cells == CELLS
    files = fit.device.fit.model_dump()["files"]
    assert [f["name"] for f in files] == ["a.csv", "b.parquet"]
    assert all(len(f["sha256"]) == 64 for f in files)
    assert fit.device.name == "a"


def test_wide_and_long_give_one_law(fit):
    frame = table()
    wide = frame.pivot(index=["cell", "target_uS"], columns="time_s", values="conductance_uS")
    wide.columns = [f"{t:g} s" for t in wide.columns]
    a = fit.device
    b = mho.fit_device(wide.reset_index(), wide=True, units={"conductance": "uS"}, members=0).device
    np.testing.assert_allclose(a.spread(LEVELS, 60.0), b.spread(LEVELS, 60.0), rtol=1e-6)


def test_an_unmeasured_temperature_is_refused():
    with pytest.raises(TableError, match="no column is the temperature"):
        mho.fit_device(table(), temperature_C=85)
    with pytest.raises(TableError, match="no read at 85 °C; choose one of 25 °C"):
        mho.fit_device(table().assign(temperature_C=25.0), temperature_C=85)


def test_times_beyond_the_measured_ones_are_refused_and_marked(fit):
    from mho.errors import OutOfRangeError

    with pytest.raises(OutOfRangeError, match="extrapolate = true"):
        fit.device.sample([20.0], ["1 y"])
    longer = fit.device.replace(extrapolate=True)
    assert longer.is_extrapolated(3e7)
    assert longer.spread(45.0, 3.15e8) > longer.spread(45.0, 3600.0)
