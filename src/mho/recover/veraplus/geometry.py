"""What a VeRA+ branch must know of a layer: its channels, groups, kernel window and stride."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

from mho.network.mapped import MappedNetwork


@dataclass(frozen=True)
class Geometry:
    """The shape of one layer as a branch beside it sees it.

    Attributes:
        layer: Name of the mapped layer.
        inputs: Channels of its input, all groups together.
        outputs: Channels of its output.
        groups: Number of separate matrices.
        kernel: Kernel size, empty for a matrix product.
        step: Input positions per output position: the product of the strides.
        output_axis: Axis of the layer's weight that counts outputs: 0, or 1 for weights that are
            laid out the other way round (transposed convolutions).
    """

    layer: str
    inputs: int
    outputs: int
    groups: int = 1
    kernel: tuple[int, ...] = ()
    step: int = 1
    output_axis: int = 0

    @property
    def taps(self) -> int:
        """Positions of the kernel window, 1 for a matrix product."""
        return math.prod(self.kernel)

    @property
    def fan_in(self) -> int:
        """Inputs that one output sees."""
        return self.inputs // self.groups * self.taps

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the weight with outputs first: ``(outputs, inputs of a group, *kernel)``."""
        return (self.outputs, self.inputs // self.groups, *self.kernel)

    @property
    def centre(self) -> tuple[int, ...]:
        """The window's centre tap (for an even size the later of the two in the middle)."""
        return tuple(size // 2 for size in self.kernel)

    def outputs_first(self, weight: Tensor) -> Tensor:
        """Return a weight in the layer's own layout with outputs first, as in :attr:`shape`."""
        if self.output_axis == 0:
            return weight
        parts = (self.groups, self.inputs // self.groups, self.outputs // self.groups)
        return weight.reshape(*parts, *self.kernel).transpose(1, 2).reshape(self.shape)

    def own_layout(self, weight: Tensor) -> Tensor:
        """Return a weight with outputs first in the layer's own layout."""
        if self.output_axis == 0:
            return weight
        parts = (self.groups, self.outputs // self.groups, self.inputs // self.groups)
        turned = weight.reshape(*parts, *self.kernel).transpose(1, 2)
        return turned.reshape(self.inputs, self.outputs // self.groups, *self.kernel)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, for a bundle."""
        return {**asdict(self), "kernel": list(self.kernel)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Geometry:
        """Build it again from plain data."""
        return cls(**{**values, "kernel": tuple(values["kernel"])})


def geometries_of(network: MappedNetwork) -> tuple[Geometry, ...]:
    """Return the geometry of every layer on crossbars, in the network's order."""
    modules = dict(network.model.named_modules())
    found = []
    for layer in network.layers:
        own_axis = layer.matrix.output_axis
        kernel, groups = layer.shape[2:], layer.groups
        # Either axis counts all groups where it comes first, and one group where it comes second.
        first, second = layer.shape[0], layer.shape[1] * groups
        stride = getattr(modules[layer.module], "stride", ())
        found.append(
            Geometry(
                layer=layer.name,
                inputs=second if own_axis == 0 else first,
                outputs=first if own_axis == 0 else second,
                groups=groups,
                kernel=kernel,
                step=math.prod(stride) if layer.kind.startswith("conv") else 1,
                output_axis=own_axis,
            )
        )
    return tuple(found)
