"""Ranges of the converters of each layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from mho.crossbar.converters import Codes, codes_for
from mho.crossbar.hardware import Hardware
from mho.errors import ConfigError

Columns: TypeAlias = tuple[tuple[tuple[float, ...], ...], ...]


@dataclass(frozen=True)
class LayerRange:
    """What the converters of one layer see.

    Attributes:
        x_max: Largest magnitude of an input.
        x_signed: Whether inputs of both signs occur.
        y_max: Largest magnitude of a tile's partial sum.
        columns: The same for each slice, tile and output, where ranges differ; lengths of 1 stand
            for one range for all.
    """

    x_max: float
    x_signed: bool
    y_max: float
    columns: Columns | None = None


@dataclass(frozen=True, eq=False)
class LayerCodes:
    """The converters of one layer; None stands for an ideal one.

    Attributes:
        dac: The input converter.
        adc: The output converter; its step has shape ``(slices, tiles, outputs)`` where columns
            have ranges of their own.
        x_signed: Whether inputs of both signs occur.
    """

    dac: Codes | None = None
    adc: Codes | None = None
    x_signed: bool = True


def layer_codes(
    hardware: Hardware, ranges: Mapping[str, LayerRange], layer: str, *, adc: bool = True
) -> LayerCodes:
    """Return the converters of a layer.

    Args:
        hardware: Their resolution.
        ranges: What they see, by layer.
        layer: Name of the layer.
        adc: False for an ideal ADC, whose range is still to be found.

    Raises:
        ConfigError: A converter is to have bits, and no range was found for it yet.
    """
    bits = (hardware.dac_bits, hardware.adc_bits if adc else None)
    if bits == (None, None):
        return LayerCodes()
    if layer not in ranges:
        raise ConfigError(
            f"the converters of layer '{layer}' have no range yet; find them from training or "
            "calibration data first: network = network.calibrate(data.inputs)."
        )
    found = ranges[layer]
    return LayerCodes(
        dac=None if bits[0] is None else codes_for(bits[0], found.x_max, signed=found.x_signed),
        adc=None if bits[1] is None else codes_for(bits[1], _full_scale(found), signed=True),
        x_signed=found.x_signed,
    )


def _full_scale(found: LayerRange) -> float | Tensor:
    if found.columns is None:
        return found.y_max
    return torch.tensor(found.columns, dtype=torch.float64)
