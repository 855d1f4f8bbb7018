"""Weights as a chip would hold them, made part of training by the straight-through estimator."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from mho.network.mapped import MappedNetwork
from mho.rng import Streams


def on_a_chip(
    network: MappedNetwork,
    parameters: Mapping[str, Tensor],
    t_s: float,
    streams: Streams,
    *,
    share: float = 1.0,
    repaired: float = 0.0,
) -> dict[str, Tensor]:
    """Return parameters as a freshly programmed chip holds them, differentiable in the parameters.

    The weights are quantised to the device's levels and programmed with its noise; the gradient
    passes as if nothing had happened::

        w_eff = w + share * stop_gradient(programmed(w) - w)

    Args:
        network: Says which parameters lie on crossbars, and on what hardware.
        parameters: The student's own parameters by full name.
        t_s: Time since programming in s.
        streams: The identity of the cells; another scope is another chip.
        share: Share of the error to show, for a warm-up.
        repaired: Share of each layer's weights whose errors, the largest, are not shown, since
            words of SRAM will take them away.

    Returns:
        Every parameter by full name; those that stay digital are passed through.

    Source:
        Straight-through estimator: Y. Bengio, N. Léonard and A. Courville, arXiv 1308.3432.
    """
    weights = {layer.name: parameters[layer.parameter] for layer in network.layers}
    drawn = network.draw_weights(weights, t_s, streams)
    programmed = {
        layer.parameter: _repaired(drawn[layer.name], parameters[layer.parameter], repaired)
        for layer in network.layers
    }
    programmed |= _stored(network, parameters, t_s, streams)
    effective = dict(parameters)
    for name, value in programmed.items():
        own = parameters[name]
        effective[name] = own + share * (value.to(own.device) - own).detach()
    return effective


def _repaired(programmed: Tensor, wanted: Tensor, share: float) -> Tensor:
    """Return programmed weights, those with the largest errors as they were wanted."""
    count = round(share * programmed.numel())
    if not count:
        return programmed
    wanted = wanted.detach().to(programmed.device)
    error = (programmed - wanted).abs().flatten()
    largest = torch.zeros_like(error, dtype=torch.bool)
    largest[error.topk(count).indices] = True
    return torch.where(largest.reshape(programmed.shape), wanted, programmed)


def _stored(
    network: MappedNetwork, parameters: Mapping[str, Tensor], t_s: float, streams: Streams
) -> dict[str, Tensor]:
    """Return the parameters that are no matrices but lie on RRAM all the same, programmed."""
    device, mapping = network.hardware.device, network.hardware.mapping
    programmed = {}
    for name in network.stored:
        encoded = mapping.encode(parameters[name].detach().cpu().numpy(), device)
        g = device.conductances(encoded.g_target_uS, [t_s], streams.child(name), die=streams)
        programmed[name] = torch.from_numpy(encoded.decode(g)[0])
    return programmed
