"""Learning without labels and without a teacher: the statistics that batch norm has stored."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mho.errors import ModelError
from mho.network.call import Inputs, call_with
from mho.network.mapped import MappedNetwork


def statistics_loss(
    network: MappedNetwork, tensors: Mapping[str, Tensor], inputs: Inputs
) -> Tensor:
    """Return how far what enters each batch norm lies from what the digital network had there.

    The Kullback–Leibler divergence of normal distributions with the batch's mean ``m`` and variance
    ``v`` and the stored ones, ``½ (v/V + (m - M)²/V - 1 - ln(v/V))``, averaged over channels, then
    over batch norms.

    Args:
        network: The network; its batch norms hold the statistics of training.
        tensors: What the chip computes with, by full name.
        inputs: A batch.

    Raises:
        ModelError: The network has no batch norm that keeps statistics.

    Source:
        Stored statistics as a target: H. Yin et al., DeepInversion, CVPR 2020; the divergence
        instead of two distances is mho's choice.
    """
    entering: list[tuple[nn.modules.batchnorm._BatchNorm, Tensor]] = []
    norms = [
        module
        for module in network.model.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is not None
    ]
    if not norms:
        raise ModelError(
            f"'{network.name}' has no batch norm that keeps statistics to learn from; set "
            "learn_from = 'teacher' or 'labels'."
        )
    handles = [
        norm.register_forward_pre_hook(lambda module, args: entering.append((module, args[0])))
        for norm in norms
    ]
    try:
        call_with(network.model, tensors, inputs)
    finally:
        for handle in handles:
            handle.remove()
    return torch.stack([_divergence(norm, x) for norm, x in entering]).mean()


def _divergence(norm: nn.modules.batchnorm._BatchNorm, entering: Tensor) -> Tensor:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    axes = [axis for axis in range(entering.ndim) if axis != 1]
    variance, mean = torch.var_mean(entering, dim=axes, correction=0)
    stored = norm.running_var + norm.eps
    ratio = (variance + norm.eps) / stored
    shift = (mean - norm.running_mean) ** 2 / stored
    return 0.5 * (ratio + shift - 1 - ratio.log()).mean()
