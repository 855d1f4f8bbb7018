"""Read noise of products: standard normal numbers keyed by read, layer, call and example."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mho.network.threads import for_each
from mho.rng import Streams

_AT_ONCE = 8  # examples that one thread draws in a row


class _Pass(threading.local):
    """Where a forward pass is; each thread runs its own."""

    def __init__(self) -> None:
        self.first, self.examples = 0, 1
        self.calls: Counter[str] = Counter()


class Reads:
    """Where the layers of one running network get the noise of their products.

    Every example has numbers of its own, so it meets the same noise in whatever batch it comes.
    Several threads may run passes at once.

    Attributes:
        streams: The chip, the time and the read; None while nothing is read.
    """

    def __init__(self) -> None:
        self.streams: Streams | None = None
        self._pass = _Pass()

    def __deepcopy__(self, memo: dict[int, Any]) -> Reads:
        twin = Reads()
        twin.streams = self.streams
        return twin

    def start(self, first: int, examples: int) -> None:
        """Begin a forward pass.

        Args:
            first: Position of its first example among all.
            examples: How many examples it holds.
        """
        self._pass.first, self._pass.examples = first, examples
        self._pass.calls.clear()

    def call(self, layer: str) -> int:
        """Note that a layer is used and return which use in this pass it is, from 0."""
        number = self._pass.calls[layer]
        self._pass.calls[layer] += 1
        return number

    def normal(self, shape: torch.Size, *labels: str | int) -> Tensor:
        """Return standard normal numbers.

        Args:
            shape: The first axis counts examples, or several rows of each example in its order.
            labels: Layer, call, wave and slice.
        """
        assert self.streams is not None
        streams = self.streams.child(*labels)
        here, first = self._pass.examples, self._pass.first
        whole = shape[0] % here == 0
        examples = here if whole else shape[0]  # a layer that works on no examples
        out = np.empty((examples, shape.numel() // examples), dtype=np.float32)

        def fill(start: int) -> None:
            for example in range(start, min(start + _AT_ONCE, examples)):
                out[example] = streams.normal(out[0].shape, first + example)

        for_each(fill, range(0, examples, _AT_ONCE))
        return torch.from_numpy(out).view(shape)
