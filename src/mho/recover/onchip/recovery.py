"""A recovery that is fitted to one chip, or that every chip of a network does to itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from mho.data import Data
from mho.network.applied import Additions, Applied, Attachment, Knowledge
from mho.network.chip import Chip
from mho.network.mapped import MappedNetwork
from mho.progress import Progress
from mho.recover.base import Recovery, Target, network_of
from mho.recover.onchip.calibration import Calibration
from mho.recover.onchip.self_fitting import SelfFitting
from mho.recover.onchip.settings import OnChipSettings

REHEARSAL = "rehearsal"
"""Ensemble of the chip that a network's costs are counted on; no chip is evaluated from it."""
READ = 1
"""Number of the read that a chip is fitted to; evaluations use read 0, whose noise is another."""
STATE_BITS = 16
"""Bits of a value that an optimiser keeps."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """What a method made of one chip.

    Attributes:
        attachment: What acts on the chip.
        adds: What it adds.
        report: Plain data for people.
    """

    attachment: Attachment
    adds: Additions
    report: Mapping[str, Any] = field(default_factory=dict)


class OnChipRecovery(Recovery, ABC):
    """The protocol of what is fitted to chips."""

    @property
    @abstractmethod
    def lesson(self) -> OnChipSettings:
        """What the calibration set is drawn by."""

    @property
    @abstractmethod
    def knowledge(self) -> Knowledge:
        """What a chip may know under these settings."""

    @abstractmethod
    def fit_chip(
        self, chip: Chip, calibration: Calibration, seed: int, progress: Progress | None = None
    ) -> Fitted:
        """Fit one chip.

        Args:
            chip: The chip, with the recoveries that came before.
            calibration: What it may see.
            seed: Seed of all that is random, beside the chip's own number.
            progress: Called now and then as ``progress(done, total, text)``.
        """

    def fit(
        self,
        target: Target,
        data: Data,
        *,
        seed: int = 0,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Target:
        """Fit a chip, or let every chip of a network fit itself once it has been programmed.

        Args:
            target: A chip, or a network.
            data: Training or calibration data; ``samples`` of them are drawn.
            seed: Seed of the calibration set and of all that is random.
            progress: Called now and then as ``progress(done, total, text)``.
            checkpoint: Not needed: one chip takes seconds.

        Raises:
            DataError: The data are test data, or too few.
            ConfigError: The settings do not fit the network.
            OutOfRangeError: The device law says nothing about ``time``.
        """
        network = network_of(target)
        calibration = Calibration.of(self.lesson, network, data, seed, who=self.method)
        chip = target if isinstance(target, Chip) else Chip(network, seed, scope=REHEARSAL)
        with torch.inference_mode(False), torch.no_grad():
            fitted = self.fit_chip(chip, calibration, seed, progress)
        attachment: Attachment = fitted.attachment
        if isinstance(target, MappedNetwork):
            attachment = SelfFitting(self, calibration, seed)
        # The calibration set is streamed in when the chip is fitted; nothing of it is kept.
        report = {**fitted.report, "streamed_bits": calibration.bits}
        return target.with_applied(
            Applied(
                self.method,
                self.settings(),
                knows=self.knowledge,
                adds=fitted.adds,
                attachment=attachment,
                report=report,
            )
        )


class TrainedOnChip(OnChipSettings, OnChipRecovery, ABC):
    """What is trained on chips, with the settings of training."""

    @property
    def lesson(self) -> OnChipSettings:
        """What the calibration set is drawn by: these settings."""
        return self
