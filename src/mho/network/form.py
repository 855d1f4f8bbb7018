"""The plain product inside a layer: the Linear or convolution that its tiles compute."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mho.errors import ModelError
from mho.network.layer import MappedLayer
from mho.network.product import Product, gain_per_output

_POINTWISE = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
_TRANSPOSED = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
_RECURRENT = (nn.RNN, nn.LSTM, nn.GRU)


@dataclass(frozen=True, eq=False)
class Form:
    """How a layer of some kind is a plain product.

    Attributes:
        product: The product.
        shape: Shape of a weight in its layout.
        whole: Whether product and bias are all that the layer does. Else something is around it
            (:mod:`mho.network.composite`), which adds the bias too.
        arrange: Turns a weight of the layer's layout into the product's; None where they are one.
    """

    product: Product
    shape: tuple[int, ...]
    whole: bool = True
    arrange: Callable[[Tensor], Tensor] | None = None

    def arranged(self, slices: Tensor) -> Tensor:
        """Return weights ``(slices, *weight)`` in the product's layout."""
        if self.arrange is None:
            return slices
        return torch.stack([self.arrange(weight) for weight in slices])

    def per_output(self, gain: Tensor, shape: tuple[int, ...]) -> Tensor:
        """Return a multiplier that is broadcastable to a weight as one value an output.

        Args:
            gain: The multiplier.
            shape: Shape of the weight in the layer's layout.
        """
        if self.arrange is None:
            return gain_per_output(gain, self.product.outputs)
        return self.arrange(gain.expand(shape)).flatten(1)[:, 0]


def form_of(layer: MappedLayer, module: nn.Module) -> Form:
    """Return the plain product of a layer.

    Args:
        layer: The layer.
        module: The module that holds its weight.

    Raises:
        ModelError: The module has a forward pass of its own.
    """
    kind = layer.kind
    if kind == "linear-transposed":
        return Form(_linear(layer), (layer.cols, layer.rows), arrange=lambda w: w.T.contiguous())
    if kind.startswith("transposed-conv"):
        dims = len(layer.shape) - 2
        _refuse_own_forward(module, layer, (_TRANSPOSED[dims],))
        return _pointwise(layer, dims)
    if kind == "attention":
        _refuse_own_forward(module, layer, (nn.MultiheadAttention,))
        return Form(_linear(layer), layer.shape, whole=False)
    if kind == "recurrent":
        _refuse_own_forward(module, layer, _RECURRENT)
        return Form(_linear(layer), layer.shape, whole=False)
    return Form(Product(module, layer.name), layer.shape)


def _linear(layer: MappedLayer) -> Product:
    return Product(nn.Linear(layer.rows, layer.cols, device="meta"), layer.name)


def _pointwise(layer: MappedLayer, dims: int) -> Form:
    """Return a transposed convolution's product: every input position on its own.

    One column computes one kernel position of one output; what overlaps is added up afterwards.
    """
    groups, rows, cols = layer.groups, layer.rows, layer.cols
    module = _POINTWISE[dims](groups * rows, groups * cols, 1, groups=groups, device="meta")
    shape = (groups * cols, rows, *(1,) * dims)

    def arrange(weight: Tensor) -> Tensor:
        return weight.reshape(groups, rows, cols).transpose(1, 2).reshape(shape)

    return Form(Product(module, layer.name), shape, whole=False, arrange=arrange)


def _refuse_own_forward(
    module: nn.Module, layer: MappedLayer, kinds: tuple[type[nn.Module], ...]
) -> None:
    if any(type(module).forward is kind.forward for kind in kinds):
        return
    raise ModelError(
        f"layer '{layer.name}' ({type(module).__name__}) has a forward pass of its own, so "
        f"converters cannot be put into it; keep it digital: digital=['{layer.module}']."
    )


def kernel_positions(layer: MappedLayer) -> int:
    """Return how many rows of a layer's matrix belong to one input channel."""
    return math.prod(layer.shape[2:]) if layer.kind.startswith("conv") else 1
