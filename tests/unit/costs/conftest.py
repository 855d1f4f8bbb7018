"""Networks to price."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import mho


@pytest.fixture(scope="session")
def mapped():
    """Map a module onto a device, tile size and mapping of one's choice."""

    def make(model, example=None, *, device="charan2020", mapping=None, **hardware):
        mapping = mapping or mho.DifferentialPair()
        law = mho.Hardware(device=device, mapping=mapping, **hardware)
        return mho.map_network(model, law, example=example)

    return make


@pytest.fixture(scope="session")
def linear(mapped):
    """A layer of 200 × 100 weights in pairs, traced: 4 tiles of 128 × 128."""
    return mapped(nn.Linear(200, 100), torch.zeros(2, 200))


@pytest.fixture(scope="session")
def resnet20(mapped):
    """The papers' ResNet-20, one device a weight."""
    return mapped(mho.zoo.build("resnet20"), device="falcone2025", mapping=mho.SingleDevice())
