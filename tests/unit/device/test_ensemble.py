"""Ensembles: other laws that the data allow, kept small in the card."""

from __future__ import annotations

import numpy as np
import pytest

import mho
from mho.device.continued import ContinuedDrift
from mho.device.drift import LogTimeDrift, NoDrift
from mho.device.ensemble import EDGE, Ensemble, Member, moved
from mho.device.programming import ConstantSpread
from mho.device.quantiles import QuantileDrift
from mho.errors import ConfigError

SCORES = np.linspace(-2 * EDGE, 2 * EDGE, 9)
TABLE = QuantileDrift(
    g_uS=(10.0,), times_s=(1.0, 100.0), change_uS=((tuple(SCORES), tuple(2 * SCORES)),),
    score_max=2 * EDGE,
)  # fmt: skip
MOVES = (((0.5, 0.0, 1.0), (0.0, 0.0, 0.0)),)
FALCONE = mho.load_device("falcone2025")


def test_three_quantiles_move_as_told():
    other = moved(TABLE, MOVES)
    g = np.full(3, 10.0)
    z = np.array([-EDGE, 0.0, EDGE])
    np.testing.assert_allclose(
        other.change(g, 1.0, z) - TABLE.change(g, 1.0, z), [0.5, 0, 1], atol=1e-9
    )
    np.testing.assert_allclose(other.change(g, 100.0, z), TABLE.change(g, 100.0, z))


def test_tails_are_stretched_with_their_side():
    other = moved(TABLE, MOVES)
    end = float(other.change(np.array([10.0]), 1.0, np.array([2 * EDGE]))[0])
    assert end == pytest.approx((EDGE + 1) * 2)


def test_rows_stay_in_order():
    other = moved(TABLE, (((5.0, 0.0, -5.0), (0.0, 0.0, 0.0)),))
    assert (np.diff(other.rows(1.0), axis=1) >= 0).all()


def test_moves_must_fit_the_table():
    with pytest.raises(ConfigError, match="three moves for each of 1 conductances and 2 times"):
        moved(TABLE, (((0.0, 0.0, 0.0),),))


def test_a_member_brings_what_is_its_own():
    own = LogTimeDrift(mean_slope_uS=0, sd_slope_uS=0, sd_intercept_uS=3.0)
    ensemble = Ensemble(
        law="bootstrap-cells",
        members=(Member(drift=own), Member(programming=ConstantSpread(sd_uS=9.0))),
    )
    device = FALCONE.replace(ensemble=ensemble)
    first, second = device.law_sample(0), device.law_sample(1)
    assert first.drift == own
    assert first.programming == device.programming
    assert second.drift == device.drift
    assert second.programming.sd_uS == 9.0
    assert device.law_sample(2) == first  # they start again
    assert first.ensemble is None


def test_members_continue_each_in_another_way():
    flat = LogTimeDrift(mean_slope_uS=0, sd_slope_uS=0, sd_intercept_uS=1.0)
    ensemble = Ensemble(
        law="bootstrap-cells", members=(Member(beyond=0), Member()), beyond=(flat,), from_s=1e4
    )
    device = FALCONE.replace(ensemble=ensemble, extrapolate=True)
    stays, grows = device.law_sample(0), device.law_sample(1)
    assert stays.spread(50.0, 1e4) == pytest.approx(grows.spread(50.0, 1e4))
    assert stays.spread(50.0, 1e9) == pytest.approx(grows.spread(50.0, 1e4))
    assert grows.spread(50.0, 1e9) > 1.2 * stays.spread(50.0, 1e9)


def test_a_continued_law_grows_as_the_other_does():
    inner = LogTimeDrift(mean_slope_uS=-0.1, sd_slope_uS=0.0, sd_intercept_uS=1.0)
    beyond = LogTimeDrift(mean_slope_uS=-1.0, sd_slope_uS=0.5, sd_intercept_uS=0.5)
    law = ContinuedDrift(inner=inner, beyond=beyond, from_s=1.0)
    g = np.full(2, 20.0)
    change = law.change(g, np.e, np.array([0.0, 1.0]))
    np.testing.assert_allclose(change, [-1.0, -1.0 + 1.0 * (1.0 / 0.5)])
    np.testing.assert_allclose(law.change(g, 0.5, np.zeros(2)), inner.change(g, 0.5, np.zeros(2)))


def test_a_card_keeps_its_ensemble(tmp_path):
    ensemble = Ensemble(law="bootstrap-dies", members=(Member(drift_moves_uS=MOVES, beyond=0),),
                        beyond=(LogTimeDrift(mean_slope_uS=0, sd_slope_uS=1, sd_intercept_uS=1),),
                        from_s=100.0)  # fmt: skip
    device = FALCONE.replace(drift=TABLE, ensemble=ensemble)
    mho.save_device(device, tmp_path / "a.toml")
    assert mho.load_device(tmp_path / "a.toml") == device


def test_a_card_without_one_says_how_to_get_it():
    with pytest.raises(ConfigError, match="no ensemble of laws; fit it"):
        FALCONE.law_sample(0)


def test_moves_need_a_table():
    device = FALCONE.replace(
        ensemble=Ensemble(law="bootstrap-cells", members=(Member(drift_moves_uS=MOVES),))
    )
    with pytest.raises(ConfigError, match="moves tabulated quantiles"):
        device.law_sample(0)
    assert not isinstance(device.drift, NoDrift)
