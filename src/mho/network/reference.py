"""The plain reference of a layer with real periphery: slow, obvious; all else must equal it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mho.network.analogue import Analogue
from mho.network.product import gain_per_output
from mho.network.reads import Reads


class ReferenceLayer(nn.Module):
    """One layer: convert the input, and for each wave, slice and tile multiply, convert, add.

    ``y = gain * sum weight_wave ADC(W_slice,tile @ (x_wave + shift) + noise) + branch @ x + bias``
    less what the shift adds for the wanted weights; the branch is digital and sees the input before
    the DAC.

    Args:
        analogue: The layer's product, tiles and periphery.
        slices: What the conductances read as, shape ``(slices, *weight)``.
        variance: Variance of a read of each weight, shape of ``slices``, or None.
        gain: Multiplier, broadcastable to the weight, or None.
        branch: Weight of the parallel digital branches, or None.
        bias: Shape ``(outputs,)``, or None.
        reads: Where the noise of products comes from.
    """

    slices: Tensor
    variance: Tensor | None
    gain: Tensor | None
    branch: Tensor | None
    bias: Tensor | None

    def __init__(
        self,
        analogue: Analogue,
        *,
        slices: Tensor,
        variance: Tensor | None = None,
        gain: Tensor | None,
        branch: Tensor | None,
        bias: Tensor | None,
        reads: Reads | None = None,
    ) -> None:
        super().__init__()
        self.analogue, self.product, self.grid = analogue, analogue.product, analogue.grid
        self.reads = Reads() if reads is None else reads
        self.register_buffer("slices", slices)
        self.register_buffer("variance", variance)
        self.register_buffer("gain", gain)
        self.register_buffer("branch", branch)
        self.register_buffer("bias", bias)

    @property
    def weight(self) -> Tensor:
        """Nothing, of the weight's type: networks ask for it, and none may compute with it."""
        return self.slices.new_zeros(0)

    def forward(self, x: Tensor) -> Tensor:
        """Return what the layer returns, of the same shape."""
        product, x_step = self.product, self.analogue.x_step
        padded = product.pad(x)
        call = self.reads.call(self.analogue.name)
        y = torch.zeros(())
        for w, wave in enumerate(self.analogue.waves(padded)):
            values = (product.spread(wave.values) + wave.shift) * x_step
            for s, weight in enumerate(self.slices):
                numbers = None
                for tile in range(self.grid.down):
                    partial = product.of_spread(values, self._of_tile(weight, tile))
                    if self.variance is not None:
                        if numbers is None:
                            numbers = self._numbers(partial, call, w, s).to(partial.device)
                        variance = product.of_spread(
                            values**2, self._of_tile(self.variance[s], tile)
                        )
                        partial = partial + variance.sqrt() * numbers[tile]
                    y = y + wave.weight * self._converted(partial, s, tile)
                if wave.shift:
                    assert self.analogue.wanted is not None
                    shifted = torch.full_like(values, wave.shift * x_step)
                    wanted = self.analogue.wanted[s].to(values.device)
                    y = y - wave.weight * product.of_spread(shifted, wanted)
        if self.gain is not None:
            y = y * product.per_output(gain_per_output(self.gain, product.outputs))
        if self.branch is not None:
            y = y + product(padded, self.branch)
        return y if self.bias is None else y + product.per_output(self.bias)

    def _converted(self, partial: Tensor, s: int, tile: int) -> Tensor:
        """Return the partial sums of one tile behind the ADC."""
        adc = self.analogue.codes.adc
        if adc is None:
            return partial
        if not isinstance(adc.step, Tensor):
            return adc.quantise(partial)
        slices, tiles, _ = adc.step.shape
        step = adc.step[min(s, slices - 1), min(tile, tiles - 1)].expand(self.product.outputs)
        step = self.product.per_output(step).to(partial)
        return (partial / step).round().clamp(adc.low, adc.high) * step

    def _numbers(self, partial: Tensor, call: int, w: int, s: int) -> Tensor:
        """Return the normal numbers of all tiles, shape ``(tiles, *partial)``."""
        down, groups = self.grid.down, self.product.groups
        if self.product.is_linear:
            shape = torch.Size((*partial.shape[:-1], down, partial.shape[-1]))
            return self.reads.normal(shape, self.analogue.name, call, w, s).movedim(-2, 0)
        batch, outputs, *positions = partial.shape
        shape = torch.Size((batch, groups, down, outputs // groups, *positions))
        numbers = self.reads.normal(shape, self.analogue.name, call, w, s)
        return numbers.movedim(2, 0).flatten(2, 3)

    def _of_tile(self, weight: Tensor, tile: int) -> Tensor:
        """Return the weight with all input channels outside one tile set to 0."""
        start = tile * self.grid.channels
        alone = torch.zeros_like(weight)
        alone[:, start : start + self.grid.channels] = weight[:, start : start + self.grid.channels]
        return alone
