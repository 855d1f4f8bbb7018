"""Learning from the statistics that batch norm has stored: no labels, no teacher."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

import mho
from mho.data import Data
from mho.errors import ModelError
from mho.network.chip import Chip
from mho.network.mapped import MappedNetwork
from mho.recover import SparseAdaptation
from mho.recover.onchip.statistics import statistics_loss


def test_it_is_the_divergence_of_normal_distributions() -> None:
    """Inputs of mean 1 and variance 4 against stored 0 and 1: ½ (4 + 1 - 1 - ln 4)."""
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1, eps=0.0)).eval()
    nn.init.ones_(model[0].weight)
    network = mho.map_network(model, mho.Hardware(device="charan2020"))
    x = torch.tensor([[-1.0], [3.0]])
    loss = float(statistics_loss(network, {}, x))
    assert loss == pytest.approx(0.5 * (4 + 1 - 1 - math.log(4)), rel=1e-6)
    standard = torch.tensor([[-1.0], [1.0]])
    assert float(statistics_loss(network, {}, standard)) == pytest.approx(0, abs=1e-6)
    assert not any(module._forward_pre_hooks for module in model.modules())


@pytest.fixture(scope="module")
def normed(stripes: Data) -> MappedNetwork:
    """A small network with batch norm behind every layer, in single devices."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(),
        nn.Conv2d(6, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Flatten(), nn.Linear(128, 4), nn.BatchNorm1d(4),
    )  # fmt: skip
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    for start in range(0, 100 * 60, 60):
        chosen = torch.arange(start, start + 60) % len(stripes)
        loss = nn.functional.cross_entropy(model(stripes.inputs[chosen]), stripes.labels[chosen])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    hardware = mho.Hardware(device="charan2020", mapping=mho.SingleDevice())
    return mho.map_network(model.eval(), hardware, example=stripes.inputs[:1])


def accuracy(chip: Chip, data: Data) -> float:
    with torch.no_grad():
        return float((chip.at(0)(data.inputs).argmax(1) == data.labels).float().mean())


def test_chips_learn_without_labels_or_teacher(normed: MappedNetwork, stripes: Data) -> None:
    method = SparseAdaptation(
        budget=0.1, learn_from="statistics", start="zero", samples=600, passes=6, steps=80,
        optimiser={"law": "adam", "lr": 0.003}, positions={"law": "random"},
    )  # fmt: skip
    assert not method.knowledge.labels
    chips = [normed.program(k) for k in (1, 2, 3, 4)]
    adapted = [method.fit(chip, stripes) for chip in chips]
    report = adapted[0].applied[0].report
    assert report["held_out_after"] < 0.5 * report["held_out_before"]  # distances, here
    # Measured: from 41.9 % to 50.6 % in the mean of 4 chips.
    gains = [accuracy(new, stripes) - accuracy(old, stripes)
             for new, old in zip(adapted, chips, strict=True)]  # fmt: skip
    assert sum(gains) / 4 > 0.03


def test_labels_are_not_looked_at(normed: MappedNetwork, stripes: Data) -> None:
    method = SparseAdaptation(budget=0.1, learn_from="statistics", samples=200)
    wrong = Data(stripes.inputs, (stripes.labels + 1) % 4, name="wrong labels")
    one, other = (method.fit(normed.program(3), data) for data in (stripes, wrong))
    assert torch.equal(one.at(0)(stripes.inputs), other.at(0)(stripes.inputs))


def test_networks_without_batch_norm_are_refused(stripe_net: MappedNetwork, stripes: Data) -> None:
    with pytest.raises(ModelError, match="learn_from = 'teacher' or 'labels'"):
        SparseAdaptation(learn_from="statistics", samples=100).fit(stripe_net, stripes)
