"""Ranges of the converters of each layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mho.crossbar.converters import Codes, codes_for
from mho.crossbar.hardware import Hardware
from mho.errors import ConfigError


@dataclass(frozen=True)
class LayerRange:
    """What the converters of one layer see.

    Attributes:
        x_max: Largest magnitude of an input.
        x_signed: Whether inputs of both signs occur.
        y_max: Largest magnitude of a tile's partial sum.
    """

    x_max: float
    x_signed: bool
    y_max: float


@dataclass(frozen=True)
class LayerCodes:
    """The converters of one layer; None stands for an ideal one."""

    dac: Codes | None = None
    adc: Codes | None = None


def layer_codes(hardware: Hardware, ranges: Mapping[str, LayerRange], layer: str) -> LayerCodes:
    """Return the converters of a layer.

    Raises:
        ConfigError: A converter is to have bits, and no range was found for it yet.
    """
    if hardware.ideal_periphery:
        return LayerCodes()
    if layer not in ranges:
        raise ConfigError(
            f"the converters of layer '{layer}' have no range yet; find them from training or "
            "calibration data first: network = network.calibrate(data.inputs)."
        )
    found, dac, adc = ranges[layer], None, None
    if hardware.dac_bits is not None:
        dac = codes_for(hardware.dac_bits, found.x_max, signed=found.x_signed)
    if hardware.adc_bits is not None:
        adc = codes_for(hardware.adc_bits, found.y_max, signed=True)
    return LayerCodes(dac, adc)
