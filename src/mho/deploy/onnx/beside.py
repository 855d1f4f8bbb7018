"""A layer on crossbars with everything digital that runs beside it, as one module."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from mho.recover.veraplus.geometry import Geometry
from mho.recover.veraplus.projections import Projections, window_unit

PLAIN = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
"""Layers whose branches are computed beside them; those of others are added to the weight."""


class LayerBeside(nn.Module):
    """``y = gain * (crossbar x) + digital x + b * (B (d * (A x))) + bias``, each product by itself.

    Args:
        layer: A linear layer or a convolution.
        crossbar: The weight read from the conductances.
        digital: Weight of a parallel digital (SRAM) branch, or None.
        gain: Output multiplier, broadcastable to the weight, or None.
        geometry: The layer as its VeRA+ branch sees it, or None where there is none.
        projections: The shared A and B.
    """

    crossbar: Tensor
    bias: Tensor | None
    digital: Tensor | None
    gain: Tensor | None
    b: Tensor
    d: Tensor

    def __init__(
        self,
        layer: nn.Module,
        crossbar: Tensor,
        digital: Tensor | None,
        gain: Tensor | None,
        geometry: Geometry | None,
        projections: Projections | None,
    ) -> None:
        super().__init__()
        self._product = _product_of(layer)
        self._outputs = len(crossbar)
        self.register_buffer("crossbar", crossbar.clone())
        bias = layer.get_parameter("bias") if layer._parameters.get("bias") is not None else None
        self.register_buffer("bias", None if bias is None else bias.detach().clone())
        self.register_buffer("digital", None if digital is None else digital.clone())
        factor = None if gain is None else gain.expand(self._outputs, *gain.shape[1:]).reshape(-1)
        self.register_buffer("gain", None if factor is None else factor.clone())
        self._beside: Branch | None = None
        if geometry is not None and projections is not None:
            self._beside = Branch(geometry, projections, layer)
            self.register_buffer("b", torch.zeros(geometry.outputs))
            self.register_buffer("d", torch.zeros(projections.rank))

    def forward(self, x: Tensor) -> Tensor:
        """Return the layer's output."""
        y = self._product(x, self.crossbar)
        if self.gain is not None:
            y = y * self._per_output(self.gain, y)
        if self.digital is not None:
            y = y + self._product(x, self.digital)
        if self._beside is not None:
            y = y + self._beside(x, y, self.b, self.d)
        return y if self.bias is None else y + self._per_output(self.bias, y)

    def _per_output(self, values: Tensor, y: Tensor) -> Tensor:
        return _per_channel(values, 0 if isinstance(self._product, _Matrix) else y.dim() - 2)


