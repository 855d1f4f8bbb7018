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
from mho.recover.onchip.lesson import Lesson, Quality
from mho.recover.onchip.settings import OnChipSettings
from mho.recover.training import Batch, train
from mho.rng import Streams

Change: TypeAlias = Callable[[Mapping[str, Tensor]], Snapshot]
"""The chip with trained values in force, differentiable in them."""


@dataclass(frozen=True, eq=False)
class TrainedChip:
    """What became of a chip.

    Attributes:
        values: What was trained; None where the chip was better without.
        steps: Training steps taken.
        before: Accuracy on the held-out examples before; the distance from stored statistics where
            the chip learns from those alone.
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
    unchanged: Snapshot | None = None,
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
        unchanged: What the chip computes with if nothing is kept; by default as it is on the bench.
        after_step: Called after each step, e.g. to round.
        progress: Called now and then as ``progress(done, total, text)``.
    """
    lesson = Lesson(settings, bench, calibration)
    unchanged = bench.snapshot if unchanged is None else unchanged
    start = {name: value.detach().clone() for name, value in values.items()}
    before = lesson.quality(unchanged)
    states: list[tuple[Quality, dict[str, Tensor] | None]] = [
        (lesson.quality(change(start)), start)
    ]
    trained = train(
        values,
        lambda batch: lesson.loss(change(values), batch.inputs, batch.indices),
        calibration.own,
        steps=settings.steps_with(len(calibration.own)),
        batch=settings.batch,
        optimiser=settings.optimiser,
        streams=streams,
        purpose=who,
        after_step=after_step,
        score=lambda now: lesson.quality(change(now)).score,
        stop=lambda curve: _no_progress(curve, settings.patience),
        mark_every=settings.check_every,
        progress=progress,
    )
    if trained.curve:
        states.append((lesson.quality(change(trained.parameters)), trained.parameters))
    # The first of equals: nothing before something, the start before what was learned.
    better = [state for state in states if state[0].beats(before)]
    after, best = max(better, key=lambda state: state[0].score, default=(before, None))
    return TrainedChip(
        values=best,
        steps=int(trained.curve[-1]["step"]) if trained.curve else 0,
        before=before.shown,
        after=after.shown,
    )


def _no_progress(curve: Sequence[Mapping[str, float]], patience: int) -> bool:
    """Say whether the last marks brought nothing better than what came before them."""
    scores = [mark["score"] for mark in curve]
    return len(scores) > patience and max(scores[-patience:]) <= max(scores[:-patience])
