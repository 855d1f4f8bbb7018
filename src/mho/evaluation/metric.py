"""Metrics: which examples came out right. Counts add exactly, whatever the order or the batch."""

from __future__ import annotations

from typing import Annotated, Protocol

import torch
from pydantic import Field
from torch import Tensor

from mho.device.law import Law


class Metric(Protocol):
    """Anything with a name that says of each example whether it came out right."""

    @property
    def name(self) -> str:
        """Name that tells this metric from every other: it is part of a result's identity."""

    def right(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return which examples are right, bool of shape ``(n,)``.

        Args:
            logits: Shape ``(n, classes)``, finite.
            labels: Class of each example, shape ``(n,)``.
        """


class Accuracy(Law):
    """The largest logit is the label's.

    >>> Accuracy().right(torch.tensor([[0.1, 0.9], [0.8, 0.2]]), torch.tensor([1, 1])).tolist()
    [True, False]
    """

    @property
    def name(self) -> str:
        """``"accuracy"``."""
        return "accuracy"

    def right(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return where the largest logit is the label's, bool of shape ``(n,)``."""
        return logits.argmax(dim=1) == labels


class TopK(Law):
    """The label is among the k largest logits, as ImageNet results are often given.

    Args:
        k: How many guesses a network has.

    >>> TopK(k=2).right(torch.tensor([[0.1, 0.9, 0.5]]), torch.tensor([2])).tolist()
    [True]
    """

    k: Annotated[int, Field(ge=1)] = 5

    @property
    def name(self) -> str:
        """``"top-5"`` for k = 5."""
        return f"top-{self.k}"

    def right(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return where the label is among the k largest logits, bool of shape ``(n,)``."""
        guesses = logits.topk(min(self.k, logits.shape[1]), dim=1).indices
        return torch.eq(guesses, labels[:, None]).any(dim=1)
