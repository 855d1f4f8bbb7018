"""Cells of one die share its offset; other dies have another one."""

from __future__ import annotations

import numpy as np
import pytest

from mho.device.device import Device, Source, ValidRange
from mho.device.die import AddedDieOffset, MultipliedDieOffset
from mho.rng import Streams

PLAIN = Device(
    name="plain", g_min_uS=1, g_max_uS=100, t0_s=0, valid=ValidRange(g_uS=(0, 100)),
    source=Source(citation="test"),
)  # fmt: skip
G = np.array([10.0, 40.0], dtype=np.float32)


def programmed(device, seed, crossbar="a", die="chip"):
    chip = Streams(seed, die)
    return device.conductances(G, [0.0], chip.child(crossbar), die=chip)[0]


def test_crossbars_of_a_chip_share_one_offset():
    device = PLAIN.replace(die=AddedDieOffset(die_sd_uS=2.0))
    first, second = programmed(device, 3, "conv1"), programmed(device, 3, "fc")
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(first - G, (first - G)[0], rtol=1e-5)
    assert programmed(device, 4)[0] != first[0]


def test_offsets_have_the_summed_spread_of_lot_wafer_and_die():
    device = PLAIN.replace(die=AddedDieOffset(lot_sd_uS=1.0, wafer_sd_uS=2.0, die_sd_uS=2.0))
    offsets = np.array([programmed(device, k)[1] - G[1] for k in range(4000)])
    # four standard errors of a mean and of an sd of 4,000 draws with sd 3
    assert offsets.mean() == pytest.approx(0, abs=4 * 3 / np.sqrt(4000))
    assert offsets.std() == pytest.approx(3, rel=4 / np.sqrt(8000))


def test_a_factor_multiplies_every_cell():
    device = PLAIN.replace(die=MultipliedDieOffset(die_sd_ln=0.3))
    g = programmed(device, 3)
    assert g[0] / G[0] == pytest.approx(g[1] / G[1])
    assert g[0] != G[0]


def test_an_added_offset_leaves_no_negative_conductance():
    device = PLAIN.replace(die=AddedDieOffset(die_sd_uS=100.0))
    assert min(programmed(device, k).min() for k in range(50)) == 0


def test_the_die_moves_no_other_draw():
    noisy = PLAIN.replace(programming={"law": "constant", "sd_uS": 1.0})
    shifted = noisy.replace(die=AddedDieOffset(die_sd_uS=2.0))
    difference = programmed(shifted, 3) - programmed(noisy, 3)
    np.testing.assert_allclose(difference, difference[0], rtol=1e-5)
