"""Gradients through a mapped network against finite differences.

What a chip does to a weight is its levels, which have no gradient, and its error. Training passes
gradients straight through both: it follows ``loss(w + e)`` with the error ``e`` of one fresh chip
held fixed. That function is smooth, so central differences must give its gradient; in float64 they
do to better than 1e-5.
"""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import mho
from mho.network.call import call_with
from mho.recover.distill.variation import on_a_chip
from mho.rng import Streams

STEP = 1e-5


class Attended(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.rnn = nn.GRU(8, 6, batch_first=True)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        x = x.flatten(2).transpose(1, 2)
        x = x + self.attention(x, x, x, need_weights=False)[0]
        return self.head(self.rnn(x)[0][:, -1])


def convolutional():
    return nn.Sequential(
        nn.Conv2d(8, 6, 3, padding=1), nn.BatchNorm2d(6), nn.GELU(),
        nn.Conv2d(6, 6, 3, groups=3), nn.Tanh(), nn.Flatten(), nn.Linear(24, 3),
    )  # fmt: skip


@pytest.mark.parametrize("make", [convolutional, Attended])
@pytest.mark.parametrize("mapping", [mho.DifferentialPair(), mho.SingleDevice()])
def test_gradients_are_those_of_the_smooth_part(make, mapping):
    torch.manual_seed(0)
    model = make()
    x = torch.randn(5, 8, 4, 4).double()
    labels = torch.tensor([0, 1, 2, 1, 0])
    network = mho.map_network(model, mho.Hardware(device="charan2020", mapping=mapping))
    wide = network.model.double()
    own = {n: p.detach().double().requires_grad_() for n, p in network.model.named_parameters()}

    effective = on_a_chip(network, own, 0.0, Streams(4, "gradients"))
    loss = F.cross_entropy(call_with(wide, effective, x), labels)
    gradients = dict(zip(own, torch.autograd.grad(loss, list(own.values())), strict=True))
    error = {n: (effective[n] - own[n]).detach() for n in own}
    assert error[network.layers[0].parameter].abs().max() > 0.01  # levels and noise are there

    @torch.no_grad()
    def moved(name, direction, step):
        state = {n: own[n] + error[n] for n in own}
        state[name] = state[name] + step * direction
        return float(F.cross_entropy(call_with(wide, state, x), labels))

    generator = torch.Generator().manual_seed(1)
    for name, gradient in gradients.items():
        direction = torch.randn(gradient.shape, generator=generator).double()
        slope = (moved(name, direction, STEP) - moved(name, direction, -STEP)) / (2 * STEP)
        assert float((gradient * direction).sum()) == pytest.approx(slope, rel=1e-5, abs=1e-7)


def test_each_step_meets_a_fresh_chip_and_the_same_step_the_same():
    torch.manual_seed(0)
    network = mho.map_network(convolutional(), mho.Hardware(device="charan2020"))
    x, labels = torch.randn(5, 8, 4, 4), torch.tensor([0, 1, 2, 1, 0])

    def gradient(step):
        own = {n: p.clone().requires_grad_() for n, p in network.model.named_parameters()}
        effective = on_a_chip(network, own, 0.0, Streams(4, "gradients", step))
        loss = F.cross_entropy(call_with(network.model, effective, x), labels)
        return torch.autograd.grad(loss, own["6.weight"])[0]

    assert torch.equal(gradient(1), gradient(1))
    assert not torch.allclose(gradient(1), gradient(2), rtol=1e-2)
