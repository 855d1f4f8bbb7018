"""Prices scale between nodes and resolutions as they say."""

from __future__ import annotations

import pytest

from mho.costs.price import ConverterPrice, Price
from mho.errors import ConfigError

SOURCE = "a table in a paper"


def test_area_scales_with_the_square_and_energy_with_the_first_power():
    price = Price(value=2, node_nm=32, mark="paper", source=SOURCE)
    assert price.area_at(64) == 8
    assert price.energy_at(64) == 4
    assert price.area_at(32) == price.energy_at(32) == 2


def test_what_has_no_node_does_not_scale():
    price = Price(value=100, mark="paper", source=SOURCE)
    assert price.area_at(22) == price.energy_at(180) == 100


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_a_price_is_positive_and_finite(value):
    with pytest.raises(ConfigError):
        Price(value=value, mark="paper", source=SOURCE)


@pytest.mark.parametrize("changes", [{"source": ""}, {"mark": "heard"}, {"price": 3}])
def test_a_price_without_source_or_standing_is_refused(changes):
    with pytest.raises(ConfigError):
        Price(**{"value": 1, "mark": "paper", "source": SOURCE, **changes})


def converter(**changes):
    values = {
        "bits": (4, 8),
        "area_um2": (100.0, 1600.0),
        "energy_pJ": (1.0, 2.0),
        "node_nm": 32,
        "mark": "paper",
        "source": SOURCE,
    }
    return ConverterPrice(**{**values, **changes})


def test_a_converter_is_interpolated_in_the_logarithm_and_continued_beyond():
    adc = converter()
    assert adc.area_at(32, 4) == pytest.approx(100)
    assert adc.area_at(32, 6) == pytest.approx(400)  # a factor of 2 a bit
    assert adc.area_at(32, 10) == pytest.approx(6400)
    assert adc.area_at(32, 2) == pytest.approx(25)
    assert adc.area_at(64, 8) == pytest.approx(6400)
    assert adc.energy_at(64, 8) == pytest.approx(4)


@pytest.mark.parametrize(
    "changes", [{"bits": (4, 8, 9)}, {"bits": (8, 4)}, {"bits": (4,), "area_um2": (1.0,)}]
)
def test_a_crooked_table_is_refused(changes):
    with pytest.raises(ConfigError):
        converter(**changes)
