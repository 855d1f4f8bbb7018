from __future__ import annotations

import numpy as np
import pytest

from mho.device.programming import (
    ConstantSpread,
    ExactProgramming,
    LognormalSpread,
    PolynomialSpread,
    TabulatedSpread,
    polynomial,
)
from mho.device.saturating import SaturatingSpread
from mho.errors import ConfigError

G = np.array([5.0, 20.0, 50.0], dtype=np.float32)
Z = np.array([1.0, -2.0, 0.5], dtype=np.float32)
WINDOW = (1.0, 60.0)

LAWS = {
    "exact": (ExactProgramming(), G),
    "constant": (ConstantSpread(sd_uS=0.5), G + 0.5 * Z),
    "polynomial": (
        PolynomialSpread(coefficients_uS=(1.0, 2.0, 4.0), reference_uS=10.0),
        G + (1 + 2 * G / 10 + 4 * (G / 10) ** 2) * Z,
    ),
    "lognormal": (LognormalSpread(sd_ln=0.1), np.minimum(G * np.exp(0.1 * Z), 60.0)),
    "tabulated": (
        TabulatedSpread(g_uS=(10.0, 30.0), bias_uS=(0.0, 2.0), sd_uS=(1.0, 3.0)),
        G + np.array([0, 1, 2]) + np.array([1, 2, 3]) * Z,
    ),
    "saturating": (SaturatingSpread(a_uS=2.0, b_uS=10.0), G + 2 * (1 - np.exp(-G / 10)) * Z),
}


@pytest.mark.parametrize("name", LAWS)
def test_each_law_is_its_formula(name):
    law, expected = LAWS[name]
    programmed = law.program(G, Z, WINDOW)
    assert programmed == pytest.approx(expected, rel=1e-5)
    assert programmed.dtype == np.float32
    assert law.law == name


def test_a_negative_polynomial_counts_as_no_spread():
    law = PolynomialSpread(coefficients_uS=(1.0, -1.0))
    assert law.sd(np.array([0.5, 3.0])).tolist() == [0.5, 0.0]


def test_lognormal_may_leave_the_window_if_told():
    law = LognormalSpread(sd_ln=1.0, clip_to_window=False)
    assert law.program(np.array([50.0]), np.array([1.0]), WINDOW)[0] == pytest.approx(50 * np.e)


def test_table_rows_must_match():
    with pytest.raises(ConfigError, match="same length"):
        TabulatedSpread(g_uS=(1.0, 2.0), bias_uS=(0.0,), sd_uS=(1.0, 1.0))


def test_polynomial_is_horner():
    x = np.array([0.0, 1.0, 2.0])
    assert polynomial(x, (1.0, 0.0, 3.0)).tolist() == [1.0, 4.0, 13.0]
