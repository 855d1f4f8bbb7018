"""Bits that recoveries store, counted in one place so that methods are compared alike."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mho.network.layer import MappedLayer


def calibration_set_bits(examples: int, shape: Sequence[int], *, bits_per_value: int = 8) -> int:
    """Count the bits of a calibration set that is kept on the device.

    Batch-norm recalibration needs one: 2,600 images of CIFAR-10 are 8.0 MB.

    Args:
        examples: Number of examples.
        shape: Shape of one example, e.g. ``(3, 32, 32)``.
        bits_per_value: Width of one value.

    >>> calibration_set_bits(2600, (3, 32, 32)) // 8
    7987200

    Source:
        Joshi et al., Nat. Commun. 11, 2473 (2020): AdaBS with 2,600 images of CIFAR-10.
    """
    return examples * math.prod(shape) * bits_per_value


def vera_bits(
    layers: Sequence[MappedLayer],
    *,
    rank: int,
    sets: int,
    bits: int = 8,
    stored_rank: int | None = None,
) -> int:
    """Count the bits of VeRA+: the vectors of every set, and the shared projections once.

    Each layer and set has b (one value an output) and d (one a rank); A and B are as wide as the
    widest layer and shared by all layers and sets::

        bits * (sets * sum_l (outputs_l + rank) + stored_rank * (max inputs + max outputs))

    Args:
        layers: The compensated layers. A convolution's branch is 1×1: its inputs are channels.
        rank: Rank of the branch.
        sets: Number of compensation sets.
        bits: Width of a stored value.
        stored_rank: How many of the ranks have projections that must be stored; a row of ones
            needs none, and projections regenerated from a seed need none. By default all.

    >>> vera_bits([], rank=1, sets=7)
    0

    Source:
        Dong et al., arXiv 2603.26016, report 5.15 KB; ResNet-20 with r = 1 and 7 sets needs
        5,154 bytes.
    """
    if not layers:
        return 0
    outputs = [layer.cols * layer.groups for layer in layers]
    kernels = [math.prod(layer.shape[2:]) for layer in layers]
    inputs = [
        layer.rows * layer.groups // kernel for layer, kernel in zip(layers, kernels, strict=True)
    ]
    vectors = sets * sum(out + rank for out in outputs)
    projections = (rank if stored_rank is None else stored_rank) * (max(inputs) + max(outputs))
    return bits * (vectors + projections)
