"""The cost of a network or chip: its census times a price book."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from mho.costs.book import Book
from mho.costs.books import DEFAULT_BOOK, list_books, load_book
from mho.costs.census import Census, census
from mho.network.applied import Additions
from mho.network.chip import Chip
from mho.network.mapped import MappedNetwork


@dataclass(frozen=True)
class Cost:
    """What a network costs on its hardware, and what its recoveries add. Plain numbers.

    Attributes:
        book: Name of the price book.
        weights: Weights on crossbars.
        cells: RRAM cells in use.
        tiles: Tiles in use.
        utilisation: Share of the tiles' cells that are in use.
        macs: Multiply–accumulates per inference; None where never traced, as are all that need it.
        dac_conversions: Input values driven into tiles, per inference.
        adc_conversions: Column results read, per inference and input bit.
        chip_area_um2: Area before any recovery, by part.
        area_um2: Area that the recoveries add, by part.
        area_share: The same as a share of the chip before any recovery.
        area_share_by_book: The share by every shipped book: how sure the number is.
        sram_bits: SRAM added.
        rom_bits: Read-only storage added.
        data_bits: Data kept on the device.
        extra_macs: Digital multiply–accumulates added per inference.
        extra_macs_share: The same as a share of the network's own.
        rram_writes: RRAM cells written again over the life.
        sram_writes: SRAM words written while adapting.
        energy_pJ: Energy of one inference, recoveries included.
        energy_by_part_pJ: Energy of one inference before any recovery, by part.
        extra_energy_pJ: Energy that the recoveries add per inference.
        energy_share: The same as a share of the energy before.
        latency_ns: Time of one inference, layer after layer.
        sram_write_s: Time to write the SRAM words, one after another.
        rram_write_s: Shortest and longest time for the recoveries' RRAM writes, one by one.
        reprogram_s: Shortest and longest time to program all cells of the chip once.
        sram_write_pJ: Energy of the SRAM writes.
        rram_write_pJ: Energy of the recoveries' RRAM writes, one pulse each.
    """

    book: str
    weights: int
    cells: int
    tiles: int
    utilisation: float
    macs: int | None
    dac_conversions: int | None
    adc_conversions: int | None
    chip_area_um2: dict[str, float]
    area_um2: dict[str, float]
    area_share: float
    area_share_by_book: dict[str, float]
    sram_bits: int
    rom_bits: int
    data_bits: int
    extra_macs: int
    extra_macs_share: float | None
    rram_writes: int
    sram_writes: int
    energy_pJ: float | None
    energy_by_part_pJ: dict[str, float] | None
    extra_energy_pJ: float
    energy_share: float | None
    latency_ns: float | None
    sram_write_s: float
    rram_write_s: tuple[float, float]
    reprogram_s: tuple[float, float]
    sram_write_pJ: float
    rram_write_pJ: float

    @property
    def storage_bits(self) -> int:
        """SRAM and ROM added, in bits."""
        return self.sram_bits + self.rom_bits

    @property
    def speed_against_rewriting(self) -> tuple[float, float] | None:
        """How many times faster the SRAM writes are than one read–verify–write of all cells.

        At the sources' shortest and longest RRAM write. Writes alone are compared: neither side's
        computing is counted. None where no SRAM word is written.
        """
        if not self.sram_writes:
            return None
        fast, slow = self.reprogram_s
        return fast / self.sram_write_s, slow / self.sram_write_s

    def to_dict(self) -> dict[str, Any]:
        """Return the cost as plain data."""
        return {**asdict(self), "storage_bits": self.storage_bits}

    def __str__(self) -> str:
        chip = sum(self.chip_area_um2.values())
        books = ", ".join(
            f"{share:.2%} by {name}" for name, share in self.area_share_by_book.items()
        )
        lines = [
            f"chip       {self.weights:,} weights in {self.cells:,} cells on {self.tiles:,} tiles "
            f"({self.utilisation:.0%} used), {chip / 1e6:.3g} mm²",
            f"added area {books}",
            f"storage    {self.sram_bits:,} bits of SRAM, {self.rom_bits:,} bits of ROM, "
            f"{self.data_bits:,} bits of data on the device",
            f"operations {self.extra_macs:,} added to each inference"
            + ("" if self.extra_macs_share is None else f" ({self.extra_macs_share:.2%})"),
            f"writes     {self.sram_writes:,} SRAM words, {self.rram_writes:,} RRAM cells",
        ]
        if self.energy_pJ is not None and self.latency_ns is not None:
            lines.append(
                f"inference  {self.energy_pJ / 1e6:.3g} µJ ({self.energy_share:.2%} of it added), "
                f"{self.latency_ns / 1e3:.3g} µs"
            )
        return "\n".join([*lines, f"prices     {self.book}"])


def cost(target: MappedNetwork | Chip, book: str | Book = DEFAULT_BOOK) -> Cost:
    """Price a mapped network, or one chip with its own recoveries.

    Use it to compare recoveries: areas by every shipped book, bits, operations, writes, and energy
    and time of an inference where the network was traced.

    Args:
        target: A mapped network or a chip.
        book: A price book or its name, see :func:`mho.costs.list_books`; your own as a path.

    Returns:
        The cost; ``print(cost)`` shows it, ``cost.to_dict()`` is plain data.

    Raises:
        ConfigError: The book is unknown or broken.

    Example:
        >>> import mho, torch
        >>> model = torch.nn.Linear(200, 100)
        >>> priced = mho.cost(mho.map_network(model, mho.Hardware(device="charan2020")))
        >>> priced.cells, priced.area_share
        (40000, 0.0)
    """
    prices = load_book(book)
    counted = census(target)
    added = counted.added
    parts = prices.components
    energy = parts.chip_pJ(counted)
    extra_pJ = parts.digital_pJ(added.macs_per_inference)
    chip_pJ = None if energy is None else sum(energy.values())
    fast, slow = parts.rram_write_fast_us.value * 1e-6, parts.rram_write_slow_us.value * 1e-6
    own_macs = counted.macs
    return Cost(
        book=prices.name,
        weights=counted.weights,
        cells=counted.cells,
        tiles=counted.tiles,
        utilisation=counted.utilisation,
        macs=own_macs,
        dac_conversions=counted.dac_conversions,
        adc_conversions=counted.adc_conversions,
        chip_area_um2=parts.chip_um2(counted),
        area_um2=_added_um2(prices, counted),
        area_share=_area_share(prices, counted),
        area_share_by_book={name: _area_share(load_book(name), counted) for name in list_books()},
        sram_bits=added.sram_bits,
        rom_bits=added.rom_bits,
        data_bits=added.data_bits,
        extra_macs=added.macs_per_inference,
        extra_macs_share=added.macs_per_inference / own_macs if own_macs else None,
        rram_writes=added.rram_writes,
        sram_writes=added.sram_writes,
        energy_pJ=None if chip_pJ is None else chip_pJ + extra_pJ,
        energy_by_part_pJ=energy,
        extra_energy_pJ=extra_pJ,
        energy_share=None if chip_pJ is None else extra_pJ / chip_pJ,
        latency_ns=parts.latency_ns(counted),
        sram_write_s=added.sram_writes * parts.sram_write_ns.value * 1e-9,
        rram_write_s=(added.rram_writes * fast, added.rram_writes * slow),
        reprogram_s=(counted.cells * fast, counted.cells * slow),
        sram_write_pJ=added.sram_writes * parts.word_access_pJ,
        rram_write_pJ=added.rram_writes * parts.rram_write_pJ.value,
    )


def _added_um2(prices: Book, counted: Census) -> dict[str, float]:
    """Sum the added area over the recoveries, by part."""
    total = prices.added_um2(Additions(), counted)
    for adds in counted.adds:
        for part, area in prices.added_um2(adds, counted).items():
            total[part] += area
    return total


def _area_share(prices: Book, counted: Census) -> float:
    chip = sum(prices.components.chip_um2(counted).values())
    return sum(_added_um2(prices, counted).values()) / chip
