"""Price books: what a part costs. A book is data with sources; two kinds of book exist."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Annotated, Literal

from pydantic import Field

from mho.costs.census import Census
from mho.costs.price import ConverterPrice, Positive, Price
from mho.device.law import Law
from mho.network.applied import Additions


class Book(Law, ABC):
    """The interface of a price book; implementations are final.

    A book prices the chip before any recovery, and what a recovery adds to it.
    """

    name: str
    about: str

    @property
    @abstractmethod
    def components(self) -> Components:
        """The prices of single parts that this book rests on."""

    @abstractmethod
    def added_um2(self, adds: Additions, census: Census) -> dict[str, float]:
        """Return the area that one recovery adds, in µm² by part.

        Args:
            adds: What the recovery adds.
            census: The chip that it is added to.
        """


class Components(Book):
    """Areas, energies and times of single parts, each as published and scaled to one node.

    Args:
        name: Name of the book.
        about: One paragraph for people.
        node_nm: Technology node that everything is scaled to.
        rram_cell_um2: One RRAM cell with its transistor.
        sram_bit_um2: One six-transistor SRAM cell.
        sram_array_efficiency: Share of an SRAM block that is cells.
        rom_bit_um2: One bit of mask ROM, periphery included.
        adc: Output converter.
        adcs_per_tile: Converters that share a tile's columns.
        driver_um2: Driver (one-bit converter) of one row.
        shift_add_um2: Shift-and-add units of one tile.
        buffers_and_wires_um2: Input and output buffers, bus and router, per tile of 128 × 128.
        mac_unit_um2: Digital 8-bit multiplier with a 32-bit adder.
        driver_pJ: One row driven for one cycle.
        shift_add_pJ: One column result shifted and added.
        move_pJ_per_bit: One bit moved from a buffer to a tile or back.
        mac_pJ: One digital multiply–accumulate.
        sram_access_pJ_per_bit: One bit read or written in a small SRAM.
        read_voltage_V: Voltage over a cell during a read.
        read_pulse_ns: How long it lies there.
        activity: Mean share of the rows that are driven in a cycle.
        cycle_ns: One input bit through a tile, all columns converted.
        mac_ns: One multiply–accumulate in one unit.
        input_bits: Bits of an input value where the hardware does not say.
        adc_bits: Bits of the output converters where the hardware does not say.
        digital_bits: Bits of a parameter that stayed digital.
        sram_write_ns: One SRAM word written.
        rram_write_fast_us: One cell programmed by read–verify–write, at best.
        rram_write_slow_us: The same at worst.
        rram_write_pJ: One write pulse.
    """

    law: Literal["components"] = "components"
    node_nm: Positive
    rram_cell_um2: Price
    sram_bit_um2: Price
    sram_array_efficiency: Price
    rom_bit_um2: Price
    adc: ConverterPrice
    adcs_per_tile: Price
    driver_um2: Price
    shift_add_um2: Price
    buffers_and_wires_um2: Price
    mac_unit_um2: Price
    driver_pJ: Price
    shift_add_pJ: Price
    move_pJ_per_bit: Price
    mac_pJ: Price
    sram_access_pJ_per_bit: Price
    read_voltage_V: Price
    read_pulse_ns: Price
    activity: Price
    cycle_ns: Price
    mac_ns: Price
    input_bits: Price
    adc_bits: Price
    digital_bits: Price
    sram_write_ns: Price
    rram_write_fast_us: Price
    rram_write_slow_us: Price
    rram_write_pJ: Price

    @property
    def components(self) -> Components:
        """This book."""
        return self

    @property
    def word_access_pJ(self) -> float:
        """Energy to read or write one word of a digital parameter, in pJ."""
        return self.digital_bits.value * self.energy(self.sram_access_pJ_per_bit)

    def area(self, price: Price) -> float:
        """Return an area at the book's node."""
        return price.area_at(self.node_nm)

    def energy(self, price: Price) -> float:
        """Return an energy at the book's node."""
        return price.energy_at(self.node_nm)

    def cycles(self, census: Census) -> int:
        """Return the cycles of one product: inputs enter bit by bit through one-bit drivers."""
        return census.hardware.dac_bits or int(self.input_bits.value)

    def converter_bits(self, census: Census) -> int:
        """Return the resolution of the output converters."""
        return census.hardware.adc_bits or int(self.adc_bits.value)

    def latency_ns(self, census: Census) -> float | None:
        """Return the time of one inference in ns, layer after layer, one copy of each layer."""
        if census.products is None:
            return None
        return census.products * self.cycles(census) * self.cycle_ns.value

    def sram_um2(self, bits: float) -> float:
        """Return the area of SRAM in µm²: ``bits * cell / efficiency``."""
        return bits * self.area(self.sram_bit_um2) / self.sram_array_efficiency.value

    def chip_um2(self, census: Census) -> dict[str, float]:
        """Return the area of the chip before any recovery, in µm² by part."""
        hardware = census.hardware
        tiles, per_tile = census.tiles, hardware.rows * hardware.cols
        adc = self.adc.area_at(self.node_nm, self.converter_bits(census))
        return {
            "RRAM cells": tiles * per_tile * self.area(self.rram_cell_um2),
            "output converters": tiles * self.adcs_per_tile.value * adc,
            "row drivers": tiles * hardware.rows * self.area(self.driver_um2),
            "shift and add": tiles * self.area(self.shift_add_um2),
            "buffers and wires": (
                tiles * per_tile / 128**2 * self.area(self.buffers_and_wires_um2)
            ),
            "digital parameters": self.sram_um2(
                census.digital_parameters * self.digital_bits.value
            ),
        }

    def mac_units(self, macs: float, census: Census) -> int:
        """Return how many units do these operations while the crossbars compute one inference."""
        latency = self.latency_ns(census)
        if macs <= 0:
            return 0
        return 1 if latency is None else math.ceil(macs * self.mac_ns.value / latency)

    def added_um2(self, adds: Additions, census: Census) -> dict[str, float]:
        """Return the area that one recovery adds, in µm² by part.

        Data kept on the device is priced like ROM, the cheapest memory here.
        """
        units = self.mac_units(adds.macs_per_inference, census)
        return {
            "SRAM": self.sram_um2(adds.sram_bits),
            "ROM": (adds.rom_bits + adds.data_bits) * self.area(self.rom_bit_um2),
            "digital units": units * self.area(self.mac_unit_um2),
        }

    def chip_pJ(self, census: Census) -> dict[str, float] | None:
        """Return the energy of one inference before any recovery, in pJ by part."""
        driven, read = census.dac_conversions, census.adc_conversions
        if driven is None or read is None:
            return None
        cycles, node = self.cycles(census), self.node_nm
        pulse_pJ_per_uS = self.read_voltage_V.value**2 * self.read_pulse_ns.value * 1e-3
        conducted = sum(layer.conductance_uS * (layer.products or 0) for layer in census.layers)
        moved = sum(layer.values_moved or 0 for layer in census.layers)
        adc_pJ = self.adc.energy_at(node, self.converter_bits(census))
        return {
            "RRAM cells": conducted * pulse_pJ_per_uS * self.activity.value * cycles,
            "output converters": read * cycles * adc_pJ,
            "row drivers": driven * cycles * self.energy(self.driver_pJ),
            "shift and add": read * cycles * self.energy(self.shift_add_pJ),
            "data movement": moved * cycles * self.energy(self.move_pJ_per_bit),
            "digital layers": self.digital_pJ(census.digital_macs),
        }

    def digital_pJ(self, macs: float) -> float:
        """Return the energy of digital operations in pJ, each with its word read from memory."""
        return macs * (self.energy(self.mac_pJ) + self.word_access_pJ)


