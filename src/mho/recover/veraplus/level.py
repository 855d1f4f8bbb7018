"""Training the vectors of one or several drift levels on freshly drifted chips."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from mho.data import Data
from mho.network.call import call_with
from mho.network.mapped import MappedNetwork
from mho.recover.base import Progress
from mho.recover.optimiser import Adam, CosineRate
from mho.recover.training import Batch, train
from mho.recover.veraplus.branches import Branches
from mho.recover.veraplus.chips import ChipSource
from mho.recover.veraplus.schedule import Schedule
from mho.recover.veraplus.vectors import rounded
from mho.rng import Streams

LossKind: TypeAlias = Literal["labels", "distilled"]


@dataclass(frozen=True, eq=False)
class Rounding:
    """Scales that the vectors are rounded with while they are trained.

    Attributes:
        b_scale: One a layer.
        d_scale: One a layer.
        bits: Bits a value.
    """

    b_scale: Tensor
    d_scale: Tensor
    bits: int


@dataclass(frozen=True, eq=False)
class Trainer:
    """Trains b and d with weights and batch norm frozen; each step sees another chip.

    Attributes:
        network: The network with the recoveries before.
        branches: Its branches.
        chips: Where training chips come from.
        data: Training or calibration data.
        loss: Cross entropy with the labels, or the divergence from the drift-free digital network.
        steps: Steps of a training.
        batch: Examples a step.
        lr: Adam's learning rate at the start; it falls to 0 along half a cosine.
        temperature: Of a distilled loss.
        precision: Of the products: ``"float32"`` or ``"bfloat16"``.
        streams: Random numbers of all trainings; each has its own label.
        identity: What decides the result, for checkpoints.
    """

    network: MappedNetwork
    branches: Branches
    chips: ChipSource
    data: Data
    loss: LossKind
    steps: int
    batch: int
    lr: float
    temperature: float
    streams: Streams
    identity: str
    precision: str = "float32"
    _teacher: list[Tensor] = field(default_factory=list)

    def train(
        self,
        b: Tensor,
        d: Tensor,
        schedule: Schedule,
        span_s: tuple[float, float],
        *,
        label: str,
        rounding: Rounding | None = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Train the vectors of some sets over a span of time.

        Args:
            b: Start of b, shape ``(sets, sum of outputs)``.
            d: Start of d, shape ``(sets, layers * rank)``.
            schedule: Which of these sets is in force when.
            span_s: First and last time in s; chips are drawn at times uniform in ln t between them.
            label: Name of this training; another one sees other chips.
            rounding: How the vectors will be stored, to train through it.
            progress: Called now and then.
            checkpoint: File to keep the state in.

        Returns:
            b and d, same shapes.
        """
        if not self.steps:
            return b.clone(), d.clone()
        vectors = {"b": b.clone().requires_grad_(), "d": d.clone().requires_grad_()}

        def loss(batch: Batch) -> Tensor:
            t_s = _time(span_s, batch)
            now_b, now_d = self._stored(vectors["b"], vectors["d"], rounding)
            shares = schedule.shares_at(t_s)
            b_now = torch.stack([share * now_b[k] for k, share in shares.items()]).sum(0)
            d_now = torch.stack([share * now_d[k] for k, share in shares.items()]).sum(0)
            drifted = self.chips.snapshot(batch.streams.integer("chip") % 2**40, t_s)
            snapshot = drifted.add_digital(self.branches.weights(b_now, d_now))
            tensors = self.network.tensors(snapshot)
            with torch.autocast("cpu", torch.bfloat16, enabled=self.precision == "bfloat16"):
                logits = call_with(self.network.model, tensors, batch.inputs).float()
            return self._value(logits, batch)

        trained = train(
            vectors,
            loss,
            self.data,
            steps=self.steps,
            batch=self.batch,
            optimiser=Adam(lr=self.lr, rate=CosineRate()),
            streams=self.streams.child(label),
            purpose="VeRA+ training",
            identity=f"{self.identity}/{label}",
            progress=progress,
            checkpoint=checkpoint,
        )
        return trained.parameters["b"], trained.parameters["d"]

    def _stored(self, b: Tensor, d: Tensor, rounding: Rounding | None) -> tuple[Tensor, Tensor]:
        if rounding is None:
            return b, d
        return (
            rounded(b, rounding.b_scale, self.branches.b_sizes, rounding.bits),
            rounded(d, rounding.d_scale, self.branches.d_sizes, rounding.bits),
        )

    def _value(self, logits: Tensor, batch: Batch) -> Tensor:
        if self.loss == "labels":
            return functional.cross_entropy(logits, batch.labels)
        wanted = self._teacher_logits()[batch.indices] / self.temperature
        soft = functional.log_softmax(logits / self.temperature, dim=1)
        divergence = functional.kl_div(
            soft, wanted.log_softmax(dim=1), reduction="batchmean", log_target=True
        )
        return self.temperature**2 * divergence

    def _teacher_logits(self) -> Tensor:
        """Return the digital network's logits for all examples, worked out once."""
        if not self._teacher:
            with torch.no_grad():
                parts = [self.network.baseline(inputs) for inputs, _ in self.data.batches(256)]
            self._teacher.append(torch.cat(parts).clone())
        return self._teacher[0]


def _time(span_s: tuple[float, float], batch: Batch) -> float:
    """Return the time of a step: uniform in ln t over the span."""
    low, high = (math.log(t) for t in span_s)
    return min(math.exp(low + (high - low) * float(batch.streams.uniform((), "time"))), span_s[1])
