from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from mho.recover.distill import CharanCifar, CharanMnist, SoftTargets

STUDENT = torch.tensor([[2.0, 0.0], [0.0, 0.0]])
TEACHER = torch.tensor([[0.0, 2.0], [4.0, 0.0]])
LABELS = torch.tensor([1, 0])
HARD = float(functional.cross_entropy(STUDENT, LABELS))


def entropy_with(p: float, q: float) -> float:
    """Cross entropy of a coin that falls with probability q, expected to with p."""
    return -p * math.log(q) - (1 - p) * math.log(1 - q)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def soft(temperature: float) -> float:
    """Cross entropy of student and teacher at a temperature, worked out by hand for two classes."""
    first = entropy_with(sigmoid(-2 / temperature), sigmoid(2 / temperature))
    second = entropy_with(sigmoid(4 / temperature), 0.5)
    return (first + second) / 2


def own(temperature: float) -> float:
    """The teacher's own entropy."""
    values = [sigmoid(-2 / temperature), sigmoid(4 / temperature)]
    return sum(entropy_with(p, p) for p in values) / 2


@pytest.mark.parametrize("temperature", [1.0, 2.0, 4.0])
@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_soft_targets(alpha: float, temperature: float) -> None:
    loss = SoftTargets(alpha=alpha, temperature=temperature)
    value = float(loss.value(STUDENT, TEACHER, LABELS, []))
    expected = (1 - alpha) * HARD + alpha * temperature**2 * (soft(temperature) - own(temperature))
    assert value == pytest.approx(expected, rel=1e-5)


def test_soft_targets_ask_nothing_of_a_student_that_agrees() -> None:
    assert float(SoftTargets(alpha=1).value(TEACHER, TEACHER, LABELS, [])) == pytest.approx(
        0, abs=1e-5
    )


def test_the_published_loss_for_cifar() -> None:
    weights = [torch.tensor([3.0, 4.0]), torch.tensor([1.0])]
    value = float(CharanCifar(temperature=2).value(STUDENT, TEACHER, LABELS, weights))
    assert value == pytest.approx(0.07 * (HARD + 3e-4 * 26 / 2) + soft(2), rel=1e-5)


def test_the_published_loss_for_mnist() -> None:
    value = float(CharanMnist(temperature=2).value(STUDENT, TEACHER, LABELS, []))
    assert value == pytest.approx(HARD + 4 * soft(2), rel=1e-5)
