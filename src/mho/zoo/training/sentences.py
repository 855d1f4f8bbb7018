"""Batches of sentences: of like length, without the padding that none of them needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor

_MASK: Final = "attention_mask"
_SORTED_TOGETHER: Final = 16
"""Batches whose sentences are sorted by length among themselves: short ones cost less time."""


def by_length(order: Tensor, inputs: Mapping[str, Tensor], batch: int) -> Tensor:
    """Return an order of sentences in which those of a batch have like lengths.

    Sentences move only within a stretch of some batches, and batches of a stretch stay mixed.

    Args:
        order: Positions in random order, shape ``(n,)``.
        inputs: What the tokenizer made, with ``attention_mask``; without it nothing is sorted.
        batch: Examples in a batch.

    >>> mask = torch.tensor([[1, 1, 1], [1, 0, 0], [1, 1, 0], [1, 0, 0]])
    >>> sorted(by_length(torch.arange(4), {"attention_mask": mask}, 2)[:2].tolist()) in (
    ...     [1, 3],
    ...     [0, 2],
    ... )
    True
    """
    if _MASK not in inputs:
        return order
    lengths = inputs[_MASK].sum(1)
    found = []
    for stretch in torch.split(order, _SORTED_TOGETHER * batch):
        # The first sentences of a stretch are random: their places mix its batches.
        batches = torch.split(stretch[lengths[stretch].argsort(stable=True)], batch)
        mixed = torch.argsort(stretch[: len(batches)], stable=True).tolist()
        whole = [k for k in mixed if len(batches[k]) == batch]
        rest = [k for k in mixed if len(batches[k]) < batch]  # a short batch stays the last
        found += [batches[k] for k in whole + rest]
    return torch.cat(found)


def without_padding(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a batch cut to its longest sentence.

    Args:
        inputs: Tensors of shape ``(batch, tokens)``, with ``attention_mask``; padded at the end.

    >>> mask = torch.tensor([[1, 1, 0]])
    >>> batch = {"input_ids": torch.tensor([[5, 6, 0]]), "attention_mask": mask}
    >>> without_padding(batch)["input_ids"].tolist()
    [[5, 6]]
    """
    if _MASK not in inputs:
        return dict(inputs)
    used = int(inputs[_MASK].any(0).nonzero().max()) + 1
    return {name: tensor[:, :used] for name, tensor in inputs.items()}
