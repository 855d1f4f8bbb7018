"""One chip on the bench: its outputs with a branch that is being trained, and their gradients."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from mho.data import Data
from mho.network.call import Inputs, call, call_with
from mho.network.mapped import MappedNetwork
from mho.network.snapshot import Snapshot
from mho.recover.sparse.calibration import Calibration
from mho.recover.sparse.positions import Score
from mho.recover.sparse.settings import SparseSettings

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
        self._tensors = network.tensors(snapshot)

    def logits(self, branch: Mapping[str, Tensor], inputs: Inputs) -> Tensor:
        """Return logits with a branch, differentiable in it.

        Converters, where there are any, are left out: gradients pass them straight through.

        Args:
            branch: Weights by layer.
            inputs: A batch.
        """
        tensors = dict(self._tensors)
        for layer in self.layers:
            if layer.name in branch:
                tensors[layer.parameter] = self.present[layer.name] + branch[layer.name]
        return call_with(self.network.model, tensors, inputs)

    def check(self, branch: Mapping[str, Tensor], data: Data) -> tuple[float, float]:
        """Return accuracy and mean cross entropy of the chip with a branch, converters included."""
        module = self.network.realise(self.snapshot.add_digital(branch))
        right, loss = 0, 0.0
        with torch.no_grad():
            for inputs, labels in data.batches(_BATCH):
                logits = call(module, inputs)
                right += int((logits.argmax(dim=1) == labels).sum())
                loss += float(functional.cross_entropy(logits, labels, reduction="sum"))
        return right / len(data), loss / len(data)

    def scores(
        self, score: Score, settings: SparseSettings, calibration: Calibration
    ) -> dict[str, Tensor]:
        """Return how much each weight matters on this chip, by layer, flattened.

        A gradient here is the root mean square over batches: the mean alone would miss weights
        that matter in one direction for some inputs and in the other for others.
        """
        if score == "magnitude":
            return {name: weight.abs().flatten() for name, weight in self.wanted.items()}
        gradients = self._gradients(settings, calibration)
        if score == "gradient":
            return {name: gradient.flatten() for name, gradient in gradients.items()}
        factor = {
            name: self.wanted[name] if score == "weight-gradient" else present - self.wanted[name]
            for name, present in self.present.items()
        }
        return {name: (g * factor[name].abs()).flatten() for name, g in gradients.items()}

    def _gradients(self, settings: SparseSettings, calibration: Calibration) -> dict[str, Tensor]:
        own = calibration.own
        examples = own.subset(range(min(settings.score_samples, len(own))))
        branch = {layer.name: torch.zeros(layer.shape, requires_grad=True) for layer in self.layers}
        squares = {name: torch.zeros_like(weight) for name, weight in branch.items()}
        batches = 0
        with torch.enable_grad():
            for inputs, labels in examples.batches(settings.batch):
                first = batches * settings.batch
                indices = torch.arange(first, first + len(labels))
                loss = calibration.loss(settings, self.logits(branch, inputs), indices)
                found = torch.autograd.grad(loss, list(branch.values()))
                for name, gradient in zip(branch, found, strict=True):
                    squares[name] += gradient**2
                batches += 1
        return {name: (square / batches).sqrt() for name, square in squares.items()}
