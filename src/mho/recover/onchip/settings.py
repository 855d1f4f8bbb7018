"""Settings of everything that is trained on the chip: what it learns from, and how long."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from mho.device.law import Law
from mho.network.applied import Knowledge
from mho.network.mapped import MappedNetwork
from mho.recover.optimiser import Optimiser, Sgd
from mho.units import Time, seconds

LearnFrom: TypeAlias = Literal["labels", "teacher", "both", "features", "statistics"]


class OnChipSettings(Law):
    """How a chip is trained.

    Args:
        learn_from: The calibration set's ``"labels"``; the digital network's outputs for it
            (``"teacher"``); ``"both"``, half and half; the outputs of every layer of the digital
            network (``"features"``); or the statistics that its batch norms have stored
            (``"statistics"``), which need neither labels nor a teacher.
        temperature: What logits are divided by where outputs are learned.
        optimiser: Plain gradient descent keeps no state; Adam's counts as SRAM of 16 bits a value.
        steps: Most training steps a chip.
        batch: Examples a step.
        passes: Most passes over the examples; 1 is a stream that is seen once and not kept.
        samples: Most examples of the calibration set.
        held_out: Share of them that a chip is checked on, and never trained on.
        check_every: Steps between checks.
        patience: Checks without progress after which training stops.
        time: Time since programming at which a chip is trained; by default the device's reference
            time.
    """

    learn_from: LearnFrom = "labels"
    temperature: Annotated[float, Field(gt=0)] = 2.0
    optimiser: Optimiser = Sgd(lr=0.05)
    steps: Annotated[int, Field(ge=0)] = 50
    batch: Annotated[int, Field(ge=1)] = 32
    passes: Annotated[int, Field(ge=1)] = 1
    samples: Annotated[int, Field(ge=2)] = 2000
    held_out: Annotated[float, Field(gt=0, lt=1)] = 0.25
    check_every: Annotated[int, Field(ge=1)] = 25
    patience: Annotated[int, Field(ge=1)] = 3
    time: Time | None = None

    @property
    def knowledge(self) -> Knowledge:
        """What a chip may know under these settings."""
        return Knowledge(
            labels=self.learn_from in ("labels", "both"), data_on_device=True, own_readout=True
        )

    def steps_with(self, examples: int) -> int:
        """Return how many steps so many examples allow."""
        return min(self.steps, self.passes * (examples // min(self.batch, examples)))

    def time_s(self, network: MappedNetwork) -> float:
        """Return the time since programming at which a chip is trained, in s."""
        return network.hardware.device.t0_s if self.time is None else seconds(self.time)
