"""A chip as it is at one time: plain tensors; nothing random is left but the noise of reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from torch import Tensor

from mho.rng import Streams


@dataclass(frozen=True, eq=False)
class ProductNoise:
    """Read noise that every product draws anew.

    Attributes:
        variance: By layer: variance of the slices of each weight, shape ``(slices, *weight)``.
        streams: The chip, the time and the read that the numbers belong to.
    """

    variance: Mapping[str, Tensor]
    streams: Streams


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What the layers of a chip compute at a time.

    A layer's output is ``gain * (crossbar @ x) + digital @ x + bias``: the analogue product with
    a multiplier behind the converter, and a parallel digital (or SRAM) branch that gets the same
    input and is added before batch norm and activation.

    Attributes:
        t_s: Time since programming in s.
        crossbar: By layer: the weight read from the conductances, torch layout.
        slices: By layer: that weight as slices that are converted each on their own, shape
            ``(slices, *weight)``; absent where there is one.
        noise: Read noise of each product, or None where reads are exact or drawn once.
        digital: By layer: the weight of the parallel branches, same shape; absent means none.
        gain: By layer: output multiplier, broadcastable to the weight; absent means 1.
        parameters: By full name: digital parameters and buffers that differ from the network's.
    """

    t_s: float
    crossbar: Mapping[str, Tensor]
    digital: Mapping[str, Tensor] = field(default_factory=dict)
    gain: Mapping[str, Tensor] = field(default_factory=dict)
    parameters: Mapping[str, Tensor] = field(default_factory=dict)
    slices: Mapping[str, Tensor] = field(default_factory=dict)
    noise: ProductNoise | None = None

    def sliced(self, layer: str) -> Tensor:
        """Return the slices of a layer's crossbar weight, shape ``(slices, *weight)``."""
        return self.slices[layer] if layer in self.slices else self.crossbar[layer][None]

    def weight(self, layer: str) -> Tensor:
        """Return the one weight that does what crossbar, gain and branches do together."""
        weight = self.crossbar[layer]
        if layer in self.gain:
            weight = weight * self.gain[layer]
        return weight + self.digital[layer] if layer in self.digital else weight

    def weights(self) -> dict[str, Tensor]:
        """Return the effective weight of every layer."""
        return {layer: self.weight(layer) for layer in self.crossbar}

    def add_digital(self, branches: Mapping[str, Tensor]) -> Snapshot:
        """Return the snapshot with further parallel branches, given as weights by layer."""
        digital = dict(self.digital)
        for layer, branch in branches.items():
            digital[layer] = digital[layer] + branch if layer in digital else branch
        return replace(self, digital=digital)

    def set_gain(self, gain: Mapping[str, Tensor]) -> Snapshot:
        """Return the snapshot with output multipliers multiplied onto those in place."""
        merged = dict(self.gain)
        for layer, value in gain.items():
            merged[layer] = merged[layer] * value if layer in merged else value
        return replace(self, gain=merged)

    def set_parameters(self, parameters: Mapping[str, Tensor]) -> Snapshot:
        """Return the snapshot with digital parameters or buffers replaced, by full name."""
        return replace(self, parameters={**self.parameters, **parameters})
