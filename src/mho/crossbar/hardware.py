"""The hardware a network is mapped onto, composed of values: device, mapping, tile, converters."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from mho.crossbar.drive import AnyDrive, Bipolar
from mho.crossbar.mapping import DifferentialPair
from mho.crossbar.mappings import AnyMapping
from mho.crossbar.reading import OneRead, Reading, ReadPerProduct
from mho.crossbar.wires import AnyWires, NoWires
from mho.device.cards import load_device
from mho.device.device import Device
from mho.device.law import Law
from mho.device.read_noise import NoReadNoise


class Hardware(Law):
    """What the crossbars are made of. All periphery is ideal unless asked for.

    Args:
        device: A device law, or the name or path of a card.
        mapping: How weights become conductances.
        rows: Inputs (word lines) of a tile.
        cols: Outputs (bit lines) of a tile.
        dac_bits: Bits of the input converters; None for ideal ones.
        adc_bits: Bits of the output converters; None for ideal ones.
        adc_range: One range of the ADC for all columns of a layer, or one for each tile's column.
        drive: How inputs are put onto the rows: at once, in two phases, bit by bit …
        reading: When read noise is drawn anew.
        wires: Resistance of the lines.

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
    adc_range: Literal["layer", "column"] = "layer"
    drive: AnyDrive = Bipolar()
    reading: Reading = OneRead()
    wires: AnyWires = NoWires()

    @model_validator(mode="after")
    def _consistent(self) -> Hardware:
        if self.drive.needs_codes and self.dac_bits is None:
            raise ValueError(
                f"drive '{self.drive.law}' works on the codes of a DAC: give dac_bits, such as 8"
            )
        return self

    @field_validator("device", mode="before")
    @classmethod
    def _by_name(cls, device: Any) -> Any:
        return load_device(device) if isinstance(device, str) else device

    @property
    def ideal_periphery(self) -> bool:
        """Whether the analogue product is exactly linear, so that it may be done by weights.

        Wires are linear too: they change what the cells look like from outside.
        """
        return not self.has_converters and not self.reads_each_product

    @property
    def has_converters(self) -> bool:
        """Whether there is a DAC or an ADC of finite resolution, whose range must be found."""
        return self.dac_bits is not None or self.adc_bits is not None

    @property
    def reads_each_product(self) -> bool:
        """Whether every product has read noise of its own."""
        noisy = not isinstance(self.device.read_noise, NoReadNoise)
        return noisy and isinstance(self.reading, ReadPerProduct)
