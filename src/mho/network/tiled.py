"""The fast form of a layer with real periphery: all tiles in one grouped product."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mho.crossbar.drive import Wave
from mho.network.analogue import Analogue
from mho.network.reads import Reads
from mho.network.tally import Tally


class TiledLayer(nn.Module):
    """What :class:`~mho.network.reference.ReferenceLayer` computes, with one product for all tiles.

    Step sizes are folded into the weight, so that conversion is rounding and clipping in place, and
    back out of the sums. The tiles of a convolution are groups of one convolution.

    Args:
        analogue: The layer's product, tiles and periphery.

    Attributes:
        observer: Called with the input, the number of the slice and the partial sums before
            conversion, if set.
        tally: Counts what the converters do, if set.
        reads: Where the noise of products comes from.
    """

    tiles: Tensor
    variance: Tensor | None
    steps: Tensor
    back: Tensor | None
    shift: Tensor | None
    gain: Tensor
    bias: Tensor

    def __init__(self, analogue: Analogue) -> None:
        super().__init__()
        self.analogue, self.product, self.grid = analogue, analogue.product, analogue.grid
        self.observer: Callable[[Tensor, int, Tensor], None] | None = None
        self.tally: Tally | None = None
        self.reads = Reads()
        self._missing = self.grid.down * self.grid.channels - self.product.channels
        product, codes = self.product, analogue.codes
        slices = analogue.shape[0]
        self.register_buffer("tiles", self._stacked([torch.zeros(analogue.shape[1:])] * slices))
        self.register_buffer("variance", None)
        self.register_buffer("shift", None)
        self.register_buffer("gain", product.per_output(torch.ones(product.outputs)))
        self.register_buffer("bias", product.per_output(torch.zeros(product.outputs)))
        self.branch: Tensor | None = None
        x_step = analogue.x_step
        y_step = torch.as_tensor(1.0 if codes.adc is None else codes.adc.step, dtype=torch.float64)
        self.register_buffer("steps", x_step / y_step)
        shared = y_step.numel() == 1
        self._y_step = float(y_step.flatten()[0]) if shared else 1.0
        self.register_buffer("back", None if shared else y_step.float())
        if analogue.wanted is not None:
            self.register_buffer("shift", self._column_sums(analogue.wanted) * x_step)

    @torch.no_grad()
    def load(
        self,
        slices: Tensor,
        gain: Tensor | None,
        branch: Tensor | None,
        bias: Tensor | None,
        variance: Tensor | None = None,
    ) -> None:
        """Write the weights of a chip.

        Args:
            slices: What the conductances read as, shape ``(slices, *weight)``.
            gain: One multiplier an output, shape ``(outputs,)``, or None for 1.
            branch: Weight of the digital branches, torch layout, or None.
            bias: Shape ``(outputs,)``, or None for 0.
            variance: Variance of a read of each weight, shape of ``slices``, or None.
        """
        slices = slices.to(self.tiles.device)
        variance = None if variance is None else variance.to(self.tiles.device)
        if self.tiles.shape[0] == 1:
            slices = slices.sum(0, keepdim=True)
            variance = None if variance is None else variance.sum(0, keepdim=True)
        for s, weight in enumerate(slices):
            self.tiles[s] = self._scaled(self._arranged(weight), s)
        self.variance = None
        if variance is not None:
            self.variance = self._stacked(list(variance))
            for s, own in enumerate(self.variance):
                own.copy_(self._scaled(self._scaled(own, s), s))
        gains = torch.ones(self.product.outputs) if gain is None else gain
        self.gain.copy_(self.product.per_output(gains * self._y_step))
        zeros = torch.zeros(self.product.outputs)
        self.bias.copy_(self.product.per_output(zeros if bias is None else bias))
        self.branch = None if branch is None else branch.to(self.tiles.device)

    @property
    def weight(self) -> Tensor:
        """Nothing, of the weight's type: networks ask for it, and none may compute with it."""
        return self.gain.new_zeros(0)

    def forward(self, x: Tensor) -> Tensor:
        """Return what the layer returns, of the same shape."""
        x = self.product.pad(x)
        call = self.reads.call(self.analogue.name)
        total: Tensor | None = None
        for w, wave in enumerate(self.analogue.waves(x, self.tally)):
            for s in range(self.tiles.shape[0]):
                part = self._converted(x, wave, w, s, call)
                if wave.weight != 1:
                    part = part * wave.weight
                total = part if total is None else total + part
        assert total is not None
        y = total * self.gain
        y += self.bias
        return y if self.branch is None else y + self.product(x, self.branch)

    def columns_of(self, partial: Tensor) -> Tensor:
        """Return partial sums column by column, shape ``(tiles, outputs, all products)``."""
        if self.product.is_linear:
            return partial.flatten(0, -3).permute(1, 2, 0)
        by_tile = partial.transpose(1, 2).flatten(2, 3).flatten(3)
        return by_tile.permute(1, 2, 0, 3).flatten(2)

    def _converted(self, x: Tensor, wave: Wave, w: int, s: int, call: int) -> Tensor:
        """Return the sum over tiles of the converted partial sums of one wave and slice."""
        partial = self._product(wave.values, self.tiles[s])
        if wave.shift:
            partial += wave.shift * self._per_column(self._sums_of_rows(self.tiles[s]))
        if self.variance is not None:
            partial += self._noise(wave, s, partial.shape, call, w)
        if self.observer is not None:
            self.observer(x, s, partial)
        adc = self.analogue.codes.adc
        if adc is not None:
            if self.tally is not None:
                self.tally.add_sums(partial, adc)
            partial.round_().clamp_(adc.low, adc.high)
            if self.back is not None:
                partial = partial * self._per_column(self._of_slice(self.back, s))
        summed = self._summed(partial)
        if wave.shift and self.shift is not None:
            summed = summed - self.product.per_output(self.shift[s] * (wave.shift / self._y_step))
        return summed

    def _noise(self, wave: Wave, s: int, shape: torch.Size, call: int, w: int) -> Tensor:
        """Return ``sqrt(sum of x² sd²)`` times a normal number, for each partial sum."""
        assert self.variance is not None
        values, shift = wave.values, wave.shift
        squares = values * (values + 2 * shift) if shift else values * values
        variance = self._product(squares, self.variance[s])
        if shift:
            variance += shift**2 * self._per_column(self._sums_of_rows(self.variance[s]))
        numbers = self.reads.normal(shape, self.analogue.name, call, w, s).to(variance.device)
        return variance.clamp_min_(0).sqrt_().mul_(numbers)

    def _of_slice(self, steps: Tensor, s: int) -> Tensor:
        """Return the values of one slice for every tile and output, shape ``(tiles, outputs)``."""
        own = steps if steps.ndim == 0 else steps[min(s, steps.shape[0] - 1)]
        return own.expand(self.grid.down, self.product.outputs)

    def _scaled(self, arranged: Tensor, s: int) -> Tensor:
        """Return an arranged weight in units of the converters' steps."""
        if self.steps.numel() == 1:
            return arranged * self.steps.flatten()[0]
        steps = self._of_slice(self.steps, s)
        if self.product.is_linear:
            return arranged * steps[:, None, :]
        steps = self._by_group(steps).flatten()
        return arranged * steps.view(-1, *(1,) * (arranged.ndim - 1))

    def _by_group(self, values: Tensor) -> Tensor:
        """Turn ``(tiles, outputs)`` into ``(groups, tiles, outputs of a group)``."""
        groups = self.product.groups
        return values.view(self.grid.down, groups, -1).transpose(0, 1)

    def _per_column(self, values: Tensor) -> Tensor:
        """Shape ``(tiles, outputs)`` to broadcast over partial sums."""
        if self.product.is_linear:
            return values
        by_group = self._by_group(values)
        return by_group.reshape(*by_group.shape, *(1,) * self.product.dims)

    def _sums_of_rows(self, arranged: Tensor) -> Tensor:
        """Return the sum over the rows of each tile, shape ``(tiles, outputs)``."""
        if self.product.is_linear:
            return arranged.sum(1)
        sums = arranged.flatten(1).sum(1).view(self.product.groups, self.grid.down, -1)
        return sums.transpose(0, 1).reshape(self.grid.down, -1)

    def _column_sums(self, wanted: Tensor) -> Tensor:
        """Return the sums of the wanted weights of all rows, shape ``(slices, outputs)``."""
        return torch.stack([self._sums_of_rows(self._arranged(w)).sum(0) for w in wanted])

    def _arranged(self, weight: Tensor) -> Tensor:
        """Return the weight as the tiles want it: ``(tiles, rows, outputs)``, or grouped."""
        down, per_tile, groups = self.grid.down, self.grid.channels, self.product.groups
        if self.product.is_linear:
            return F.pad(weight, (0, self._missing)).T.reshape(down, per_tile, -1).contiguous()
        kernel = weight.shape[2:]
        padded = F.pad(weight.flatten(2), (0, 0, 0, self._missing))
        tiles = padded.view(groups, self.product.outputs // groups, down, per_tile, -1)
        return tiles.transpose(1, 2).reshape(-1, per_tile, *kernel)

    def _stacked(self, slices: list[Tensor]) -> Tensor:
        """Return slices arranged one after the other; each of a conv2d lies channels last."""
        arranged = [self._arranged(weight) for weight in slices]
        if arranged[0].ndim != 4 or self.product.is_linear:
            return torch.stack(arranged)
        return torch.stack([a.permute(0, 2, 3, 1) for a in arranged]).permute(0, 1, 4, 2, 3)

    def _product(self, codes: Tensor, tiles: Tensor) -> Tensor:
        """Return the partial sums.

        For linear layers of shape ``(*batch, tiles, outputs)``, for convolutions of shape
        ``(batch, groups, tiles, outputs of a group, *positions)``.
        """
        down = self.grid.down
        if self.product.is_linear:
            rows = F.pad(codes, (0, self._missing)).flatten(0, -2).view(-1, down, tiles.shape[1])
            partial = torch.bmm(rows.transpose(0, 1), tiles).transpose(0, 1)
            return partial.reshape(*codes.shape[:-1], down, -1)
        groups = self.product.groups
        if self._missing:
            space = codes.shape[2:]
            codes = codes.view(codes.shape[0], groups, self.product.channels, *space)
            codes = F.pad(codes, (0, 0) * len(space) + (0, self._missing)).flatten(1, 2)
        partial = self.product(codes, tiles, groups * down)
        return partial.view(partial.shape[0], groups, down, -1, *partial.shape[2:])

    def _summed(self, partial: Tensor) -> Tensor:
        """Add up the tiles."""
        axis = -2 if self.product.is_linear else 2
        first, *others = partial.unbind(axis)
        if others:
            first = first + others[0]
            for other in others[1:]:
                first += other
        return first if self.product.is_linear else first.flatten(1, 2)
