"""Bits and operations, counted; the paper's ResNet-20 case by hand."""

from __future__ import annotations

import pytest
import torch

import mho
from mho.network.mapped import MappedNetwork
from mho.recover.veraplus.attachment import PairSettings, VeraBranch
from mho.recover.veraplus.branches import Branches
from mho.recover.veraplus.census import additions, macs, storage_bits
from mho.recover.veraplus.geometry import Geometry, geometries_of
from mho.recover.veraplus.schedule import Schedule
from mho.recover.veraplus.vectors import store


@pytest.fixture(scope="module")
def resnet20() -> MappedNetwork:
    model = mho.zoo.build("resnet20")
    hardware = mho.Hardware(device="falcone2025")
    return mho.map_network(model, hardware, example=torch.zeros(1, 3, 32, 32))


def _branch(network, sets, *, rank=1, projection="random", bits=8, stored=False) -> VeraBranch:
    pair = PairSettings(rank, projection, 0, stored=stored)
    geometries = geometries_of(network)
    branches = Branches(geometries, pair.draw(geometries))
    b, d = torch.zeros(sets, sum(branches.b_sizes)), torch.zeros(sets, sum(branches.d_sizes))
    starts = tuple(float(10**k) for k in range(sets))
    return VeraBranch(branches, store(branches, b, d, bits), Schedule(starts), pair)


def test_resnet20_has_718_values_a_set_at_rank_1(resnet20) -> None:
    assert _branch(resnet20, 1).branches.values == 718


@pytest.mark.parametrize("projection", ["random", "physical"])
def test_resnet20_with_seven_sets_takes_no_more_than_the_paper_s_5_15_kB(
    resnet20, projection
) -> None:
    """718 B a set, 4 B a start, 2 B a scale of b and of d in each of 20 layers, 4 B of a seed."""
    expected = 7 * (718 + 4) + 20 * 4 + (4 if projection == "random" else 0)
    bits = storage_bits(_branch(resnet20, 7, projection=projection))
    assert bits == 8 * expected
    assert bits / 8 <= 5150


def test_stored_projections_are_counted(resnet20) -> None:
    """The widest layer has 64 inputs and 64 outputs: 128 B at rank 1 instead of the seed's 4."""
    stored = storage_bits(_branch(resnet20, 7, stored=True))
    assert stored - storage_bits(_branch(resnet20, 7)) == 8 * (128 - 4)


@pytest.mark.parametrize(("bits", "a_set"), [(4, 718 * 4 + 32), (16, 718 * 16 + 32)])
def test_bits_of_a_set(resnet20, bits, a_set) -> None:
    one, two = (storage_bits(_branch(resnet20, n, bits=bits)) for n in (1, 2))
    assert two - one == a_set


def test_floating_point_needs_no_scales(resnet20) -> None:
    assert storage_bits(_branch(resnet20, 1, projection="physical", bits=None)) == 718 * 32 + 32


def test_resnet20_operations_of_a_1x1_branch(resnet20) -> None:
    """By hand: positions × (inputs + outputs + 1 + outputs), summed over the 20 layers."""
    layers = [(1024, 3, 16)] + [(1024, 16, 16)] * 6
    layers += [(256, 16, 32)] + [(256, 32, 32)] * 5
    layers += [(64, 32, 64)] + [(64, 64, 64)] * 5 + [(1, 64, 10)]
    by_hand = sum(n * (i + o + 1 + o) for n, i, o in layers)
    positions = {layer.name: layer.positions for layer in resnet20.layers}
    counted = additions(_branch(resnet20, 7), positions).macs_per_inference
    network = sum(layer.macs for layer in resnet20.layers)
    assert counted == by_hand
    assert 0.009 < counted / network < 0.014


def test_the_window_row_stays_below_the_paper_s_share_of_operations(resnet20) -> None:
    positions = {layer.name: layer.positions for layer in resnet20.layers}
    counted = additions(_branch(resnet20, 7, projection="physical"), positions)
    network = sum(layer.macs for layer in resnet20.layers)
    assert counted.macs_per_inference / network <= 0.019


def test_operations_of_one_layer_by_hand() -> None:
    """4 inputs in 2 groups, 6 outputs, a 3×3 window, stride 2 in both directions."""
    geometry = Geometry("conv", 4, 6, groups=2, kernel=(3, 3), step=4)
    branches = Branches((geometry,), PairSettings(2, "physical", 0).draw((geometry,)))
    vectors = store(branches, torch.zeros(1, 6), torch.zeros(1, 2), 8)
    branch = VeraBranch(branches, vectors, Schedule((1.0,)), PairSettings(2, "physical", 0))
    random_row = 4 + 6
    window_row = 4 * 4 + 2 * 9 + 6
    assert macs(geometry, branch) == random_row + window_row + 2 * 2 + 6
