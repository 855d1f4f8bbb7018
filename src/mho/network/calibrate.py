"""Finding what the converters of each layer see, by running the digital network on its tiles."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from mho.errors import ConfigError, DataError
from mho.network.call import Inputs, call
from mho.network.mapped import MappedNetwork
from mho.network.product import Product
from mho.network.programmed import with_module
from mho.network.ranges import LayerCodes, LayerRange
from mho.network.tiled import TiledLayer


def tiled(
    network: MappedNetwork, codes: Mapping[str, LayerCodes]
) -> tuple[nn.Module, dict[str, TiledLayer]]:
    """Return a copy of the digital network with tiled layers in place, and these by name.

    Their weights are zero until loaded.
    """
    model = copy.deepcopy(network.model)
    layers = {}
    for layer in network.layers:
        product = Product(model.get_submodule(layer.module), layer.name)
        layers[layer.name] = TiledLayer(
            product, network.grid(layer), codes.get(layer.name, LayerCodes()), layer.shape
        )
        model = with_module(model, layer.module, layers[layer.name])
    return model, layers


@torch.inference_mode()
def find_ranges(
    network: MappedNetwork, inputs: Inputs, *, quantile: float = 1.0
) -> dict[str, LayerRange]:
    """Run the digital network on its tiles and note what each converter would see.

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
    model, layers = tiled(network, {})
    ranges: dict[str, LayerRange] = {}
    for layer in network.layers:
        module = network.model.get_submodule(layer.module)
        weight, bias = network.model.get_parameter(layer.parameter), module._parameters.get("bias")
        layers[layer.name].load(weight, None, None, bias)
        layers[layer.name].observer = _widening(ranges, layer.name, quantile)
    call(model, inputs)
    for layer in network.layers:
        if layer.name not in ranges:
            raise DataError(f"layer '{layer.name}' is not used by these inputs: it has no range.")
    return ranges


def _widening(
    ranges: dict[str, LayerRange], name: str, quantile: float
) -> Callable[[Tensor, Tensor], None]:
    """Return an observer that notes the widest range a layer has seen."""

    def observe(x: Tensor, y: Tensor) -> None:
        before = ranges.get(name, LayerRange(0.0, False, 0.0))
        ranges[name] = LayerRange(
            x_max=max(before.x_max, _magnitude(x, quantile)),
            x_signed=before.x_signed or bool((x < 0).any()),
            y_max=max(before.y_max, _magnitude(y, quantile)),
        )

    return observe


def _magnitude(values: Tensor, quantile: float) -> float:
    flat = values.abs().flatten()
    if quantile == 1:
        return float(flat.max())
    return float(flat.kthvalue(max(round(quantile * flat.numel()), 1)).values)
