"""What both forms of a layer with real periphery know: product, tiles, converters, drive."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from torch import Tensor

from mho.crossbar.drive import Bipolar, Drive, Wave
from mho.crossbar.tiles import TileGrid
from mho.network.product import Product
from mho.network.ranges import LayerCodes
from mho.network.tally import Tally


@dataclass(frozen=True, eq=False)
class Analogue:
    """One layer's product on crossbars with real periphery.

    Attributes:
        name: Name of the layer.
        product: The layer's product.
        grid: Its tiles.
        codes: Its converters.
        shape: Slices that are converted on their own, then the shape of the weight.
        drive: How inputs are put onto the rows.
        wanted: Wanted weights, shape as above, where the drive needs them; else None.
    """

    name: str
    product: Product
    grid: TileGrid
    codes: LayerCodes
    shape: tuple[int, ...]
    drive: Drive = field(default_factory=Bipolar)
    wanted: Tensor | None = None

    @property
    def x_step(self) -> float:
        """Size of one code of the inputs; 1 where the DAC is ideal."""
        return 1.0 if self.codes.dac is None else float(self.codes.dac.step)

    def waves(self, x: Tensor, tally: Tally | None = None) -> Iterator[Wave]:
        """Convert an input and return the waves that drive the rows with it."""
        dac = self.codes.dac
        if dac is None:
            yield from self.drive.waves(x, None, signed=self.codes.x_signed)
            return
        codes = (x * (1 / self.x_step)).round_()
        if tally is not None:
            tally.add_inputs(codes, dac)
        yield from self.drive.waves(
            codes.clamp_(dac.low, dac.high), dac, signed=self.codes.x_signed
        )
