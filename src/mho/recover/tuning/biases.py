"""Biases and output scales tuned to a chip: one or two values an output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from torch import Tensor

from mho.errors import ModelError
from mho.network.applied import Knowledge
from mho.network.layer import MappedLayer
from mho.network.mapped import MappedNetwork
from mho.network.snapshot import Snapshot
from mho.recover.onchip.bench import Bench
from mho.recover.tuning.tuning import ChipTuning
from mho.rng import Streams


class BiasTuning(ChipTuning):
    """Tune the biases of a chip, and a multiplier behind each column.

    Use it as the cheapest baseline that is trained on the chip: it can undo what an error does to
    an output on average, not what it does to its inputs one by one.

    Args:
        what: ``"biases"``, ``"scales"`` or ``"both"``.

    Example:
        >>> import mho, torch
        >>> from mho.data import Data
        >>> x = torch.randn(200, 8, generator=torch.Generator().manual_seed(0))
        >>> data = Data(x, (x[:, 0] > 0).long(), name="signs", role="calibration")
        >>> network = mho.map_network(torch.nn.Linear(8, 2), mho.Hardware(device="charan2020"))
        >>> tuned = mho.recover.BiasTuning().fit(network, data)
        >>> tuned.applied[0].report["values"]
        4
    """

    method: ClassVar[str] = "bias-tuning"
    knows: ClassVar[Knowledge] = Knowledge(labels=True, data_on_device=True, own_readout=True)
    what: Literal["biases", "scales", "both"] = "both"

    def start(self, network: MappedNetwork, bench: Bench, streams: Streams) -> dict[str, Tensor]:
        """Return the digital biases, and multipliers of 1."""
        values: dict[str, Tensor] = {}
        present = {**dict(network.model.named_parameters()), **bench.snapshot.parameters}
        for layer in network.layers:
            name = _bias_name(layer)
            if self.what != "scales" and name in present:
                values[f"bias/{layer.name}"] = present[name]
            if self.what != "biases":
                values[f"scale/{layer.name}"] = torch.ones(_per_output(layer))
        if not values:
            raise ModelError(
                f"'{network.name}' has no biases behind its crossbars; use what = 'scales'."
            )
        return values

    def change(
        self, network: MappedNetwork, snapshot: Snapshot, values: Mapping[str, Tensor]
    ) -> Snapshot:
        """Return the snapshot with biases and multipliers in force."""
        biases, gains = {}, {}
        for layer in network.layers:
            if f"bias/{layer.name}" in values:
                biases[_bias_name(layer)] = values[f"bias/{layer.name}"]
            if f"scale/{layer.name}" in values:
                gains[layer.name] = values[f"scale/{layer.name}"]
        return snapshot.set_parameters(biases).set_gain(gains)

    def macs(self, network: MappedNetwork) -> int:
        """Return one multiplication an output; biases are added anyway."""
        return 0 if self.what == "biases" else output_count(network)


def output_count(network: MappedNetwork) -> int:
    """Return how many outputs the crossbars give, per input of the network."""
    return sum(layer.cols * layer.groups * (layer.positions or 1) for layer in network.layers)


def _bias_name(layer: MappedLayer) -> str:
    return f"{layer.parameter.rpartition('.')[0]}.bias".lstrip(".")


def _per_output(layer: MappedLayer) -> tuple[int, ...]:
    axis = layer.matrix.output_axis
    return tuple(size if i == axis else 1 for i, size in enumerate(layer.shape))
