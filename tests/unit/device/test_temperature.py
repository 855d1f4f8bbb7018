"""Arrhenius: hot cells live faster, by a known factor."""

from __future__ import annotations

import math

import numpy as np
import pytest

import mho
from mho.device.correlation_table import CorrelationTable
from mho.device.temperature import Arrhenius
from mho.errors import ConfigError, OutOfRangeError

LAW = Arrhenius(
    activation_energy_eV=0.8, interval_eV=(0.7, 0.9), reference_C=100, measured_C=(100, 260)
)


def test_acceleration_is_the_textbook_formula():
    expected = math.exp(0.8 / 8.617333262e-5 * (1 / 373.15 - 1 / 493.15))
    assert LAW.acceleration(220) == pytest.approx(expected)
    assert LAW.acceleration(100) == 1


def test_equivalent_times_have_an_interval():
    t, low, high = LAW.equivalent(3600, 220, 85)
    assert low < t < high
    there, _, _ = LAW.equivalent(t, 85, 220)
    assert there == pytest.approx(3600)


@pytest.fixture
def device():
    return mho.load_device("falcone2025").replace(temperature=LAW)


def test_a_hot_device_is_where_the_cold_one_will_be(device):
    factor = LAW.acceleration(150)
    hot = device.at_temperature(150)
    assert hot.spread(50.0, 100.0) == pytest.approx(device.spread(50.0, 100.0 * factor))
    assert hot.valid.t_s[1] == pytest.approx(device.valid.t_s[1] / factor)
    assert hot.temperature.reference_C == 150
    np.testing.assert_allclose(
        hot.at_temperature(100).spread(50.0, 100.0), device.spread(50.0, 100.0)
    )


def test_a_tabulated_memory_runs_faster_too(device):
    table = CorrelationTable(times_s=(1.0, 1e4), correlation=((1, 0.5), (0.5, 1)), lifetime=3)
    hot = device.replace(memory=table).at_temperature(150)
    assert hot.memory.times_s == pytest.approx(np.array([1, 1e4]) / LAW.acceleration(150))


def test_unmeasured_temperatures_are_refused(device):
    with pytest.raises(OutOfRangeError, match="measured from 100 to 260 °C; got 85 °C"):
        device.at_temperature(85)
    assert device.replace(extrapolate=True).at_temperature(85).temperature.reference_C == 85


def test_a_card_without_it_says_so():
    with pytest.raises(ConfigError, match=r"no temperature law.*\[temperature\]"):
        mho.load_device("falcone2025").at_temperature(85)


def test_the_energy_lies_in_its_interval():
    with pytest.raises(ConfigError, match="inside interval_eV"):
        Arrhenius(**{**LAW.model_dump(), "interval_eV": (0.9, 1.0)})
