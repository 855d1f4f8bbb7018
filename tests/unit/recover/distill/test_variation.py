from __future__ import annotations

import torch

import mho
from mho.network.mapped import MappedNetwork
from mho.recover.distill.variation import on_a_chip
from mho.rng import Streams


def parameters_of(network: MappedNetwork) -> dict[str, torch.Tensor]:
    return {
        name: parameter.detach().clone().requires_grad_(True)
        for name, parameter in network.model.named_parameters()
    }


def test_weights_are_those_of_a_chip(stripe_net: MappedNetwork) -> None:
    effective = on_a_chip(stripe_net, parameters_of(stripe_net), 0.0, Streams(3, "chip"))
    chip = stripe_net.program(3).snapshot(0)
    for layer in stripe_net.layers:
        # w + (noisy - w) is noisy up to float32 rounding
        torch.testing.assert_close(effective[layer.parameter], chip.crossbar[layer.name])


def test_digital_parameters_pass_through(stripe_net: MappedNetwork) -> None:
    own = parameters_of(stripe_net)
    effective = on_a_chip(stripe_net, own, 0.0, Streams(3))
    assert effective["0.bias"] is own["0.bias"]


def test_the_gradient_passes_straight_through(stripe_net: MappedNetwork) -> None:
    own = parameters_of(stripe_net)
    effective = on_a_chip(stripe_net, own, 0.0, Streams(3))
    direction = torch.randn(own["0.weight"].shape, generator=torch.Generator().manual_seed(0))
    (effective["0.weight"] * direction).sum().backward()
    assert torch.equal(own["0.weight"].grad, direction)


def test_a_share_of_the_error(stripe_net: MappedNetwork) -> None:
    own = parameters_of(stripe_net)
    whole, half, none = (
        on_a_chip(stripe_net, own, 0.0, Streams(3), share=share)["0.weight"].detach()
        for share in (1.0, 0.5, 0.0)
    )
    weight = own["0.weight"].detach()
    assert torch.equal(none, weight)
    torch.testing.assert_close(half - weight, (whole - weight) / 2)


def test_parameters_that_lie_on_rram_vary_too(stripe_net: MappedNetwork) -> None:
    legacy = stripe_net.with_hardware(mho.Hardware(device="charan2020", mapping=mho.CharanLegacy()))
    own = parameters_of(legacy)
    effective = on_a_chip(legacy, own, 0.0, Streams(3, "chip"))
    chip = legacy.program(3).snapshot(0)
    for name in legacy.stored:
        torch.testing.assert_close(effective[name], chip.parameters[name])


def test_the_largest_errors_can_be_left_out(stripe_net: MappedNetwork) -> None:
    """A quarter of each layer's weights, those with the largest errors, are as they were wanted."""
    own = parameters_of(stripe_net)
    whole = on_a_chip(stripe_net, own, 0.0, Streams(3))
    part = on_a_chip(stripe_net, own, 0.0, Streams(3), repaired=0.25)
    for layer in stripe_net.layers:
        name = layer.parameter
        errors = (whole[name] - own[name]).detach().abs().flatten()
        left = (part[name] - own[name]).detach().abs().flatten()
        count = round(0.25 * layer.weights)
        gone = errors.topk(count).indices
        assert float(left[gone].max()) == 0
        kept = torch.ones_like(errors, dtype=torch.bool)
        kept[gone] = False
        assert torch.equal(left[kept], errors[kept])
