"""When a chip keeps what it learned: by the loss, and never against the count of right answers."""

from __future__ import annotations

import math

import pytest
import torch

from mho.data import Data
from mho.network.mapped import MappedNetwork
from mho.recover import SparseAdaptation
from mho.recover.onchip.bench import Bench
from mho.recover.onchip.calibration import Calibration
from mho.recover.onchip.lesson import Lesson, Quality


@pytest.mark.parametrize(
    ("loss", "accuracy", "kept"),
    [
        (0.05, 0.990, True),  # one wrong answer more of 500 is chance: 0.4 points of error
        (0.05, 0.984, False),  # five more are not
        (0.11, 0.998, False),  # surer of what is wrong, however many are right
        (0.10, 0.992, False),  # no better
    ],
)
def test_the_loss_decides_within_the_error_of_the_count(loss, accuracy, kept):
    error = math.sqrt(0.992 * 0.008 / 500)
    before = Quality(-0.10, shown=0.992, least=0.992 - error)
    assert Quality(-loss, shown=accuracy, least=0.0).beats(before) is kept


def test_distances_have_no_right_answers():
    assert Quality(-1.0, shown=1.0).beats(Quality(-2.0, shown=2.0))
    assert not Quality(-2.0, shown=2.0).beats(Quality(-1.0, shown=1.0))


def test_quality_is_of_the_held_out_examples_alone(stripe_net: MappedNetwork, stripes: Data):
    method = SparseAdaptation(samples=400, held_out=0.25)
    calibration = Calibration.of(method, stripe_net, stripes, 0, who="test")
    chip = stripe_net.program(1)
    bench = Bench(stripe_net, chip.snapshots([0.0])[0])
    found = Lesson(method, bench, calibration).quality(bench.snapshot)
    with torch.no_grad():
        logits = chip.at(0)(calibration.checks.inputs)
    labels = calibration.checks.labels
    assert found.shown == int((logits.argmax(1) == labels).sum()) / 100
    assert -found.score == pytest.approx(
        float(torch.nn.functional.cross_entropy(logits, labels)), rel=1e-5
    )
    p = found.shown
    assert found.least == pytest.approx(p - math.sqrt(p * (1 - p) / 100))


def test_no_chip_ends_with_a_higher_loss(stripe_net: MappedNetwork, stripes: Data):
    """Of eight chips, with words or rolled back: none is worse on held-out examples."""
    method = SparseAdaptation(budget=0.3, samples=400, steps=0)
    calibration = Calibration.of(method, stripe_net, stripes, 0, who="test")
    kept = 0
    for seed in range(8):
        chip = stripe_net.program(seed)
        adapted = method.fit(chip, stripes)
        before, after = (
            Lesson(method, Bench(stripe_net, snapshot), calibration).quality(snapshot)
            for snapshot in (chip.snapshots([0.0])[0], adapted.snapshots([0.0])[0])
        )
        assert after.score >= before.score
        assert after.shown >= before.least
        kept += not adapted.applied[-1].report["rolled_back"]
    assert kept > 0
