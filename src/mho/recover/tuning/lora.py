"""LoRA: a digital branch of low rank beside each crossbar, tuned to a chip."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from mho.network.applied import Knowledge
from mho.network.layer import MappedLayer
from mho.network.mapped import MappedNetwork
from mho.network.snapshot import Snapshot
from mho.recover.onchip.bench import Bench
from mho.recover.tuning.tuning import ChipTuning
from mho.rng import Streams


class Lora(ChipTuning):
    """Add ``B A x`` to the output of each crossbar, ``A`` of ``rank`` rows, both tuned to the chip.

    Use it as the baseline of equal storage for sparse adaptation: a layer takes
    ``rank * (rows + cols)`` values. A starts random, B at zero.

    Args:
        rank: Rank of the branch.

    Source:
        E. Hu et al., ICLR 2022, arXiv 2106.09685.
    """

    method: ClassVar[str] = "lora"
    knows: ClassVar[Knowledge] = Knowledge(labels=True, data_on_device=True, own_readout=True)
    rank: Annotated[int, Field(ge=1)] = 1

    def start(self, network: MappedNetwork, bench: Bench, streams: Streams) -> dict[str, Tensor]:
        """Return random rows and zero columns."""
        return low_rank_start(network, self.rank, streams)

    def change(
        self, network: MappedNetwork, snapshot: Snapshot, values: Mapping[str, Tensor]
    ) -> Snapshot:
        """Return the snapshot with the branches added."""
        return snapshot.add_digital(
            {layer.name: low_rank_weight(layer, values) for layer in network.layers}
        )

    def macs(self, network: MappedNetwork) -> int:
        """Return ``rank * (rows + cols)`` for each product of a crossbar."""
        return low_rank_macs(network, self.rank)


def low_rank_start(network: MappedNetwork, rank: int, streams: Streams) -> dict[str, Tensor]:
    """Return A with Kaiming's uniform numbers and B of zeros, by layer."""
    values: dict[str, Tensor] = {}
    for layer in network.layers:
        uniform = torch.from_numpy(streams.uniform((rank, layer.rows), "A", layer.name))
        values[f"A/{layer.name}"] = (2 * uniform - 1) * math.sqrt(6 / layer.rows)
        values[f"B/{layer.name}"] = torch.zeros(layer.cols * layer.groups, rank)
    return values


def low_rank_weight(layer: MappedLayer, values: Mapping[str, Tensor]) -> Tensor:
    """Return ``B A`` in the layout of the layer's weight."""
    axis = layer.matrix.output_axis
    rest = [size for i, size in enumerate(layer.shape) if i != axis]
    product = values[f"B/{layer.name}"] @ values[f"A/{layer.name}"]
    return product.reshape(layer.shape[axis], *rest).movedim(0, axis)


def low_rank_macs(network: MappedNetwork, rank: int) -> int:
    """Return the operations of branches of low rank, per input of the network."""
    return sum(
        rank * layer.groups * (layer.rows + layer.cols) * (layer.positions or 1)
        for layer in network.layers
    )
