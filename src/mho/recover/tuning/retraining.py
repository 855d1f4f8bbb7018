"""Full retraining: every weight of a chip has a digital twin that is trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from mho.network.applied import Knowledge
from mho.network.mapped import MappedNetwork
from mho.network.snapshot import Snapshot
from mho.recover.onchip.bench import Bench
from mho.recover.tuning.tuning import ChipTuning
from mho.rng import Streams


class Retraining(ChipTuning):
    """Train a digital value beside every weight of a chip.

    Use it as the baseline of what training a chip can reach when neither storage nor operations
    matter: it stores as many values as there are weights, and doubles the operations.

    Example:
        >>> import mho, torch
        >>> from mho.data import Data
        >>> x = torch.randn(200, 8, generator=torch.Generator().manual_seed(0))
        >>> data = Data(x, (x[:, 0] > 0).long(), name="signs", role="calibration")
        >>> network = mho.map_network(torch.nn.Linear(8, 2), mho.Hardware(device="charan2020"))
        >>> mho.recover.Retraining(steps=10).fit(network, data).applied[0].report["values"]
        16
    """

    method: ClassVar[str] = "retraining"
    knows: ClassVar[Knowledge] = Knowledge(labels=True, data_on_device=True, own_readout=True)

    def start(self, network: MappedNetwork, bench: Bench, streams: Streams) -> dict[str, Tensor]:
        """Return zeros."""
        return {layer.name: torch.zeros(layer.shape) for layer in network.layers}

    def change(
        self, network: MappedNetwork, snapshot: Snapshot, values: Mapping[str, Tensor]
    ) -> Snapshot:
        """Return the snapshot with the values added to the weights."""
        return snapshot.add_digital(values)

    def macs(self, network: MappedNetwork) -> int:
        """Return as many as the crossbars do."""
        return sum(layer.weights * (layer.positions or 1) for layer in network.layers)
