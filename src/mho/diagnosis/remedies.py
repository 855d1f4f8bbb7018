"""Remedies that are a change of the hardware, so that they can be tried at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mho.crossbar.hardware import Hardware
from mho.crossbar.mapping import (
    CharanLegacy,
    DifferentialPair,
    ScaledMapping,
    SingleDevice,
    root_mean_square,
)
from mho.network.mapped import MappedNetwork

_MORE_BITS = 2
_MOST_BITS = 16
_QUANTILE = 0.999
_SOFTENED_BY_PAIRS = {"drift-mean", "die", "programming", "drift-spread", "faults"}
"""A common shift cancels in a pair, and small weights lie where most laws err least."""
_CLIP_SD = 5.0
_OUTLIERS_BEYOND = 10.0
_STRETCHED_BY_OUTLIERS = {"levels", "programming", "drift-spread", "read-noise"}
"""What a layer of larger scale suffers from more."""


@dataclass(frozen=True)
class Remedy:
    """A change of the hardware.

    Attributes:
        key: The effect against which.
        what: What is changed, for people.
        hardware: The hardware with it.
        quantile: Share of the magnitudes that converters must not clip; as before where None.
    """

    key: str
    what: str
    hardware: Hardware
    quantile: float | None = None

    def applied_to(self, network: MappedNetwork) -> MappedNetwork:
        """Return a network on this hardware, its converters calibrated as it was before."""
        found = network.with_hardware(self.hardware)
        if self.quantile is None or network.calibration is None:
            return found
        return found.calibrate(network.calibration.inputs, quantile=self.quantile)


def has_outliers(network: MappedNetwork) -> bool:
    """Return whether somewhere one weight sets the scale of many far smaller ones.

    That is where it lies beyond ten standard deviations of what shares its scale: in transformers.

    Args:
        network: The network.
    """
    mapping = network.hardware.mapping
    if not isinstance(mapping, ScaledMapping):
        return False
    for layer in network.layers:
        weight = network.held_weight(layer.name).cpu().numpy()
        usual = root_mean_square(weight, mapping.scale, layer.matrix.output_axis)
        if np.any(np.abs(weight) > _OUTLIERS_BEYOND * usual):
            return True
    return False


def remedies(
    hardware: Hardware, causes: Collection[str], *, outliers: bool = False
) -> list[Remedy]:
    """Return what could be changed about the causes.

    Args:
        hardware: The hardware.
        causes: Keys of the effects that destroy the accuracy.
        outliers: Whether few weights set the scale of all others.
    """
    found: list[Remedy] = []
    mapping = hardware.mapping

    def change(key: str, what: str, **changes: Any) -> None:
        found.append(Remedy(key, what, _changed(hardware, changes)))

    if isinstance(mapping, CharanLegacy) and {"mapping", "storage", "levels"} & set(causes):
        change("mapping", "a differential pair with a scale per layer", mapping=DifferentialPair())
    against = [key for key in causes if key in _SOFTENED_BY_PAIRS]
    if isinstance(mapping, SingleDevice) and against:
        pair = DifferentialPair(scale=mapping.scale)
        change(against[0], "differential pairs (mho.DifferentialPair)", mapping=pair)
    if "levels" in causes and isinstance(mapping, ScaledMapping) and mapping.scale == "layer":
        column = type(mapping).parse({**mapping.model_dump(), "scale": "column"}, where="diagnosis")
        change("levels", "a scale per column", mapping=column)
    stretched = [key for key in causes if key in _STRETCHED_BY_OUTLIERS]
    if outliers and stretched and isinstance(mapping, ScaledMapping):
        clipped = {**mapping.model_dump(), "clip_sd": _CLIP_SD}
        what = f"outliers that saturate (clip_sd = {_CLIP_SD:g})"
        change(stretched[0], what, mapping=type(mapping).parse(clipped, where="diagnosis"))
    if "ADC" in causes and hardware.adc_bits is not None:
        if hardware.adc_range == "layer":
            change(
                "ADC", "a range of the ADC for each column (adc_range='column')", adc_range="column"
            )
        what = f"a range that clips a little (calibrate(quantile={_QUANTILE}))"
        found.append(Remedy("ADC", what, hardware, _QUANTILE))
        bits = min(hardware.adc_bits + _MORE_BITS, _MOST_BITS)
        change("ADC", f"{bits} bits in the ADC", adc_bits=bits)
    if "DAC" in causes and hardware.dac_bits is not None:
        bits = min(hardware.dac_bits + _MORE_BITS, _MOST_BITS)
        change("DAC", f"{bits} bits in the DAC", dac_bits=bits)
    if "wires" in causes:
        rows, cols = max(hardware.rows // 2, 1), max(hardware.cols // 2, 1)
        change("wires", f"tiles of {rows} × {cols}", rows=rows, cols=cols)
    return found


def _changed(hardware: Hardware, changes: Mapping[str, Any]) -> Hardware:
    values = {name: getattr(hardware, name) for name in type(hardware).model_fields}
    return Hardware.parse({**values, **changes}, where="diagnosis")
