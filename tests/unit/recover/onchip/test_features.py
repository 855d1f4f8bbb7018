from __future__ import annotations

import pytest
import torch

from mho.data import Data
from mho.network.mapped import MappedNetwork
from mho.recover.onchip.features import feature_loss, layer_outputs


def test_outputs_are_those_of_the_mapped_layers(stripe_net: MappedNetwork, stripes: Data) -> None:
    x = stripes.inputs[:5]
    found = layer_outputs(stripe_net, {}, x)
    model = stripe_net.model
    assert [tuple(f.shape) for f in found] == [(5, 6, 8, 8), (5, 8, 4, 4), (5, 4)]
    assert torch.equal(found[0], model[0](x))
    assert torch.equal(found[2], model(x))
    assert not any(module._forward_hooks for module in model.modules())


def test_loss_counts_every_layer_alike(stripe_net: MappedNetwork, stripes: Data) -> None:
    """A first layer of half the weights gives half the output: a relative error of 1/4 there."""
    x = stripes.inputs[:20]
    weight, bias = stripe_net.model[0].weight, stripe_net.model[0].bias
    assert float(feature_loss(stripe_net, {}, x)) == 0
    only_first = {"0.weight": weight / 2, "0.bias": bias / 2}
    first, second, third = (
        float(((f - w) ** 2).mean() / (w**2).mean())
        for f, w in zip(
            layer_outputs(stripe_net, only_first, x), layer_outputs(stripe_net, {}, x), strict=True
        )
    )
    assert first == pytest.approx(0.25, rel=1e-5)
    loss = float(feature_loss(stripe_net, only_first, x))
    assert loss == pytest.approx((first + second + third) / 3, rel=1e-5)
