"""From an area budget to a share of the weights: what `budget_area` of sparse adaptation buys."""

from __future__ import annotations

import math

from mho.costs.book import Book
from mho.costs.books import DEFAULT_BOOK, load_book
from mho.costs.census import census
from mho.errors import ConfigError
from mho.network.applied import Additions
from mho.network.chip import Chip
from mho.network.mapped import MappedNetwork


def share_for_area(
    budget_area: float,
    network: MappedNetwork | Chip,
    book: str | Book = DEFAULT_BOOK,
    *,
    bits_per_word: float = 8,
) -> float:
    """Return the share of the mapped weights that may have an SRAM word within an area budget.

    It is the largest share s whose words and arithmetic add no more than ``budget_area`` of the
    chip's area, found by bisection. The branch is taken to do ``s`` of the network's operations.

    Args:
        budget_area: Added area as a share of the chip without recovery, e.g. 0.0786.
        network: The chip that it is added to.
        book: Price book, or its name.
        bits_per_word: Bits of one word, with whatever stores its position.

    Returns:
        Share in [0, 1].

    Raises:
        ConfigError: The budget or the word is not a positive number, or the book is unknown.

    Example:
        >>> import mho, torch
        >>> model = torch.nn.Linear(200, 100)
        >>> network = mho.map_network(model, mho.Hardware(device="charan2020"))
        >>> round(share_for_area(0.0786, network), 4)
        0.0453

    Source:
        Charan et al., DAC 2020 and JXCDC 2020: 7.86 % area is about 4.5 % of the weights.
    """
    for what, value in (("budget_area", budget_area), ("bits_per_word", bits_per_word)):
        if not (math.isfinite(value) and value > 0):
            raise ConfigError(f"{what} must be a positive number; got {value}.")
    prices = load_book(book)
    counted = census(network)
    chip = sum(prices.components.chip_um2(counted).values())

    def area_share(share: float) -> float:
        words = round(share * counted.weights)
        adds = Additions(
            sram_bits=math.ceil(words * bits_per_word),
            macs_per_inference=round(share * (counted.macs or 0)),
            share_in_sram=share,
        )
        return sum(prices.added_um2(adds, counted).values()) / chip

    if area_share(1.0) <= budget_area:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if area_share(middle) <= budget_area else (low, middle)
    return math.floor(low * counted.weights) / counted.weights
