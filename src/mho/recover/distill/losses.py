"""Losses of a student: what it learns from labels, and what from a teacher's soft outputs.

``z_S`` and ``z_T`` are the logits of student and teacher, ``T`` the temperature, ``CE`` the cross
entropy with the labels, ``CE_soft`` that of ``softmax(z_S / T)`` with ``softmax(z_T / T)``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from mho.device.law import Law


class SoftTargets(Law):
    """The usual loss, ``(1 - alpha) CE + alpha T² KL(softmax(z_T / T), softmax(z_S / T))``.

    Source:
        G. Hinton, O. Vinyals and J. Dean, arXiv 1503.02531.
    """

    law: Literal["soft-targets"] = "soft-targets"
    alpha: Annotated[float, Field(ge=0, le=1)] = 0.9
    temperature: Annotated[float, Field(gt=0)] = 4.0

    def value(
        self, student: Tensor, teacher: Tensor, labels: Tensor, weights: Iterable[Tensor]
    ) -> Tensor:
        """Return the mean loss of a batch of logits of shape ``(batch, classes)``."""
        soft = _soft_cross_entropy(student, teacher, self.temperature)
        divergence = soft - _soft_cross_entropy(teacher, teacher, self.temperature)
        hard = functional.cross_entropy(student, labels)
        return (1 - self.alpha) * hard + self.alpha * self.temperature**2 * divergence


class CharanCifar(Law):
    """The loss of Charan et al. for CIFAR-10, ``0.07 (CE + 3e-4 L2) + CE_soft``.

    ``L2`` is half the sum of the squared weights, as optimisers count weight decay.

    Source:
        G. Charan et al., DAC 2020, doi 10.1109/DAC18072.2020.9218605.
    """

    law: Literal["charan2020-cifar"] = "charan2020-cifar"
    temperature: Annotated[float, Field(gt=0)] = 2.0
    label_weight: Annotated[float, Field(ge=0)] = 0.07
    l2: Annotated[float, Field(ge=0)] = 3e-4

    def value(
        self, student: Tensor, teacher: Tensor, labels: Tensor, weights: Iterable[Tensor]
    ) -> Tensor:
        """Return the mean loss of a batch of logits of shape ``(batch, classes)``."""
        decay = 0.5 * torch.stack([(w**2).sum() for w in weights]).sum()
        hard = functional.cross_entropy(student, labels) + self.l2 * decay
        return self.label_weight * hard + _soft_cross_entropy(student, teacher, self.temperature)


class CharanMnist(Law):
    """The loss of Charan et al. for MNIST, ``CE + T² CE_soft``.

    Source:
        G. Charan et al., DAC 2020, doi 10.1109/DAC18072.2020.9218605.
    """

    law: Literal["charan2020-mnist"] = "charan2020-mnist"
    temperature: Annotated[float, Field(gt=0)] = 2.0

    def value(
        self, student: Tensor, teacher: Tensor, labels: Tensor, weights: Iterable[Tensor]
    ) -> Tensor:
        """Return the mean loss of a batch of logits of shape ``(batch, classes)``."""
        soft = _soft_cross_entropy(student, teacher, self.temperature)
        return functional.cross_entropy(student, labels) + self.temperature**2 * soft


DistillLoss = Annotated[SoftTargets | CharanCifar | CharanMnist, Field(discriminator="law")]


def _soft_cross_entropy(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    own = functional.softmax(teacher / temperature, dim=1)
    return -(own * functional.log_softmax(student / temperature, dim=1)).sum(dim=1).mean()
