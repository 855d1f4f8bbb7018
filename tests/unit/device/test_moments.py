from __future__ import annotations

import numpy as np
import pytest

import mho
from mho.device.moments import programming_moments, read_sd


def test_normal_programming_has_its_own_moments():
    bias, sd = programming_moments(mho.load_device("milo2021"), np.array([100.0, 200.0]))
    assert bias == pytest.approx([0.0, 0.0], abs=1e-9)
    assert sd == pytest.approx([4.782321 - 0.9107, 4.782321 - 1.8214], rel=1e-5)


def test_lognormal_programming_is_biased_upwards():
    device = mho.load_device("charan2020")
    device = device.replace(programming={"law": "lognormal", "sd_ln": 0.5, "clip_to_window": False})
    bias, sd = programming_moments(device, np.array([[10.0]]))
    assert bias == pytest.approx(np.array([[10 * (np.exp(0.125) - 1)]]), rel=1e-6)
    variance = 100 * (np.exp(0.25) - 1) * np.exp(0.25)
    assert sd == pytest.approx(np.array([[np.sqrt(variance)]]), rel=1e-5)


def test_read_sd_is_the_law_s():
    assert read_sd(mho.load_device("wan2022"), np.array([10.0]), 5.0) == pytest.approx([0.1])
