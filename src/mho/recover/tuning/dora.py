"""DoRA: direction and magnitude of each output's weights tuned to a chip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from mho.network.applied import Knowledge
from mho.network.layer import MappedLayer
from mho.network.mapped import MappedNetwork
from mho.network.snapshot import Snapshot
from mho.recover.onchip.bench import Bench
from mho.recover.onchip.settings import LearnFrom
from mho.recover.tuning.biases import output_count
from mho.recover.tuning.lora import low_rank_macs, low_rank_start, low_rank_weight
from mho.recover.tuning.tuning import ChipTuning
from mho.rng import Streams


class Dora(ChipTuning):
    """Give each output's weights the magnitude ``m`` and the direction of ``W + B A``.

    Use it as the baseline of calibration from a handful of examples: by default from 10, of which
    8 teach, through the outputs of every layer. The layer computes
    ``m / |W + B A| * (W + B A) x`` with the norm taken over an output's weights; what is stored is
    that multiplier, found from a read-out of the chip, and A and B.

    Args:
        rank: Rank of the branch.

    Source:
        S. Liu et al., arXiv 2402.09353; B. Dong et al., arXiv 2504.03763 for RRAM: layer-wise
        features, 10 samples.
    """

    method: ClassVar[str] = "dora"
    knows: ClassVar[Knowledge] = Knowledge(data_on_device=True, own_readout=True, rram_values=True)
    rank: Annotated[int, Field(ge=1)] = 1
    learn_from: LearnFrom = "features"
    samples: Annotated[int, Field(ge=2)] = 10
    held_out: Annotated[float, Field(gt=0, lt=1)] = 0.2

    @property
    def knowledge(self) -> Knowledge:
        """What a chip may know under these settings; its norms need its own values."""
        return replace(super().knowledge, rram_values=True)

    def start(self, network: MappedNetwork, bench: Bench, streams: Streams) -> dict[str, Tensor]:
        """Return the present magnitudes, random rows and zero columns."""
        magnitudes = {
            f"magnitude/{layer.name}": _norm(bench.present[layer.name], layer)
            for layer in network.layers
        }
        return {**magnitudes, **low_rank_start(network, self.rank, streams)}

    def change(
        self, network: MappedNetwork, snapshot: Snapshot, values: Mapping[str, Tensor]
    ) -> Snapshot:
        """Return the snapshot with direction and magnitude in force."""
        gains: dict[str, Tensor] = {}
        digital: dict[str, Tensor] = {}
        for layer in network.layers:
            branch = low_rank_weight(layer, values)
            gain = _gain(layer, snapshot.weight(layer.name) + branch, values)
            if layer.name in snapshot.digital:
                branch = branch + snapshot.digital[layer.name]
            gains[layer.name], digital[layer.name] = gain, gain * branch
        return replace(snapshot.set_gain(gains), digital={**snapshot.digital, **digital})

    def stored(self, bench: Bench, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the multipliers in place of the magnitudes: norms are not read out again."""
        kept = {name: v for name, v in values.items() if not name.startswith("magnitude/")}
        for layer in bench.layers:
            direction = bench.present[layer.name] + low_rank_weight(layer, values)
            kept[f"gain/{layer.name}"] = _gain(layer, direction, values)
        return kept

    def macs(self, network: MappedNetwork) -> int:
        """Return those of the branch, and one multiplication an output."""
        return low_rank_macs(network, self.rank) + output_count(network)


def _norm(weight: Tensor, layer: MappedLayer) -> Tensor:
    """Return the norm of each output's weights, broadcastable to the weight."""
    axes = [axis for axis in range(weight.ndim) if axis != layer.matrix.output_axis]
    norm: Tensor = torch.linalg.vector_norm(weight, dim=axes, keepdim=True)
    return norm


def _gain(layer: MappedLayer, direction: Tensor, values: Mapping[str, Tensor]) -> Tensor:
    """Return the multiplier: stored, or magnitude over norm, the norm without a gradient."""
    if f"gain/{layer.name}" in values:
        return values[f"gain/{layer.name}"]
    norm = _norm(direction, layer).detach().clamp_min(1e-12)
    return values[f"magnitude/{layer.name}"] / norm
