"""Layers as branches see them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import mho
from mho.recover.veraplus.geometry import Geometry, geometries_of


class _Every(nn.Module):
    """One layer of each kind that a branch must cope with."""

    def __init__(self) -> None:
        super().__init__()
        self.plain = nn.Conv2d(3, 8, (3, 5), stride=2, padding=1)
        self.grouped = nn.Conv2d(8, 12, 3, groups=4)
        self.depthwise = nn.Conv2d(12, 12, 3, groups=12)
        self.turned = nn.ConvTranspose2d(12, 6, 2, stride=2, groups=3)
        self.line = nn.Conv1d(6, 4, 3, stride=3)
        self.full = nn.Linear(7, 5)


@pytest.fixture(scope="module")
def geometries() -> dict[str, Geometry]:
    network = mho.map_network(_Every(), mho.Hardware(device="falcone2025"))
    return {g.layer: g for g in geometries_of(network)}


@pytest.mark.parametrize(
    ("layer", "inputs", "outputs", "groups", "kernel", "step", "fan_in"),
    [
        ("plain", 3, 8, 1, (3, 5), 4, 45),
        ("grouped", 8, 12, 4, (3, 3), 1, 18),
        ("depthwise", 12, 12, 12, (3, 3), 1, 9),
        ("turned", 12, 6, 3, (2, 2), 1, 16),
        ("line", 6, 4, 1, (3,), 3, 18),
        ("full", 7, 5, 1, (), 1, 7),
    ],
)
def test_channels_groups_and_window(
    geometries, layer, inputs, outputs, groups, kernel, step, fan_in
) -> None:
    g = geometries[layer]
    assert (g.inputs, g.outputs, g.groups, g.kernel) == (inputs, outputs, groups, kernel)
    assert (g.step, g.fan_in) == (step, fan_in)


@pytest.mark.parametrize("layer", ["plain", "grouped", "turned", "full"])
def test_layouts_are_each_other_s_inverse(geometries, layer) -> None:
    g = geometries[layer]
    weight = torch.randn(g.shape, generator=torch.Generator().manual_seed(0))
    own = g.own_layout(weight)
    assert own.shape == getattr(_Every(), layer).weight.shape
    assert torch.equal(g.outputs_first(own), weight)


def test_outputs_first_of_a_grouped_transposed_convolution(geometries) -> None:
    """Output 3 belongs to group 1 (two outputs each), which is driven by inputs 4 to 7."""
    g = geometries["turned"]
    weight = torch.arange(12 * 2 * 4.0).reshape(12, 2, 2, 2)
    assert torch.equal(g.outputs_first(weight)[3], weight[4:8, 1])


def test_plain_data_round_trip(geometries) -> None:
    for g in geometries.values():
        assert Geometry.from_dict(g.to_dict()) == g


def test_centre_of_even_windows_is_the_later_tap() -> None:
    assert Geometry("x", 1, 1, kernel=(2, 3, 4)).centre == (1, 1, 2)
