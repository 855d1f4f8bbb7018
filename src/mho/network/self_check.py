"""The self-check: on an ideal device the mapped network must be the digital one."""

from __future__ import annotations

import torch

from mho.crossbar.hardware import Hardware
from mho.device.device import Device, Source, ValidRange
from mho.errors import ModelError
from mho.network.call import Inputs, call
from mho.network.mapped import MappedNetwork

_TOLERANCE = 1e-4
"""Largest difference of logits over their largest magnitude: float32 rounding, layer by layer."""


def ideal_twin(network: MappedNetwork) -> MappedNetwork:
    """Return the network on hardware without any error: analogue levels, no noise, no drift."""
    device = network.hardware.device
    ideal = Device(
        name="ideal",
        g_min_uS=device.g_min_uS,
        g_max_uS=device.g_max_uS,
        t0_s=0,
        valid=ValidRange(g_uS=device.window),
        source=Source(citation="no device: the self-check's"),
    )
    here = network.hardware
    mapping = here.mapping.unclipped
    hardware = Hardware(device=ideal, mapping=mapping, rows=here.rows, cols=here.cols)
    return network.with_hardware(hardware)


def self_check(network: MappedNetwork, inputs: Inputs) -> float:
    """Compare the mapped network on an ideal device with the digital one.

    Args:
        network: A mapped network; its recoveries are left out.
        inputs: A few inputs.

    Returns:
        Largest difference of the logits over their largest magnitude. 0 for mappings that do not
        claim to give weights back (``charan2020-legacy``); one with ``clip_sd`` is checked without.

    Raises:
        ModelError: They differ by more than float rounding; the worst layer is named.
    """
    if not network.hardware.mapping.unclipped.exact:
        return 0.0
    twin = ideal_twin(network)
    chip = twin.program(0)
    with torch.inference_mode():
        expected = call(network.model, inputs)
        error = float((call(chip.at(0), inputs) - expected).abs().max())
    relative = error / max(float(expected.abs().max()), 1e-30)
    if not relative <= _TOLERANCE:
        weights = chip.snapshot(0).crossbar
        state = network.model.state_dict()
        worst = max(
            network.layers,
            key=lambda layer: float((weights[layer.name] - state[layer.parameter]).abs().max()),
        )
        raise ModelError(
            f"self-check: on an ideal device the mapped network differs from the digital one by "
            f"{relative:.1e} of its largest logit (float rounding allows {_TOLERANCE:.0e}); layer "
            f"'{worst.name}' differs most. Keep it digital: map_network(digital=['{worst.name}'])."
        )
    return relative
