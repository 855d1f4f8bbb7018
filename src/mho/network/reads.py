"""Read noise of products: standard normal numbers keyed by read, layer, call and example."""

from __future__ import annotations

from collections import Counter

import numpy as np
import torch
from torch import Tensor

from mho.network.threads import for_each
from mho.rng import Streams

_AT_ONCE = 8  # examples that one thread draws in a row


class Reads:
    """Where the layers of one running network get the noise of their products.

    Every example has numbers of its own, so it meets the same noise in whatever batch it comes.

    Attributes:
        streams: The chip, the time and the read; None while nothing is read.
    """

    def __init__(self) -> None:
        self.streams: Streams | None = None
        self._first = 0
        self._examples = 1
        self._calls: Counter[str] = Counter()

    def start(self, first: int, examples: int) -> None:
        """Begin a forward pass.

        Args:
            first: Position of its first example among all.
            examples: How many examples it holds.
        """
        self._first, self._examples = first, examples
        self._calls.clear()

    def call(self, layer: str) -> int:
        """Note that a layer is used and return which use in this pass it is, from 0."""
        number = self._calls[layer]
        self._calls[layer] += 1
        return number

    def normal(self, shape: torch.Size, *labels: str | int) -> Tensor:
        """Return standard normal numbers.

        Args:
            shape: The first axis counts examples, or several rows of each example in its order.
            labels: Layer, call, wave and slice.
        """
        assert self.streams is not None
        streams = self.streams.child(*labels)
        whole = shape[0] % self._examples == 0
        examples = self._examples if whole else shape[0]  # a layer that works on no examples
        out = np.empty((examples, shape.numel() // examples), dtype=np.float32)

        def fill(start: int) -> None:
            for example in range(start, min(start + _AT_ONCE, examples)):
                out[example] = streams.normal(out[0].shape, self._first + example)

        for_each(fill, range(0, examples, _AT_ONCE))
        return torch.from_numpy(out).view(shape)
