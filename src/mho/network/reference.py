"""The plain reference of a layer with converters: slow, obvious, and what all else must equal."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mho.crossbar.tiles import TileGrid
from mho.network.product import Product, gain_per_output
from mho.network.ranges import LayerCodes


class ReferenceLayer(nn.Module):
    """One layer, tile by tile: convert the input, multiply, convert each partial sum, add.

    ``y = gain * sum_tiles ADC(W_tile @ DAC(x)) + branch @ x + bias``; the branch is digital and
    sees the input before the DAC.

    Args:
        product: The layer's product.
        grid: Its tiles.
        codes: Its converters.
        weight: What the conductances read as, torch layout.
        gain: Multiplier, broadcastable to the weight, or None.
        branch: Weight of the parallel digital branches, or None.
        bias: Shape ``(outputs,)``, or None.
    """

    weight: Tensor
    gain: Tensor | None
    branch: Tensor | None
    bias: Tensor | None

    def __init__(
        self,
        product: Product,
        grid: TileGrid,
        codes: LayerCodes,
        *,
        weight: Tensor,
        gain: Tensor | None,
        branch: Tensor | None,
        bias: Tensor | None,
    ) -> None:
        super().__init__()
        self.product, self.grid, self.codes = product, grid, codes
        self.register_buffer("weight", weight)
        self.register_buffer("gain", gain)
        self.register_buffer("branch", branch)
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return what the layer returns, of the same shape."""
        x = self.product.pad(x)
        converted = x if self.codes.dac is None else self.codes.dac.quantise(x)
        y = torch.zeros(())
        for tile in range(self.grid.down):
            partial = self.product(converted, self._of_tile(tile))
            y = y + (partial if self.codes.adc is None else self.codes.adc.quantise(partial))
        if self.gain is not None:
            y = y * self.product.per_output(gain_per_output(self.gain, self.product.outputs))
        if self.branch is not None:
            y = y + self.product(x, self.branch)
        return y if self.bias is None else y + self.product.per_output(self.bias)

    def _of_tile(self, tile: int) -> Tensor:
        """Return the weight with all input channels outside one tile set to 0."""
        start = tile * self.grid.channels
        weight = torch.zeros_like(self.weight)
        weight[:, start : start + self.grid.channels] = self.weight[
            :, start : start + self.grid.channels
        ]
        return weight
