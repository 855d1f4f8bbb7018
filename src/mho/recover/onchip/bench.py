"""One chip on the bench: what it computes with a change that is being trained."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from mho.data import Data
from mho.network.call import Inputs, call, call_with
from mho.network.mapped import MappedNetwork
from mho.network.snapshot import Snapshot

_BATCH = 256


class Bench:
    """A chip as it is at one time.

    Args:
        network: What was programmed.
        snapshot: The chip at that time, with the recoveries that came before.

    Attributes:
        wanted: By layer: the digital network's weight.
        present: By layer: the weight that the chip computes with.
    """

    def __init__(self, network: MappedNetwork, snapshot: Snapshot) -> None:
        self.network = network
        self.layers = network.layers
        self.snapshot = snapshot
        digital = network.model.state_dict()
        self.wanted = {layer.name: digital[layer.parameter] for layer in self.layers}
        self.present = snapshot.weights()

    def logits(self, changed: Snapshot, inputs: Inputs) -> Tensor:
        """Return logits of a changed snapshot, differentiable in its tensors.

        Converters, where there are any, are left out: gradients pass them straight through.

        Args:
            changed: What the chip computes with.
            inputs: A batch.
        """
        return call_with(self.network.model, self.network.tensors(changed), inputs)

    def check(self, changed: Snapshot, data: Data) -> tuple[float, float]:
        """Return accuracy and mean cross entropy of a changed snapshot, converters included."""
        module = self.network.realise(changed)
        right, loss = 0, 0.0
        with torch.no_grad():
            for inputs, labels in data.batches(_BATCH):
                logits = call(module, inputs)
                right += int((logits.argmax(dim=1) == labels).sum())
                loss += float(functional.cross_entropy(logits, labels, reduction="sum"))
        return right / len(data), loss / len(data)