class Ratio(Book):
    """A book calibrated on one published point: area added for a share of the weights in SRAM.

    ``added area / chip area = slope * share of weights in SRAM * word bits / reference bits``, with
    the arithmetic of the SRAM branch inside the slope, whatever the mapping. What the point does
    not price (ROM, other digital units, energies, times) comes from ``base``.

    Args:
        name: Name of the book.
        about: One paragraph for people.
        area_share: Added area at the published point, as a share of the chip.
        weight_share: Share of the weights in SRAM at that point.
        word_bits: Bits of an SRAM word at that point.
        base: A book of components for the rest.
    """

    law: Literal["ratio"] = "ratio"
    area_share: Price
    weight_share: Price
    word_bits: Price
    base: Components

    @property
    def components(self) -> Components:
        """The prices of what the published point does not cover."""
        return self.base

    @property
    def slope(self) -> float:
        """Added area per weight in SRAM, both as shares."""
        return self.area_share.value / self.weight_share.value

    def added_um2(self, adds: Additions, census: Census) -> dict[str, float]:
        """Return the area that one recovery adds, in µm² by part."""
        base = self.base.added_um2(adds, census)
        chip = sum(self.base.chip_um2(census).values())
        words = adds.sram_bits / self.word_bits.value
        in_branch = adds.share_in_sram > 0
        return {
            "SRAM": self.slope * words / census.weights * chip,
            "ROM": base["ROM"],
            "digital units": 0.0 if in_branch else base["digital units"],
        }


AnyBook = Annotated[Components | Ratio, Field(discriminator="law")]
