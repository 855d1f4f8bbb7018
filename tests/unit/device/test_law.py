from __future__ import annotations

import pytest
from pydantic import ValidationError

from mho.device.device import Device
from mho.device.drift import LogTimeDrift, ScaledDrift
from mho.device.shaped import ShapedSpread
from mho.errors import ConfigError


def test_laws_are_frozen_and_compare_by_value():
    one = LogTimeDrift(mean_slope_uS=-0.1, sd_slope_uS=0.0, sd_intercept_uS=0.4)
    two = LogTimeDrift(mean_slope_uS=-0.1, sd_slope_uS=0.0, sd_intercept_uS=0.4)
    assert one == two
    assert hash(one) == hash(two)
    with pytest.raises(ValidationError, match="frozen"):
        one.mean_slope_uS = 1.0


def test_places_are_written_as_the_user_wrote_them():
    values = {
        "law": "scaled",
        "inner": {"law": "power-law", "t0_s": -1.0, "mu_intercept": 0.1, "s_intercept": 0.1},
    }
    with pytest.raises(ConfigError, match=r"^here: 'inner\.t0_s': .*greater than 0; got -1\.0"):
        ScaledDrift.parse(values, where="here")


def test_a_key_deep_inside_is_answered_with_its_neighbours():
    values = {"law": "scaled", "inner": {"law": "log-time", "sd_slop_uS": 1.0}}
    with pytest.raises(ConfigError, match=r"'inner\.sd_slop_uS'.*'sd_slope_uS'.*Known: law, mean"):
        ScaledDrift.parse(values, where="here")


def test_a_missing_key_is_named():
    with pytest.raises(ConfigError, match="key 'g_min_uS' is missing"):
        Device.parse({"name": "x"}, where="card")


def test_text_where_a_number_belongs_is_shown():
    with pytest.raises(ConfigError, match="'mean_slope_uS'.*number.*got 'steep'"):
        LogTimeDrift.parse(
            {"mean_slope_uS": "steep", "sd_slope_uS": 0, "sd_intercept_uS": 0}, where="here"
        )


def test_parts_with_a_form_or_a_shape_are_named_as_written():
    values = {
        "law": "shaped",
        "shape": {"shape": "student-t", "df": 1.0},
        "bias_uS": {"form": "polynomial", "coefficients": [0.0]},
        "sd_uS": {"form": "polynomial", "coefficients": [1.0]},
    }
    with pytest.raises(ConfigError, match=r"'shape\.df': .*greater than 2"):
        ShapedSpread.parse(values, where="here")
    values["shape"] = {"shape": "student"}
    with pytest.raises(ConfigError, match=r"unknown shape 'student'\. Did you mean 'student-t'"):
        ShapedSpread.parse(values, where="here")
    values["shape"] = {"df": 3.0}
    with pytest.raises(ConfigError, match="needs the key 'shape'"):
        ShapedSpread.parse(values, where="here")
