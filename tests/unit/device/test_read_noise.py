from __future__ import annotations

import math

import numpy as np
import pytest

from mho.device.read_noise import LogReadNoise, NoReadNoise, PowerReadNoise, RelativeReadNoise
from mho.device.saturating import SaturatingReadNoise

G = np.array([0.0, 0.5, 4.0, 20.0])


def test_each_law_is_its_formula():
    growth = math.sqrt(math.log((100 + 1e-6) / 2e-6))
    assert NoReadNoise().sd(G, 1.0).tolist() == [0.0] * 4
    assert RelativeReadNoise(fraction=0.01).sd(G, 1.0) == pytest.approx(0.01 * G)
    law = LogReadNoise(coefficient_uS=0.03, tau_s=1e-6)
    expected = [0, 0, 0.03 * math.log10(4) * growth, 0.03 * math.log10(20) * growth]
    assert law.sd(G, 100.0) == pytest.approx(expected)
    power = PowerReadNoise(a=0.0088, b=0.65, q_max=0.2, tau_s=1e-6, reference_uS=25.0)
    q = np.minimum(0.0088 / (np.maximum(G, 1e-9) / 25) ** 0.65, 0.2)
    assert power.sd(G, 100.0) == pytest.approx(q * G * growth)
    saturating = SaturatingReadNoise(a_uS=0.1, b_uS=2.0)
    assert saturating.sd(G, 1.0) == pytest.approx(0.1 * (1 - np.exp(-G / 2)))


@pytest.mark.parametrize(
    "law",
    [
        LogReadNoise(coefficient_uS=0.03, tau_s=1e-6),
        PowerReadNoise(a=0.0088, b=0.65, q_max=0.2, tau_s=1e-6, reference_uS=25.0),
    ],
)
def test_1_over_f_noise_is_0_at_time_0_and_grows(law):
    sd = np.array([law.sd(np.array([20.0]), t)[0] for t in (0.0, 1e-6, 1.0, 1e3, 1e8)])
    assert sd[0] == sd[1] == 0.0
    assert (np.diff(sd[1:]) > 0).all()


def test_noise_keeps_the_type_of_g():
    for law in (
        NoReadNoise(),
        RelativeReadNoise(fraction=0.1),
        LogReadNoise(coefficient_uS=0.1, tau_s=1e-6),
        PowerReadNoise(a=0.1, b=0.5, q_max=0.2, tau_s=1e-6, reference_uS=25.0),
        SaturatingReadNoise(a_uS=0.1, b_uS=2.0),
    ):
        assert law.sd(G.astype(np.float32), 1.0).dtype == np.float32
