"""A layer's weights as the crossbar sees them: rows are inputs, columns are outputs."""

from __future__ import annotations

import torch
from torch import Tensor

from mho.network.layer import MappedLayer


def weight_numbers(layer: MappedLayer) -> Tensor:
    """Return which weight lies at each crosspoint.

    Args:
        layer: A mapped layer.

    Returns:
        Positions in the flattened weight, shape ``(rows, groups * cols)``, int64. The matrices of a
        grouped convolution lie side by side.
    """
    numbers = torch.arange(layer.weights).reshape(layer.shape)
    return numbers.movedim(layer.matrix.output_axis, 0).reshape(-1, layer.rows).T


def count_bits(states: int) -> int:
    """Return the bits that tell ``states`` apart (at least 1)."""
    return max((states - 1).bit_length(), 1)
