"""The product of a layer in plain torch, whatever kind of layer it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from mho.errors import ModelError

_CONVOLUTIONS: dict[int, Callable[..., Tensor]] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_PLAIN = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


class Product:
    """``weight @ x`` of one Linear or convolution, without its bias.

    Args:
        module: The layer.
        name: Its name, for errors.

    Raises:
        ModelError: The layer is of another kind or has a forward pass of its own, so that
            converters cannot be put around its product.

    Attributes:
        kernel: Kernel positions of one input channel; 1 for a linear layer.
        channels: Input channels of one matrix.
        outputs: Outputs of all matrices together.
        groups: Number of matrices.
    """

    def __init__(self, module: nn.Module, name: str) -> None:
        if not any(type(module).forward is kind.forward for kind in _PLAIN):
            raise ModelError(
                f"layer '{name}' ({type(module).__name__}) computes more than a matrix product, so "
                f"converters cannot be put around it; keep it digital: digital=['{name}']."
            )
        self.is_linear = isinstance(module, nn.Linear)
        self.groups: int = 1
        if isinstance(module, nn.Linear):
            self.kernel, self.channels, self.outputs = 1, module.in_features, module.out_features
            return
        assert isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d)
        self.groups = module.groups
        self.channels = module.in_channels // module.groups
        self.outputs = module.out_channels
        self.kernel = module.weight[0, 0].numel()
        self.dims = len(module.kernel_size)
        self._mode = module.padding_mode
        self._edges: list[int] = module._reversed_padding_repeated_twice
        self._options: dict[str, Any] = {"stride": module.stride, "dilation": module.dilation}
        if self._mode == "zeros":
            self._options["padding"] = module.padding

    def pad(self, x: Tensor) -> Tensor:
        """Return the input with the edges that a layer with its own padding mode wants."""
        if self.is_linear or self._mode == "zeros":
            return x
        return F.pad(x, self._edges, mode=self._mode)

    def __call__(self, x: Tensor, weight: Tensor, groups: int | None = None) -> Tensor:
        """Return the product; inputs must have gone through :meth:`pad`."""
        if self.is_linear:
            return F.linear(x, weight)
        convolve = _CONVOLUTIONS[self.dims]
        return convolve(x, weight, None, groups=groups or self.groups, **self._options)

    def spread(self, x: Tensor) -> Tensor:
        """Return the padded input with its zeros written out, for :meth:`of_spread`."""
        if self.is_linear or self._mode != "zeros":
            return x
        return F.pad(x, self._edges)

    def of_spread(self, x: Tensor, weight: Tensor) -> Tensor:
        """Return the product of an input that :meth:`spread` returned."""
        if self.is_linear:
            return F.linear(x, weight)
        options = {**self._options, "padding": 0}
        return _CONVOLUTIONS[self.dims](x, weight, None, groups=self.groups, **options)

    def per_output(self, values: Tensor) -> Tensor:
        """Return one value an output, shaped to multiply what the product returns."""
        return values if self.is_linear else values.view(-1, *(1,) * self.dims)


def gain_per_output(gain: Tensor, outputs: int) -> Tensor:
    """Return a multiplier that is broadcastable to a weight as one value an output.

    >>> import torch
    >>> gain_per_output(torch.tensor([[2.0]]), 3).tolist()
    [2.0, 2.0, 2.0]
    """
    first = gain.flatten(1)[:, 0] if gain.ndim > 1 else gain
    return first.expand(outputs)
