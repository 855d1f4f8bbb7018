"""The fast form of a layer with converters: all tiles in one grouped product."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mho.crossbar.tiles import TileGrid
from mho.network.product import Product
from mho.network.ranges import LayerCodes


class TiledLayer(nn.Module):
    """What :class:`~mho.network.reference.ReferenceLayer` computes, with one product for all tiles.

    Step sizes are folded into the weight, so that conversion is rounding and clipping in place, and
    back into the gain. The tiles of a convolution are groups of one convolution.

    Args:
        product: The layer's product.
        grid: Its tiles.
        codes: Its converters.
        shape: Shape of the weight.

    Attributes:
        observer: Called with the input and the partial sums before conversion, if set.
    """

    tiles: Tensor
    gain: Tensor
    bias: Tensor

    def __init__(
        self, product: Product, grid: TileGrid, codes: LayerCodes, shape: tuple[int, ...]
    ) -> None:
        super().__init__()
        self.product, self.grid, self.codes = product, grid, codes
        self.observer: Callable[[Tensor, Tensor], None] | None = None
        self._missing = grid.down * grid.channels - product.channels
        self.register_buffer("tiles", self._arranged(torch.zeros(shape)))
        self.register_buffer("gain", product.per_output(torch.ones(product.outputs)))
        self.register_buffer("bias", product.per_output(torch.zeros(product.outputs)))
        self.branch: Tensor | None = None

    @torch.no_grad()
    def load(
        self, weight: Tensor, gain: Tensor | None, branch: Tensor | None, bias: Tensor | None
    ) -> None:
        """Write the weights of a chip.

        Args:
            weight: What the conductances read as, torch layout.
            gain: One multiplier an output, shape ``(outputs,)``, or None for 1.
            branch: Weight of the digital branches, torch layout, or None.
            bias: Shape ``(outputs,)``, or None for 0.
        """
        dac, adc = self.codes.dac, self.codes.adc
        x_step, y_step = (1.0 if c is None else c.step for c in (dac, adc))
        self.tiles.copy_(self._arranged(weight * (x_step / y_step)))
        gains = torch.ones(self.product.outputs) if gain is None else gain
        self.gain.copy_(self.product.per_output(gains * y_step))
        zeros = torch.zeros(self.product.outputs)
        self.bias.copy_(self.product.per_output(zeros if bias is None else bias))
        self.branch = None if branch is None else branch.to(self.tiles.device)

    def forward(self, x: Tensor) -> Tensor:
        """Return what the layer returns, of the same shape."""
        x = self.product.pad(x)
        codes = x
        if self.codes.dac is not None:
            dac = self.codes.dac
            codes = (x * (1 / dac.step)).round_().clamp_(dac.low, dac.high)
        partial = self._linear(codes) if self.product.is_linear else self._convolution(codes)
        if self.observer is not None:
            self.observer(x, partial)
        if self.codes.adc is not None:
            partial.round_().clamp_(self.codes.adc.low, self.codes.adc.high)
        y = self._summed(partial) * self.gain
        y += self.bias
        return y if self.branch is None else y + self.product(x, self.branch)

    def _arranged(self, weight: Tensor) -> Tensor:
        """Return the weight as the tiles want it: ``(tiles, rows, outputs)``, or grouped."""
        down, per_tile, groups = self.grid.down, self.grid.channels, self.product.groups
        if self.product.is_linear:
            return F.pad(weight, (0, self._missing)).T.reshape(down, per_tile, -1).contiguous()
        kernel = weight.shape[2:]
        padded = F.pad(weight.flatten(2), (0, 0, 0, self._missing))
        tiles = padded.view(groups, self.product.outputs // groups, down, per_tile, -1)
        arranged = tiles.transpose(1, 2).reshape(-1, per_tile, *kernel)
        if len(kernel) == 2:
            return arranged.contiguous(memory_format=torch.channels_last)
        return arranged.contiguous()

    def _linear(self, codes: Tensor) -> Tensor:
        """Return the partial sums, shape ``(*batch, tiles, outputs)``."""
        rows = F.pad(codes, (0, self._missing)).flatten(0, -2)
        rows = rows.view(-1, self.grid.down, self.grid.channels)
        partial = torch.bmm(rows.transpose(0, 1), self.tiles).transpose(0, 1)
        return partial.reshape(*codes.shape[:-1], self.grid.down, -1)

    def _convolution(self, codes: Tensor) -> Tensor:
        """Return the partial sums, shape ``(batch, groups, tiles, outputs, *positions)``."""
        groups, down = self.product.groups, self.grid.down
        if self._missing:
            space = codes.shape[2:]
            codes = codes.view(codes.shape[0], groups, self.product.channels, *space)
            codes = F.pad(codes, (0, 0) * len(space) + (0, self._missing)).flatten(1, 2)
        partial = self.product(codes, self.tiles, groups * down)
        return partial.view(partial.shape[0], groups, down, -1, *partial.shape[2:])

    def _summed(self, partial: Tensor) -> Tensor:
        axis = -2 if self.product.is_linear else 2
        first, *others = partial.unbind(axis)
        if others:
            first = first + others[0]
            for other in others[1:]:
                first += other
        return first if self.product.is_linear else first.flatten(1, 2)
