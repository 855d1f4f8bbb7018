"""Adapting one chip: choose positions, train words on examples, keep them only if they help."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mho.network.chip import Chip
from mho.network.mapped import MappedNetwork
from mho.recover.base import Progress
from mho.recover.sparse.bench import Bench
from mho.recover.sparse.branch import SparseBranch
from mho.recover.sparse.calibration import Calibration
from mho.recover.sparse.settings import SparseSettings
from mho.recover.sparse.sram import Sram
from mho.recover.training import Batch, train
from mho.rng import Streams

_READ = 1
"""Number of the read that a chip adapts to; evaluations use read 0, whose noise is another."""
_LOSS_WEIGHT = 1e-3
"""How much of the loss counts beside the accuracy when states of a chip are compared: ties only."""


@dataclass(frozen=True, eq=False)
class Adapted:
    """What became of a chip.

    Attributes:
        branch: Its words; none where they did not help.
        words: Words that were allotted.
        position_bits: Bits that store their positions.
        macs: Multiply–accumulates of the branch, per input of the network.
        writes: SRAM words written.
        steps: Training steps taken.
        before: Accuracy on the held-out examples before.
        after: The same after.
    """

    branch: SparseBranch
    words: int
    position_bits: int
    macs: int
    writes: int
    steps: int
    before: float
    after: float

    def report(self) -> dict[str, Any]:
        """Return plain data for people."""
        return {
            "words": self.words,
            "words_by_layer": {name: len(w.values) for name, w in self.branch.words.items()},
            "writes": self.writes,
            "steps": self.steps,
            "held_out_before": self.before,
            "held_out_after": self.after,
            "rolled_back": not self.branch.words,
        }


def adapt(
    settings: SparseSettings,
    chip: Chip,
    calibration: Calibration,
    *,
    seed: int,
    progress: Progress | None = None,
) -> Adapted:
    """Adapt one chip.

    Args:
        settings: How.
        chip: The chip, with the recoveries that came before.
        calibration: What it may see.
        seed: Seed of positions, order and rounding, beside the chip's own number.
        progress: Called now and then as ``progress(done, total, text)``.
    """
    # Evaluations run in inference mode, whose tensors could not be trained on.
    with torch.inference_mode(False), torch.no_grad():
        network = chip.network
        streams = Streams(seed, "sparse-adaptation", chip.scope, chip.seed)
        snapshot = chip.snapshot(settings.time_s(network), read=_READ)
        bench = Bench(network, snapshot)
        sram, position_bits = _allot(settings, network, bench, calibration, streams)
        return _train(settings, bench, sram, position_bits, calibration, streams, progress)


def _allot(
    settings: SparseSettings,
    network: MappedNetwork,
    bench: Bench,
    calibration: Calibration,
    streams: Streams,
) -> tuple[Sram, int]:
    """Choose which weights get a word."""
    rule, score = settings.positions, settings.positions.asks_for
    scores = {} if score is None else bench.scores(score, settings, calibration)
    chosen = rule.choose(
        network.layers, settings.words(network), scores, streams.child("positions")
    )
    sram = Sram(network.layers, chosen, bench.wanted, bits=settings.word_bits, span=settings.span)
    return sram, rule.position_bits(network.layers, chosen)


def _train(
    settings: SparseSettings,
    bench: Bench,
    sram: Sram,
    position_bits: int,
    calibration: Calibration,
    streams: Streams,
    progress: Progress | None,
) -> Adapted:
    checks = calibration.checks

    def quality(branch: Mapping[str, Tensor]) -> float:
        accuracy, loss = bench.check(branch, checks)
        return accuracy - _LOSS_WEIGHT * loss

    def loss(batch: Batch) -> Tensor:
        logits = bench.logits(sram.branch(sram.values), batch.inputs)
        return calibration.loss(settings, logits, batch.indices)

    def round_up_or_down(batch: Batch) -> None:
        uniform = batch.streams.uniform((len(sram),), "rounding")
        sram.store(torch.from_numpy(uniform))

    if settings.start == "repair":
        sram.values.copy_(sram.gather(bench.wanted) - sram.gather(bench.present))
        sram.store(0.5)
    start = sram.values.detach().clone()
    states = [(quality({}), None), (quality(sram.branch(start)), start)]
    trained = train(
        {"words": sram.values},
        loss,
        calibration.own,
        steps=settings.steps,
        batch=settings.batch,
        optimiser=settings.optimiser,
        streams=streams,
        purpose="sparse adaptation",
        after_step=round_up_or_down,
        score=lambda values: quality(sram.branch(values["words"])),
        stop=lambda curve: _no_progress(curve, settings.patience),
        mark_every=settings.check_every,
        progress=progress,
    )
    if trained.curve:
        states.append((max(mark["score"] for mark in trained.curve), trained.parameters["words"]))
    # The first of equals: nothing before words, and words that were read before words learned.
    _, best = max(states, key=lambda state: state[0])
    branch = SparseBranch({}) if best is None else sram.attachment(best)
    kept = {} if best is None else sram.branch(best)
    sizes = zip(sram.layers, sram.chosen, strict=True)
    return Adapted(
        branch=branch,
        words=len(sram),
        position_bits=position_bits,
        macs=sum(len(at) * (layer.positions or 1) for layer, at in sizes),
        writes=sram.writes,
        steps=int(trained.curve[-1]["step"]) if trained.curve else 0,
        before=bench.check({}, checks)[0],
        after=bench.check(kept, checks)[0],
    )


def _no_progress(curve: list[dict[str, float]], patience: int) -> bool:
    """Say whether the last marks brought nothing better than what came before them."""
    scores = [mark["score"] for mark in curve]
    return len(scores) > patience and max(scores[-patience:]) <= max(scores[:-patience])
