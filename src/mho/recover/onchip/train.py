"""Training on one chip: keep the best state on held-out examples, and nothing that is worse."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from torch import Tensor

from mho.network.snapshot import Snapshot
from mho.progress import Progress
from mho.recover.onchip.bench import Bench
from mho.recover.onchip.calibration import Calibration
from mho.recover.onchip.features import feature_loss
from mho.recover.onchip.settings import OnChipSettings
from mho.recover.training import Batch, train
from mho.rng import Streams

Change: TypeAlias = Callable[[Mapping[str, Tensor]], Snapshot]
"""The chip with trained values in force, differentiable in them."""

_LOSS_WEIGHT = 1e-3
"""How much of the loss counts beside the accuracy when states of a chip are compared: ties only."""


@dataclass(frozen=True, eq=False)
class TrainedChip:
    """What became of a chip.

    Attributes:
        values: What was trained; None where the chip was better without.
        steps: Training steps taken.
        before: Accuracy on the held-out examples before.
        after: The same after.
    """

    values: dict[str, Tensor] | None
    steps: int
    before: float
    after: float


def train_on_chip(
    settings: OnChipSettings,
    bench: Bench,
    values: Mapping[str, Tensor],
    change: Change,
    calibration: Calibration,
    streams: Streams,
    *,
    who: str,
    after_step: Callable[[Batch], None] | None = None,
    progress: Progress | None = None,
) -> TrainedChip:
    """Train some values of a chip on its calibration set.

    Args:
        settings: How.
        bench: The chip.
        values: Leaf tensors that require gradients, by name; changed in place.
        change: What the chip computes with, given values.
        calibration: What the chip may see.
        streams: Random numbers of this chip's training.
        who: The method, for messages.
        after_step: Called after each step, e.g. to round.
        progress: Called now and then as ``progress(done, total, text)``.
    """
    checks = calibration.checks

    def quality(changed: Snapshot) -> float:
        accuracy, loss = bench.check(changed, checks)
        return accuracy - _LOSS_WEIGHT * loss

    def loss(batch: Batch) -> Tensor:
        changed = change(values)
        if settings.learn_from == "features":
            return feature_loss(bench.network, bench.network.tensors(changed), batch.inputs)
        return calibration.loss(settings, bench.logits(changed, batch.inputs), batch.indices)

    start = {name: value.detach().clone() for name, value in values.items()}
    states: list[tuple[float, dict[str, Tensor] | None]] = [
        (quality(bench.snapshot), None),
        (quality(change(start)), start),
    ]
    trained = train(
        values,
        loss,
        calibration.own,
        steps=settings.steps,
        batch=settings.batch,
        optimiser=settings.optimiser,
        streams=streams,
        purpose=who,
        after_step=after_step,
        score=lambda now: quality(change(now)),
        stop=lambda curve: _no_progress(curve, settings.patience),
        mark_every=settings.check_every,
        progress=progress,
    )
    if trained.curve:
        states.append((max(mark["score"] for mark in trained.curve), trained.parameters))
    # The first of equals: nothing before something, the start before what was learned.
    _, best = max(states, key=lambda state: state[0])
    kept = bench.snapshot if best is None else change(best)
    return TrainedChip(
        values=best,
        steps=int(trained.curve[-1]["step"]) if trained.curve else 0,
        before=bench.check(bench.snapshot, checks)[0],
        after=bench.check(kept, checks)[0],
    )


def _no_progress(curve: Sequence[Mapping[str, float]], patience: int) -> bool:
    """Say whether the last marks brought nothing better than what came before them."""
    scores = [mark["score"] for mark in curve]
    return len(scores) > patience and max(scores[-patience:]) <= max(scores[:-patience])