class Branch(nn.Module):
    """``b * (B (d * (A x)))`` with A as a 1×1 kernel, a window kernel, or sums over the window.

    Args:
        geometry: The layer as the branch sees it.
        projections: The shared A and B, cut here to the layer's size.
        layer: The layer itself, for its stride and padding.
    """

    a: Tensor
    mix: Tensor
    ones: Tensor

    def __init__(self, geometry: Geometry, projections: Projections, layer: nn.Module) -> None:
        super().__init__()
        self._geometry, self._product = geometry, _product_of(layer)
        self._window, self._rows = projections.window, len(projections.a)
        wide = projections.reach == "window"
        groups, rows = geometry.groups, self._rows
        taps = geometry.kernel if wide else (1,) * len(geometry.kernel)
        columns = geometry.inputs * math.prod(taps)
        own = projections.a[:, :columns].reshape(rows, groups, columns // groups).transpose(0, 1)
        self.register_buffer("a", own.reshape(groups * rows, geometry.inputs // groups, *taps))
        ones = (1,) * len(geometry.kernel)
        mix = projections.b[: geometry.outputs].reshape(geometry.outputs, rows, *ones)
        self.register_buffer("mix", mix)
        self.register_buffer("ones", torch.ones(groups, 1, *geometry.kernel))
        self._narrow = None if wide or not geometry.kernel else _Narrow(layer, geometry)

    def forward(self, x: Tensor, y: Tensor, b: Tensor, d: Tensor) -> Tensor:
        """Return the branch's output, shaped like ``y``."""
        geometry, spatial = self._geometry, len(self._geometry.kernel)
        total: Tensor | float = 0.0
        if self._rows:
            z = self._rows_of(x, y) * _per_channel(d[int(self._window) :].repeat(geometry.groups),
                                                   spatial)  # fmt: skip
            total = _Convolution(groups=geometry.groups)(z, self.mix) if spatial else z @ self.mix.T
        if self._window:
            sums = self._sums(x) * (d[0] * window_unit(geometry))
            outputs = geometry.outputs // geometry.groups
            if geometry.groups > 1:
                sums = sums.repeat_interleave(outputs, dim=1)
            total = total + sums
        return _per_channel(b, spatial) * total

    def _rows_of(self, x: Tensor, y: Tensor) -> Tensor:
        if self._narrow is None:
            return self._product(x, self.a)
        return self._narrow(x, y, self.a)

    def _sums(self, x: Tensor) -> Tensor:
        """Return the sum of each group's window: over channels first, then over the window."""
        if not self._geometry.kernel:
            return x.sum(-1, keepdim=True)
        parts = x.reshape(x.shape[0], self._geometry.groups, -1, *x.shape[2:]).sum(2)
        return self._product(parts, self.ones)


class _Matrix:
    """``x W^T``."""

    def __call__(self, x: Tensor, weight: Tensor) -> Tensor:
        return functional.linear(x, weight)


class _Convolution:
    """A convolution of any dimension with given settings."""

    _BY_DIMENSION = {3: functional.conv1d, 4: functional.conv2d, 5: functional.conv3d}  # noqa: RUF012

    def __init__(self, **settings: Any) -> None:
        self._settings = settings

    def __call__(self, x: Tensor, weight: Tensor) -> Tensor:
        return self._BY_DIMENSION[weight.dim()](x, weight, **self._settings)


def _product_of(layer: nn.Module) -> _Matrix | _Convolution:
    if isinstance(layer, nn.Linear):
        return _Matrix()
    assert isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d)
    return _Convolution(
        stride=layer.stride, padding=layer.padding, dilation=layer.dilation, groups=layer.groups
    )


class _Narrow:
    """A 1×1 kernel where the centre tap of the layer's own window lies, after its stride."""

    def __init__(self, layer: nn.Module, geometry: Geometry) -> None:
        assert isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d)
        padding = layer.padding
        if isinstance(padding, str):
            sides = zip(layer.dilation, geometry.kernel, strict=True)
            padding = tuple(d * (k - 1) // 2 if padding == "same" else 0 for d, k in sides)
        places = zip(padding, geometry.centre, layer.dilation, strict=True)
        self._first = [p - c * d for p, c, d in places]
        self._stride = layer.stride
        self._groups = geometry.groups

    def __call__(self, x: Tensor, y: Tensor, a: Tensor) -> Tensor:
        pads: list[int] = []
        for axis in reversed(range(len(self._first))):
            first, step = self._first[axis], self._stride[axis]
            last = (y.shape[2 + axis] - 1) * step + 1 - first - x.shape[2 + axis]
            pads += [first, last]
        if any(pads):  # a negative one cuts off
            x = functional.pad(x, pads)
        if any(step > 1 for step in self._stride):
            every: Any = (..., *(slice(None, None, step) for step in self._stride))
            x = x[every]
        return _Convolution(groups=self._groups)(x, a)


def _per_channel(values: Tensor, spatial: int) -> Tensor:
    """Return one value a channel, broadcastable to ``(batch, channels, *spatial)``."""
    return values.reshape(-1, *(1,) * spatial)
