"""What the mapped layers of a network give out, for learning from every layer at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from mho.network.call import Inputs, call_with
from mho.network.mapped import MappedNetwork


def layer_outputs(
    network: MappedNetwork, tensors: Mapping[str, Tensor], inputs: Inputs
) -> list[Tensor]:
    """Return the output of every layer on crossbars, in order of the calls.

    Args:
        network: The network.
        tensors: Parameters to run with, by full name; empty for the digital ones.
        inputs: A batch.
    """
    found: list[Tensor] = []
    names = {layer.parameter.rpartition(".")[0] for layer in network.layers}
    handles = [
        module.register_forward_hook(lambda module, args, output: found.append(_first(output)))
        for name, module in network.model.named_modules()
        if name in names
    ]
    try:
        call_with(network.model, tensors, inputs)
    finally:
        for handle in handles:
            handle.remove()
    return found


def _first(output: Any) -> Tensor:
    """Return a layer's output; attention and recurrent layers give it first of several."""
    tensor: Tensor = output[0] if isinstance(output, tuple) else output
    return tensor


def feature_loss(network: MappedNetwork, tensors: Mapping[str, Tensor], inputs: Inputs) -> Tensor:
    """Return how far the layers' outputs lie from the digital network's.

    The mean over layers of ``mean((f - f_digital)²) / mean(f_digital²)``, so that every layer
    counts alike whatever its scale.

    Args:
        network: The network; its digital form is the teacher.
        tensors: What the chip computes with, by full name.
        inputs: A batch.

    Source:
        Layer-wise feature distillation: B. Dong et al., arXiv 2504.03763.
    """
    with torch.no_grad():
        wanted = layer_outputs(network, {}, inputs)
    present = layer_outputs(network, tensors, inputs)
    parts = [
        ((f - w) ** 2).mean() / (w**2).mean().clamp_min(1e-12)
        for f, w in zip(present, wanted, strict=True)
    ]
    return torch.stack(parts).mean()
