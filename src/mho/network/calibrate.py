"""Finding what the converters of each layer see, by running the network on its tiles."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from mho.crossbar.drive import Bipolar
from mho.errors import ConfigError, DataError
from mho.network.call import Inputs, call
from mho.network.composite import with_product
from mho.network.mapped import MappedNetwork
from mho.network.ranges import Columns, LayerCodes, LayerRange, layer_codes
from mho.network.reads import Reads
from mho.network.tiled import TiledLayer

_AT_ONCE = 32  # inputs


def tiled(
    network: MappedNetwork, codes: Mapping[str, LayerCodes], reads: Reads | None = None
) -> tuple[nn.Module, dict[str, TiledLayer]]:
    """Return a copy of the digital network with tiled layers in place, and these by name.

    Their weights are zero until loaded.

    Args:
        network: A mapped network.
        codes: Converters by layer; absent ones are ideal.
        reads: Where all layers get the noise of their products.
    """
    model = copy.deepcopy(network.model)
    layers = {}
    for layer in network.layers:
        tiles = TiledLayer(network.analogue(layer, codes.get(layer.name, LayerCodes())))
        tiles.reads = reads or tiles.reads
        layers[layer.name] = tiles
        model = with_product(model, layer, network.form(layer), tiles)
    return model, layers


@torch.inference_mode()
def find_ranges(
    network: MappedNetwork, inputs: Inputs, *, quantile: float = 1.0
) -> dict[str, LayerRange]:
    """Run the network with its wanted weights and note what each converter would see.

    Inputs first; where they are driven in several waves, the partial sums in a second run.

    Args:
        network: A mapped network.
        inputs: Training or calibration inputs.
        quantile: Share of the magnitudes seen that must not be clipped, 0.5 to 1.

    Returns:
        Ranges by layer.

    Raises:
        ConfigError: ``quantile`` is out of range.
        DataError: A layer is not used by these inputs.
    """
    if not 0.5 <= quantile <= 1:
        raise ConfigError(f"quantile must lie in 0.5 … 1; got {quantile}.")
    hardware = network.hardware
    plain = replace(network, hardware=hardware.model_copy(update={"drive": Bipolar()}))
    ranges = _observed(plain, inputs, {}, quantile)
    if hardware.drive == Bipolar():
        return ranges
    codes = {n: layer_codes(hardware, ranges, n, adc=False) for n in ranges}
    driven = _observed(network, inputs, codes, quantile)
    return {
        name: replace(found, y_max=driven[name].y_max, columns=driven[name].columns)
        for name, found in ranges.items()
    }


def _observed(
    network: MappedNetwork, inputs: Inputs, codes: Mapping[str, LayerCodes], quantile: float
) -> dict[str, LayerRange]:
    """Run the wanted weights with some converters and note what the layers see."""
    model, layers = tiled(network, codes)
    observers = {}
    for layer in network.layers:
        tiles = layers[layer.name]
        module = network.model.get_submodule(layer.module)
        bias = module._parameters.get("bias") if network.form(layer).whole else None
        tiles.load(network.wanted(layer), None, None, bias)
        observers[layer.name] = _Observer(tiles, network.hardware.adc_range, quantile)
        tiles.observer = observers[layer.name]
    for part in [inputs] if quantile < 1 else _parts(inputs):  # a quantile is one of all
        call(model, part)
    for layer in network.layers:
        if observers[layer.name].y_max is None:
            raise DataError(f"layer '{layer.name}' is not used by these inputs: it has no range.")
    return {name: observer.range for name, observer in observers.items()}


def _parts(inputs: Inputs) -> Iterator[Inputs]:
    """Cut inputs into parts, so that what is seen on the way takes little memory."""
    if isinstance(inputs, Mapping):
        names, columns = zip(*inputs.items(), strict=True)
        pieces = zip(*(torch.split(column, _AT_ONCE) for column in columns), strict=True)
        yield from (dict(zip(names, piece, strict=True)) for piece in pieces)
    else:
        yield from torch.split(inputs, _AT_ONCE)


class _Observer:
    """Notes the widest range that a layer has seen."""

    def __init__(self, tiles: TiledLayer, sharing: str, quantile: float) -> None:
        self._tiles, self._sharing, self._quantile = tiles, sharing, quantile
        self.x_max, self.x_signed = 0.0, False
        self.y_max: Tensor | None = None

    def __call__(self, x: Tensor, s: int, partial: Tensor) -> None:
        self.x_max = max(self.x_max, float(_magnitude(x.reshape(1, -1), self._quantile)))
        self.x_signed = self.x_signed or bool((x < 0).any())
        columns = self._tiles.columns_of(partial)
        if self._sharing == "layer":
            columns = columns.reshape(1, 1, -1)
        found = _magnitude(columns, self._quantile)
        if self.y_max is None:
            self.y_max = found.new_zeros(self._tiles.tiles.shape[0], *found.shape)
        self.y_max[s] = torch.maximum(self.y_max[s], found)

    @property
    def range(self) -> LayerRange:
        """What was seen."""
        assert self.y_max is not None
        columns: Columns | None = None
        if self.y_max.numel() > 1:
            columns = tuple(tuple(tuple(row) for row in table) for table in self.y_max.tolist())
        return LayerRange(self.x_max, self.x_signed, float(self.y_max.max()), columns)


def _magnitude(values: Tensor, quantile: float) -> Tensor:
    """Return the quantile of the magnitudes along the last axis."""
    magnitude = values.abs()
    if quantile == 1:
        return magnitude.amax(-1)
    rank = max(round(quantile * magnitude.shape[-1]), 1)
    return magnitude.kthvalue(rank, dim=-1).values
