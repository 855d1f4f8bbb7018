"""Counts worked out by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import mho
from mho.costs import census
from mho.network.applied import Additions, Applied


def test_a_linear_layer_in_pairs(linear):
    counted = census(linear)
    (layer,) = counted.layers
    assert counted.weights == 20_000
    assert counted.cells == 40_000
    assert (layer.row_blocks, layer.col_blocks) == (2, 2)  # 200 rows, 200 columns of cells
    assert counted.tiles == 4
    assert counted.utilisation == pytest.approx(40_000 / (4 * 128 * 128))
    assert counted.macs == 20_000
    assert counted.dac_conversions == 200 * 2  # each input into two column blocks
    assert counted.adc_conversions == 100 * 2  # each output read from two row blocks
    assert counted.digital_parameters == 100  # the bias


def test_one_device_a_weight_halves_cells_and_column_blocks(mapped):
    counted = census(mapped(nn.Linear(200, 100), mapping=mho.SingleDevice()))
    assert (counted.cells, counted.tiles) == (20_000, 2)


def test_what_was_never_traced_is_none_and_not_zero(mapped):
    counted = census(mapped(nn.Linear(200, 100)))
    assert counted.macs is None
    assert counted.adc_conversions is None
    assert counted.dac_conversions is None


def test_a_convolution_does_one_product_a_pixel(mapped):
    conv = nn.Conv2d(3, 16, 3, stride=2, padding=1, bias=False)
    counted = census(mapped(conv, torch.zeros(1, 3, 8, 8)))
    (layer,) = counted.layers
    assert layer.products == 4 * 4
    assert counted.macs == 16 * 16 * 27
    assert counted.adc_conversions == 16 * 16
    assert counted.dac_conversions == 16 * 27


def test_groups_are_packed_along_the_diagonal_of_a_tile(mapped):
    depthwise = nn.Conv2d(64, 64, 3, groups=64, bias=False)
    # 9 rows and 2 columns a group: 14 groups fit into 128 rows, so 64 groups take 5 tiles.
    assert census(mapped(depthwise)).tiles == 5


def test_tile_size_decides(mapped):
    assert census(mapped(nn.Linear(200, 100), rows=256, cols=256)).tiles == 1
    assert census(mapped(nn.Linear(200, 100), rows=64, cols=50)).tiles == 4 * 4


def test_resnet20_is_the_papers(resnet20):
    counted = census(resnet20)
    assert len(counted.layers) == 20
    assert counted.macs == pytest.approx(40.55e6, rel=1e-3)  # He et al., CVPR 2016


def test_parameters_that_lie_on_rram_too_are_counted(mapped):
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4))
    counted = census(mapped(model, mapping=mho.CharanLegacy()))
    assert counted.stored_cells == 4 + 4 + 4  # the bias, gamma and beta
    assert counted.cells == 36 + 12
    assert counted.tiles == 2
    assert counted.digital_parameters == 0


def test_a_chip_has_its_networks_recoveries_and_its_own(linear):
    first = Applied("a", {}, adds=Additions(rom_bits=8))
    own = Applied("b", {}, adds=Additions(sram_bits=16))
    chip = linear.with_applied(first).program(3).with_applied(own)
    assert census(chip).added == Additions(rom_bits=8, sram_bits=16)
    assert census(linear).added == Additions()


def test_conductance_is_that_of_the_wanted_states(linear):
    (layer,) = census(linear).layers
    assert layer.conductance_uS == pytest.approx(
        float(linear.layers[0].encoded.g_target_uS.astype("float64").sum())
    )
