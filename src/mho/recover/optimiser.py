"""Optimisers and learning-rate schedules as values."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated, Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor

from mho.device.law import Law


class ConstantRate(Law):
    """The same learning rate at every step."""

    law: Literal["constant"] = "constant"

    def factor(self, step: int, steps: int) -> float:
        """Return what the learning rate is multiplied by at a step of ``steps``."""
        return 1.0


class CosineRate(Law):
    """Linear warm-up over a share of the steps, then half a cosine down to 0.

    Source:
        I. Loshchilov and F. Hutter, SGDR, ICLR 2017.
    """

    law: Literal["cosine"] = "cosine"
    warm_up: Annotated[float, Field(ge=0, lt=1)] = 0.0

    def factor(self, step: int, steps: int) -> float:
        """Return what the learning rate is multiplied by at a step of ``steps``."""
        rising = self.warm_up * steps
        if step < rising:
            return (step + 1) / (rising + 1)
        return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(steps - rising, 1)))


class StepRate(Law):
    """The learning rate falls by a factor at given shares of the training.

    Args:
        at: Shares of all steps, ascending, in (0, 1).
        by: Factor at each of them.
    """

    law: Literal["step"] = "step"
    at: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = (0.8,)
    by: Annotated[float, Field(gt=0, le=1)] = 0.1

    @field_validator("at")
    @classmethod
    def _ascending(cls, at: tuple[float, ...]) -> tuple[float, ...]:
        if list(at) != sorted(at):
            raise ValueError("shares must ascend")
        return at

    def factor(self, step: int, steps: int) -> float:
        """Return what the learning rate is multiplied by at a step of ``steps``."""
        return self.by ** sum(step >= share * steps for share in self.at)


Rate = Annotated[ConstantRate | CosineRate | StepRate, Field(discriminator="law")]


class Sgd(Law):
    """Plain stochastic gradient descent; with ``momentum = 0`` it keeps no state of its own."""

    law: Literal["sgd"] = "sgd"
    lr: Annotated[float, Field(gt=0)] = 0.01
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    rate: Rate = ConstantRate()

    @property
    def words_per_weight(self) -> int:
        """Values that the optimiser keeps for each trained weight."""
        return 1 if self.momentum else 0

    def build(self, parameters: Iterable[Tensor]) -> torch.optim.Optimizer:
        """Return the optimiser for these parameters."""
        return torch.optim.SGD(
            parameters, lr=self.lr, momentum=self.momentum, weight_decay=self.weight_decay
        )


class Adam(Law):
    """Adam with decoupled weight decay (AdamW); keeps two values a trained weight.

    Source:
        D. Kingma and J. Ba, ICLR 2015; I. Loshchilov and F. Hutter, ICLR 2019.
    """

    law: Literal["adam"] = "adam"
    lr: Annotated[float, Field(gt=0)] = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    rate: Rate = ConstantRate()

    @property
    def words_per_weight(self) -> int:
        """Values that the optimiser keeps for each trained weight."""
        return 2

    def build(self, parameters: Iterable[Tensor]) -> torch.optim.Optimizer:
        """Return the optimiser for these parameters."""
        return torch.optim.AdamW(
            parameters, lr=self.lr, betas=self.betas, weight_decay=self.weight_decay
        )


Optimiser = Annotated[Sgd | Adam, Field(discriminator="law")]
"""Settings of an optimiser: its ``law`` names the algorithm."""


def set_rate(optimiser: torch.optim.Optimizer, settings: Sgd | Adam, step: int, steps: int) -> None:
    """Set the learning rate of a step; the schedule has no state, so a resumed run agrees."""
    for group in optimiser.param_groups:
        group["lr"] = settings.lr * settings.rate.factor(step, steps)
