"""Small problems that all recoveries are tried on."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import mho
from mho.data import Data
from mho.network.mapped import MappedNetwork


@pytest.fixture(scope="session")
def stripes() -> Data:
    """600 noisy 8 × 8 images of four kinds of stripes, drawn with a fixed seed."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(600) % 4
    rows, cols = torch.meshgrid(torch.arange(8), torch.arange(8), indexing="ij")
    kinds = torch.stack([rows % 2, cols % 2, (rows + cols) % 2, (rows // 2) % 2]).float() - 0.5
    noise = torch.randn(600, 8, 8, generator=generator)
    return Data((kinds[labels] + 1.2 * noise).unsqueeze(1), labels, name="stripes")


def small_net(*, batch_norm: bool = False) -> nn.Module:
    """Return an untrained network of two convolutions and one linear layer."""
    layers: list[nn.Module] = [nn.Conv2d(1, 6, 3, padding=1)]
    layers += [nn.BatchNorm2d(6)] if batch_norm else []
    layers += [nn.ReLU(), nn.Conv2d(6, 8, 3, stride=2, padding=1, groups=2), nn.ReLU()]
    layers += [nn.Flatten(), nn.Linear(128, 4)]
    return nn.Sequential(*layers)


def trained(model: nn.Module, data: Data, steps: int = 150) -> nn.Module:
    """Train a network a little, digitally."""
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    generator = torch.Generator().manual_seed(1)
    model.train()
    for _ in range(steps):
        chosen = torch.randperm(len(data), generator=generator)[:64]
        loss = nn.functional.cross_entropy(model(data.inputs[chosen]), data.labels[chosen])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model.eval()


@pytest.fixture(scope="session")
def stripe_net(stripes: Data) -> MappedNetwork:
    """The network, trained, on the cells of Charan et al."""
    torch.manual_seed(0)
    model = trained(small_net(), stripes)
    return mho.map_network(model, mho.Hardware(device="charan2020"), example=stripes.inputs[:1])


@pytest.fixture(scope="session")
def normed_net(stripes: Data) -> MappedNetwork:
    """The same with batch norm."""
    torch.manual_seed(0)
    model = trained(small_net(batch_norm=True), stripes)
    return mho.map_network(model, mho.Hardware(device="charan2020"), example=stripes.inputs[:1])
