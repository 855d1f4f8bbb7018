"""The SRAM while it is trained: signed words that only take whole steps, and count their writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mho.network.layer import MappedLayer
from mho.recover.sparse.branch import SparseBranch, Words


class Sram:
    """Words of all layers as one vector, in weight units.

    A word of ``n`` bits holds a whole number in ``±(2^(n-1) - 1)``; the number 1 stands for
    ``span * max|w| / (2^(n-1) - 1)`` of its layer.

    Args:
        layers: The layers, in order.
        chosen: By layer name: positions in the flattened weight.
        wanted: By layer name: the digital weight, which sets the step.
        bits: Bits of a word, sign included.
        span: Largest value as a share of the layer's largest weight.

    Attributes:
        values: What the words hold, in weight units, shape ``(words,)``; trained in place.
        writes: Words written so far.
    """

    def __init__(
        self,
        layers: Sequence[MappedLayer],
        chosen: Mapping[str, Tensor],
        wanted: Mapping[str, Tensor],
        *,
        bits: int,
        span: float,
    ) -> None:
        self.layers = [layer for layer in layers if len(chosen[layer.name])]
        self.chosen = [chosen[layer.name] for layer in self.layers]
        self.largest = 2 ** (bits - 1) - 1
        self._sizes = [len(positions) for positions in self.chosen]
        self._steps = [
            span * (float(wanted[layer.name].abs().max()) or 1.0) / self.largest
            for layer in self.layers
        ]
        parts = zip(self._sizes, self._steps, strict=True)
        self.step = torch.cat([torch.full((size,), step) for size, step in parts])
        self.values = torch.zeros_like(self.step, requires_grad=True)
        self.writes = 0
        self._held = torch.zeros_like(self.step)

    def __len__(self) -> int:
        return len(self.step)

    def gather(self, weights: Mapping[str, Tensor]) -> Tensor:
        """Return the values of weights at the chosen positions, shape ``(words,)``."""
        chosen = zip(self.layers, self.chosen, strict=True)
        return torch.cat([weights[layer.name].flatten()[at] for layer, at in chosen])

    def store(self, uniform: Tensor | float) -> None:
        """Round ``values`` to words, ``floor(value / step + u)``, and write those that changed.

        With ``u`` uniform in [0, 1) rounding is stochastic, so that updates smaller than a step are
        not lost but happen as often as they should; 0.5 rounds to the nearest.
        """
        with torch.no_grad():
            words = torch.floor(self.values / self.step + uniform)
            words.clamp_(-self.largest, self.largest)
            self.writes += int((words != self._held).sum())
            self._held = words
            self.values.copy_(words * self.step)

    def put(self, values: Tensor) -> None:
        """Write words that were kept elsewhere; those that differ count as written."""
        with torch.no_grad():
            self.values.copy_(values)
        self.store(0.5)

    def branch(self, values: Tensor) -> dict[str, Tensor]:
        """Return values as weights by layer, zero elsewhere; differentiable in the values."""
        return {
            layer.name: torch.zeros(layer.weights).scatter(0, at, part).reshape(layer.shape)
            for layer, at, part in zip(
                self.layers, self.chosen, torch.split(values, self._sizes), strict=True
            )
        }

    def attachment(self, values: Tensor) -> SparseBranch:
        """Return values that lie on whole steps as a branch."""
        whole = (values.detach() / self.step).round().to(torch.int16)
        words_of = torch.split(whole, self._sizes)
        parts = zip(self.layers, self.chosen, words_of, self._steps, strict=True)
        return SparseBranch(
            {
                layer.name: Words(layer.shape, at.to(torch.int32), words, step)
                for layer, at, words, step in parts
            }
        )
