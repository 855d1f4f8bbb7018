"""What a chip is to become better at, and how good it is: by what it may learn from."""

from __future__ import annotations

import math
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

_BATCH = 256


@dataclass(frozen=True)
class Quality:
    """How good a state of a chip is on the held-out examples.

    Attributes:
        score: Higher is better: minus the loss, or minus the distance from stored statistics.
        shown: What reports say: the accuracy, or the distance.
        least: Least accuracy that chance alone does not explain, a standard error below; None
            where the chip knows of no right answers.
    """

    score: float
    shown: float
    least: float | None = None

    def beats(self, before: Quality) -> bool:
        """Say whether this is better than the chip as it was.

        The score must be higher, and no more answers wrong than chance explains.
        """
        enough = before.least is None or self.shown >= before.least
        return enough and self.score > before.score


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

    def quality(self, changed: Snapshot) -> Quality:
        """Return how good a chip is on the held-out examples.

        By the loss, against the labels that the chip may know: among a few hundred examples the
        count of right answers hangs on one or two of them, the loss on all. Where the chip knows
        statistics alone, by the distance from them.

        Args:
            changed: What the chip computes with.
        """
        checks = self.calibration.checks
        if self.settings.learn_from != "statistics":
            accuracy, loss = self.bench.check(changed, checks)
            error = math.sqrt(accuracy * (1 - accuracy) / len(checks))
            return Quality(-loss, shown=accuracy, least=accuracy - error)
        network, total = self.bench.network, 0.0
        with torch.no_grad():
            for inputs, labels in checks.batches(_BATCH):
                distance = statistics_loss(network, network.tensors(changed), inputs)
                total += float(distance) * len(labels)
        return Quality(-total / len(checks), shown=total / len(checks))
