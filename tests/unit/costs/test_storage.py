"""Storage figures that the papers' case is known by."""

from __future__ import annotations

import pytest
from torch import nn

from mho.costs import calibration_set_bits, vera_bits


def test_vera_plus_on_resnet20_takes_5154_bytes(resnet20):
    one_set = vera_bits(resnet20.layers, rank=1, sets=1) // 8 - 128
    assert one_set == 718  # 698 outputs and one value of d in each of 20 layers
    assert vera_bits(resnet20.layers, rank=1, sets=7) == 8 * (7 * 718 + 128) == 8 * 5154


def test_a_batch_norm_calibration_set_takes_1550_times_as_much(resnet20):
    images = calibration_set_bits(2600, (3, 32, 32))
    assert images == 8 * 7_987_200  # 8.0 MB
    ratio = images / vera_bits(resnet20.layers, rank=1, sets=7)
    assert ratio == pytest.approx(1550, rel=0.001)


def test_a_row_of_ones_and_a_seed_need_no_storage(resnet20):
    stored = vera_bits(resnet20.layers, rank=2, sets=1, stored_rank=1)
    assert vera_bits(resnet20.layers, rank=2, sets=1) - stored == 8 * 128


def test_bits_of_a_value_count(resnet20):
    four = vera_bits(resnet20.layers, rank=1, sets=7, bits=4)
    assert 2 * four == vera_bits(resnet20.layers, rank=1, sets=7)


def test_a_grouped_convolution_has_all_its_channels(mapped):
    network = mapped(nn.Conv2d(8, 12, 3, groups=4, bias=False))
    # A: 1 × 8 channels, B: 12 × 1; one set: b 12, d 1.
    assert vera_bits(network.layers, rank=1, sets=1, bits=1) == 8 + 12 + 12 + 1
