"""What training under variation has in common, whatever the loss."""

from __future__ import annotations

import copy
import json
import math
from abc import ABC
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import torch
from pydantic import Field
from torch import Tensor, nn

from mho.data import Data
from mho.data.augment import AUGMENTATIONS, Augmentation
from mho.errors import ConfigError, DataError
from mho.network.applied import Applied
from mho.network.call import call_with
from mho.network.chip import Chip
from mho.network.mapped import MappedNetwork
from mho.recover.base import Progress, Recovery, Target
from mho.recover.distill.variation import on_a_chip
from mho.recover.optimiser import Adam, CosineRate, Optimiser
from mho.recover.training import Batch, Trained, seeded, train
from mho.rng import Streams
from mho.units import Time, all_seconds

Lesson: TypeAlias = Callable[[Batch, Tensor, Mapping[str, Tensor]], Tensor]
"""Loss of a batch from the student's logits and its parameters."""

_MARKS = 20
"""Times that a student is scored on held-out data."""
_EVALUATION_BATCH = 256


class VariationTraining(Recovery, ABC):
    """Settings of training a student under the variation of the devices.

    Args:
        epochs: Passes over the training data.
        batch: Examples a step.
        optimiser: Algorithm, learning rate and its schedule.
        new_chip: When new variation is drawn: each ``"step"`` or each ``"epoch"``.
        warm_up: Share of the training over which the error grows from nothing to all of it.
        repaired: Share of each layer's weights whose errors, the largest, are left out of the
            training: set it to the share that sparse adaptation will give a word, where it follows.
        times: Times since programming at which chips are drawn, one a step; by default the
            device's reference time.
        clip_sd: Weights are kept within this many standard deviations of their layer, so that few
            large weights do not stretch the scale of all the others; None leaves them.
        ema: Decay of the running average of the weights that becomes the student; None takes the
            weights as they are.
        batch_norm: Whether batch-norm statistics follow the variation or stay as they are.
        augment: Change of the training images: shift by up to 2 pixels, distort
            (turn, scale, shear and shift), or flip and crop; see :mod:`mho.data.augment`.
        held_out: Share of the training data on which the student is selected: the latest one that
            lies within a standard error of the best.
        held_out_chips: Chips of the selection; chips of an evaluation are never among them.
        fresh: Whether to start from new weights instead of the digital network's.
        precision: Of the products in training: ``"bfloat16"`` takes about half the time for
            convolutions, while weights, variation and selection stay in ``"float32"``.
    """

    epochs: Annotated[float, Field(gt=0)] = 40
    batch: Annotated[int, Field(ge=1)] = 64
    optimiser: Optimiser = Adam(lr=2e-3, rate=CosineRate(warm_up=0.05))
    new_chip: Literal["step", "epoch"] = "step"
    warm_up: Annotated[float, Field(ge=0, lt=1)] = 0.2
    repaired: Annotated[float, Field(ge=0, lt=1)] = 0.0
    times: tuple[Time, ...] = ()
    clip_sd: Annotated[float, Field(gt=0)] | None = 2.0
    ema: Annotated[float, Field(gt=0, lt=1)] | None = 0.99
    batch_norm: Literal["noisy", "frozen"] = "noisy"
    augment: Augmentation = "none"
    held_out: Annotated[float, Field(gt=0, lt=1)] = 0.1
    held_out_chips: Annotated[int, Field(ge=1)] = 4
    fresh: bool = False
    precision: Literal["float32", "bfloat16"] = "float32"

    def settings(self) -> dict[str, Any]:
        """Return the settings as plain data.

        The usual precision goes without saying: students of before there was another stay valid.
        """
        values = super().settings()
        if values["precision"] == "float32":
            del values["precision"]
        return values

    def in_precision(self) -> torch.autocast:
        """Return the block in which networks run in training."""
        return torch.autocast("cpu", torch.bfloat16, enabled=self.precision == "bfloat16")

    def _train(
        self,
        target: Target,
        data: Data,
        lesson_on: Callable[[Data], Lesson],
        *,
        seed: int,
        progress: Progress | None,
        checkpoint: Path | None,
        teacher: str = "",
    ) -> Target:
        """Train a student of the network under variation and return it, mapped anew.

        Args:
            target: A mapped network. Chips are programmed from a student, not turned into one.
            data: Training data; a share is held out to select the student on.
            lesson_on: Gives the loss, from the data that are not held out.
            seed: Seed of the order, augmentation and training chips.
            progress: Called now and then as ``progress(done, total, text)``.
            checkpoint: File to keep the state in, and to go on from where it exists.
            teacher: What else decides the result, for the checkpoint.
        """
        if isinstance(target, Chip):
            raise ConfigError(
                f"{self.method} trains a network before it is programmed; got chip {target.seed}. "
                f"Write {type(self).__name__}(…).fit(network, data) and program what it returns."
            )
        data.require("train", self.method)
        held, own = data.split(self._held_out(data), seed)
        what = [self.method, self.settings(), target.digest, data.digest, seed, teacher]
        identity = sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()
        student = _Student(self, target, held, Streams(seed, self.method))
        trained = student.train(lesson_on(own), own, identity, progress, checkpoint)
        state = {**target.model.state_dict(), **trained.buffers, **trained.parameters}
        report = {"curve": trained.curve, "best_step": trained.best_step}
        applied = Applied(self.method, self.settings(), knows=self.knows, report=report)
        return target.with_weights(state, applied)

    def _held_out(self, data: Data) -> int:
        count = round(self.held_out * len(data))
        if not 1 <= count < len(data):
            raise DataError(
                f"{self.method} holds {self.held_out:.0%} of '{data.name}' out, which has only "
                f"{len(data)} examples; give more, or set held_out."
            )
        return count


