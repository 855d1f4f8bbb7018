"""The hardware a network is mapped onto, composed of values: device, mapping, tile, converters."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, field_validator

from mho.crossbar.mapping import AnyMapping, DifferentialPair
from mho.device.cards import load_device
from mho.device.device import Device
from mho.device.law import Law


class Hardware(Law):
    """What the crossbars are made of. All periphery is ideal unless asked for.

    Args:
        device: A device law, or the name or path of a card.
        mapping: How weights become conductances.
        rows: Inputs (word lines) of a tile.
        cols: Outputs (bit lines) of a tile.
        dac_bits: Bits of the input converters; None for ideal ones.
        adc_bits: Bits of the output converters; None for ideal ones.

    Example:
        >>> import mho
        >>> hardware = mho.Hardware(device="falcone2025", mapping=mho.SingleDevice())
        >>> hardware.ideal_periphery
        True
    """

    device: Device
    mapping: AnyMapping = DifferentialPair()
    rows: Annotated[int, Field(ge=1)] = 128
    cols: Annotated[int, Field(ge=1)] = 128
    dac_bits: Annotated[int, Field(ge=1, le=16)] | None = None
    adc_bits: Annotated[int, Field(ge=1, le=16)] | None = None

    @field_validator("device", mode="before")
    @classmethod
    def _by_name(cls, device: Any) -> Any:
        return load_device(device) if isinstance(device, str) else device

    @property
    def ideal_periphery(self) -> bool:
        """Whether the analogue product is exactly linear, so that it may be done by weights."""
        return self.dac_bits is None and self.adc_bits is None
