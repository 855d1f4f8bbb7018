"""A small network and its digits-like data, shared by the tests of evaluations."""

import pytest
import torch
from torch import nn

import mho
from mho.data import Data


@pytest.fixture(scope="session")
def small():
    """A network of two layers and 200 examples that it gets right in digital form."""
    torch.manual_seed(5)
    model = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 5)).eval()
    x = torch.randn(200, 12)
    with torch.inference_mode():
        y = model(x).argmax(1)
    network = mho.map_network(
        model, mho.Hardware(device=mho.load_device("falcone2025"), mapping=mho.SingleDevice())
    )
    return network, Data(x, y, name="small", role="test")
