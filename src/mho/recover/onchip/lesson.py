"""What a chip is to become better at, and how good it is: by what it may learn from."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mho.network.call import Inputs
from mho.network.snapshot import Snapshot
from mho.recover.onchip.bench import Bench
from mho.recover.onchip.calibration import Calibration
from mho.recover.onchip.features import feature_loss
from mho.recover.onchip.settings import OnChipSettings
from mho.recover.onchip.statistics import statistics_loss

_LOSS_WEIGHT = 1e-3
"""How much of the loss counts beside the accuracy when states of a chip are compared: ties only."""
_BATCH = 256


@dataclass(frozen=True, eq=False)
class Lesson:
    """A chip, its examples, and what they teach.

    Attributes:
        settings: Say what is learned from.
        bench: The chip.
        calibration: The examples.
    """

    settings: OnChipSettings
    bench: Bench
    calibration: Calibration

    def loss(self, changed: Snapshot, inputs: Inputs, indices: Tensor) -> Tensor:
        """Return the mean loss of some examples, differentiable in what the snapshot holds.

        Args:
            changed: What the chip computes with.
            inputs: The examples.
            indices: Their positions in the calibration set.
        """
        network = self.bench.network
        if self.settings.learn_from == "features":
            return feature_loss(network, network.tensors(changed), inputs)
        if self.settings.learn_from == "statistics":
            return statistics_loss(network, network.tensors(changed), inputs)
        logits = self.bench.logits(changed, inputs)
        return self.calibration.loss(self.settings, logits, indices)

    def quality(self, changed: Snapshot) -> float:
        """Return how good a chip is on the held-out examples; higher is better.

        The accuracy, against the labels that the chip may know, with the loss to break ties; where
        it knows statistics alone, minus the distance from them.
        """
        if self.settings.learn_from == "statistics":
            return -self.shown(changed)
        accuracy, loss = self.bench.check(changed, self.calibration.checks)
        return accuracy - _LOSS_WEIGHT * loss

    def shown(self, changed: Snapshot) -> float:
        """Return what reports say: the accuracy on the held-out examples, or the distance."""
        if self.settings.learn_from != "statistics":
            return self.bench.check(changed, self.calibration.checks)[0]
        network, total = self.bench.network, 0.0
        with torch.no_grad():
            for inputs, labels in self.calibration.checks.batches(_BATCH):
                distance = statistics_loss(network, network.tensors(changed), inputs)
                total += float(distance) * len(labels)
        return total / len(self.calibration.checks)
