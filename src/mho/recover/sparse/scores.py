"""How much each weight of a chip matters, from a few examples that the chip sees."""

from __future__ import annotations

import torch
from torch import Tensor

from mho.network.snapshot import Snapshot
from mho.recover.onchip.bench import Bench
from mho.recover.onchip.calibration import Calibration
from mho.recover.onchip.lesson import Lesson
from mho.recover.onchip.settings import OnChipSettings
from mho.recover.sparse.positions import Score


def weight_scores(
    score: Score,
    bench: Bench,
    settings: OnChipSettings,
    calibration: Calibration,
    *,
    samples: int,
    around: Snapshot | None = None,
) -> dict[str, Tensor]:
    """Return how much each weight matters on this chip, by layer, flattened.

    A gradient here is the root mean square over batches: the mean alone would miss weights that
    matter in one direction for some inputs and in the other for others.

    Args:
        score: What to rank weights by.
        bench: The chip.
        settings: Say what is learned from, and the batch.
        calibration: What the chip may see.
        samples: Most examples to take.
        around: State of the chip that gradients are taken at; by default as it is on the bench.
            Errors are those on the bench.
    """
    if score == "magnitude":
        return {name: weight.abs().flatten() for name, weight in bench.wanted.items()}
    gradients = _gradients(bench, settings, calibration, samples, around or bench.snapshot)
    if score == "gradient":
        return {name: gradient.flatten() for name, gradient in gradients.items()}
    factor = {
        name: bench.wanted[name] if score == "weight-gradient" else present - bench.wanted[name]
        for name, present in bench.present.items()
    }
    return {name: (g * factor[name].abs()).flatten() for name, g in gradients.items()}


def _gradients(
    bench: Bench,
    settings: OnChipSettings,
    calibration: Calibration,
    samples: int,
    around: Snapshot,
) -> dict[str, Tensor]:
    own, lesson = calibration.own, Lesson(settings, bench, calibration)
    examples = own.subset(range(min(samples, len(own))))
    branch = {layer.name: torch.zeros(layer.shape, requires_grad=True) for layer in bench.layers}
    squares = {name: torch.zeros_like(weight) for name, weight in branch.items()}
    batches = 0
    with torch.enable_grad():
        for inputs, labels in examples.batches(settings.batch):
            first = batches * settings.batch
            indices = torch.arange(first, first + len(labels))
            loss = lesson.loss(around.add_digital(branch), inputs, indices)
            found = torch.autograd.grad(loss, list(branch.values()))
            for name, gradient in zip(branch, found, strict=True):
                squares[name] += gradient**2
            batches += 1
    return {name: (square / batches).sqrt() for name, square in squares.items()}