class _Student:
    """The network that is being trained."""

    def __init__(
        self, settings: VariationTraining, network: MappedNetwork, held: Data, streams: Streams
    ) -> None:
        self.settings, self.network, self.held, self.streams = settings, network, held, streams
        device = network.hardware.device
        self.times_s = all_seconds(settings.times) or [device.t0_s]
        for t_s in self.times_s:
            device.check_time(t_s)
        self.model = copy.deepcopy(network.model)
        if settings.fresh:
            _reset(self.model, streams)
        self.parameters = {
            name: parameter.detach().clone().requires_grad_(True)
            for name, parameter in self.model.named_parameters()
        }
        self.steps = 0

    def train(
        self,
        lesson: Lesson,
        data: Data,
        identity: str,
        progress: Progress | None,
        checkpoint: Path | None,
    ) -> Trained:
        """Train and return the selected values."""
        settings = self.settings
        size = min(settings.batch, len(data))
        self.steps = max(round(settings.epochs * (len(data) // size)), 1)
        self.model.train(settings.batch_norm == "noisy")
        return train(
            self.parameters,
            lambda batch: lesson(batch, self.noisy_logits(batch), self.parameters),
            data,
            steps=self.steps,
            batch=size,
            optimiser=settings.optimiser,
            streams=self.streams,
            purpose=settings.method,
            identity=identity,
            buffers=dict(self.model.named_buffers()),
            augment=AUGMENTATIONS.get(settings.augment),
            after_step=self.clip,
            ema=settings.ema,
            score=self.score,
            margin=self.standard_error,
            mark_every=max(self.steps // _MARKS, 1),
            progress=progress,
            checkpoint=checkpoint,
        )

    def noisy_logits(self, batch: Batch) -> Tensor:
        """Return the logits of a batch on a chip of its own."""
        rising = self.settings.warm_up * self.steps
        chip = batch.streams.child("chip")
        if self.settings.new_chip == "epoch":
            chip = self.streams.child("chip of epoch", batch.epoch)
        effective = on_a_chip(
            self.network,
            self.parameters,
            self.times_s[batch.streams.integer("time") % len(self.times_s)],
            chip,
            share=min((batch.step + 1) / (rising + 1), 1.0),
            repaired=self.settings.repaired,
        )
        with self.settings.in_precision():
            return call_with(self.model, effective, batch.inputs).float()

    def clip(self, batch: Batch) -> None:
        """Keep the crossbar weights within some standard deviations of their layer."""
        if self.settings.clip_sd is None:
            return
        with torch.no_grad():
            for layer in self.network.layers:
                weight = self.parameters[layer.parameter]
                limit = self.settings.clip_sd * float(weight.std(correction=0))
                weight.clamp_(-limit, limit)

    def score(self, values: Mapping[str, Tensor]) -> float:
        """Return the mean accuracy of some chips on the held-out training data."""
        was_training = self.model.training
        self.model.eval()
        right = 0
        for k in range(self.settings.held_out_chips):
            t_s = self.times_s[k % len(self.times_s)]
            chip = self.streams.child("held-out chip", k)
            drawn = on_a_chip(self.network, values, t_s, chip, repaired=self.settings.repaired)
            effective = {**values, **drawn}
            for inputs, labels in self.held.batches(_EVALUATION_BATCH):
                logits = call_with(self.model, effective, inputs)
                right += int((logits.argmax(dim=1) == labels).sum())
        self.model.train(was_training)
        return right / (len(self.held) * self.settings.held_out_chips)

    def standard_error(self, accuracy: float) -> float:
        """Return how far an accuracy on the held-out data may be off.

        The digital network was often trained on these very data, so that students of the first
        steps look best on them: a later student within the error is taken instead.
        """
        return math.sqrt(accuracy * (1 - accuracy) / len(self.held))


def _reset(model: nn.Module, streams: Streams) -> None:
    """Give every layer new weights, from named streams."""
    with seeded(streams.integer("start")):
        for module in model.modules():
            reset: Any = getattr(module, "reset_parameters", None)
            if callable(reset):
                reset()
