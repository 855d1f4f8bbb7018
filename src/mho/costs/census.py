"""Counting what a network occupies and does: cells, tiles, conversions, operations, bits."""

from __future__ import annotations

from dataclasses import dataclass

from mho.crossbar.hardware import Hardware
from mho.network.applied import Additions
from mho.network.chip import Chip
from mho.network.layer import MappedLayer
from mho.network.mapped import MappedNetwork


@dataclass(frozen=True)
class LayerCensus:
    """One layer on crossbars.

    Attributes:
        layer: Name of the layer.
        weights: Number of weights.
        cells: RRAM cells that hold them.
        tiles: Tiles that they occupy.
        row_blocks: Tiles that one output's inputs are spread over; their results are added.
        col_blocks: Tiles that one input is driven into.
        inputs: Inputs of one product, all groups together.
        outputs: Outputs of one product, all groups together.
        products: Matrix–vector products per input of the network; None where never traced.
        macs: Multiply–accumulates per input of the network; None where never traced.
        conductance_uS: Sum of the wanted conductances of all cells, in µS.
    """

    layer: str
    weights: int
    cells: int
    tiles: int
    row_blocks: int
    col_blocks: int
    inputs: int
    outputs: int
    products: int | None
    macs: int | None
    conductance_uS: float

    @property
    def dac_conversions(self) -> int | None:
        """Input values driven into tiles, per input of the network."""
        return None if self.products is None else self.products * self.inputs * self.col_blocks

    @property
    def adc_conversions(self) -> int | None:
        """Column results read from tiles, per input of the network and input cycle."""
        return None if self.products is None else self.products * self.outputs * self.row_blocks

    @property
    def values_moved(self) -> int | None:
        """Values brought to and taken from the layer, per input of the network."""
        return None if self.products is None else self.products * (self.inputs + self.outputs)


@dataclass(frozen=True)
class Census:
    """All layers of a network on its hardware, and what the recoveries add.

    Attributes:
        layers: The layers on crossbars.
        hardware: Tile size and converters.
        stored_cells: RRAM cells that hold parameters which are no matrices (biases and batch norm
            of ``charan2020-legacy``).
        digital_parameters: Parameters that stayed digital.
        digital_macs: Multiply–accumulates of layers that stayed digital, as far as traced.
        adds: What each recovery adds, in order.
    """

    layers: tuple[LayerCensus, ...]
    hardware: Hardware
    stored_cells: int
    digital_parameters: int
    digital_macs: int
    adds: tuple[Additions, ...]

    @property
    def weights(self) -> int:
        """Weights on crossbars."""
        return sum(layer.weights for layer in self.layers)

    @property
    def cells(self) -> int:
        """RRAM cells in use."""
        return sum(layer.cells for layer in self.layers) + self.stored_cells

    @property
    def tiles(self) -> int:
        """Tiles in use."""
        per_tile = self.hardware.rows * self.hardware.cols
        return sum(layer.tiles for layer in self.layers) + _ceil(self.stored_cells, per_tile)

    @property
    def utilisation(self) -> float:
        """Share of the tiles' cells that are in use."""
        return self.cells / (self.tiles * self.hardware.rows * self.hardware.cols)

    @property
    def macs(self) -> int | None:
        """Multiply–accumulates per input of the network; None where never traced."""
        macs = [layer.macs for layer in self.layers]
        if any(m is None for m in macs):
            return None
        return sum(m or 0 for m in macs) + self.digital_macs

    @property
    def dac_conversions(self) -> int | None:
        """Input values driven into tiles per input of the network; None where never traced."""
        return _total([layer.dac_conversions for layer in self.layers])

    @property
    def adc_conversions(self) -> int | None:
        """Column results read per input of the network and input cycle; None where untraced."""
        return _total([layer.adc_conversions for layer in self.layers])

    @property
    def products(self) -> int | None:
        """Matrix–vector products per input of the network; None where never traced."""
        return _total([layer.products for layer in self.layers])

    @property
    def added(self) -> Additions:
        """What all recoveries add together."""
        return sum(self.adds, Additions())


def census(target: MappedNetwork | Chip) -> Census:
    """Count the parts of a mapped network, or of one chip with its own recoveries.

    Use it to see what is priced before any price; :func:`mho.cost` multiplies it with a book.
    Groups of a grouped convolution are packed along the diagonal of a tile as far as they fit.
    A pair's cells lie in neighbouring columns and are subtracted before the converter, so a weight
    column is read once however many cells a weight has.

    Args:
        target: A mapped network or a chip.

    Example:
        >>> import mho, torch
        >>> model = torch.nn.Linear(200, 100)
        >>> counted = census(mho.map_network(model, mho.Hardware(device="charan2020")))
        >>> counted.cells, counted.tiles
        (40000, 4)
    """
    network = target.network if isinstance(target, Chip) else target
    digital = network.coverage.digital
    return Census(
        layers=tuple(_count(layer, network.hardware) for layer in network.layers),
        hardware=network.hardware,
        stored_cells=sum(encoded.g_target_uS.size for encoded in network.stored.values()),
        digital_parameters=0 if network.stored else sum(row.parameters for row in digital),
        digital_macs=sum(row.macs or 0 for row in digital),
        adds=tuple(applied.adds for applied in target.applied),
    )


def _count(layer: MappedLayer, hardware: Hardware) -> LayerCensus:
    cells = layer.encoded.g_target_uS
    columns = layer.cols * len(cells)
    row_blocks = _ceil(layer.rows, hardware.rows)
    col_blocks = _ceil(columns, hardware.cols)
    packed = max(1, min(hardware.rows // layer.rows, hardware.cols // columns))
    return LayerCensus(
        layer=layer.name,
        weights=layer.weights,
        cells=cells.size,
        tiles=_ceil(layer.groups, packed) * row_blocks * col_blocks,
        row_blocks=row_blocks,
        col_blocks=col_blocks,
        inputs=layer.rows * layer.groups,
        outputs=layer.cols * layer.groups,
        products=layer.positions,
        macs=layer.macs,
        conductance_uS=float(cells.sum(dtype="float64")),
    )


def _ceil(amount: int, size: int) -> int:
    return -(-amount // size)


def _total(counts: list[int | None]) -> int | None:
    return None if None in counts else sum(c or 0 for c in counts)
