"""What a network costs on hardware: a census of its parts, times price books with sources."""

from __future__ import annotations

from mho.costs.book import Book, Components, Ratio
from mho.costs.books import DEFAULT_BOOK, list_books, load_book
from mho.costs.census import Census, LayerCensus, census
from mho.costs.share import share_for_area
from mho.costs.storage import calibration_set_bits, vera_bits

__all__ = [
    "DEFAULT_BOOK",
    "Book",
    "Census",
    "Components",
    "LayerCensus",
    "Ratio",
    "calibration_set_bits",
    "census",
    "list_books",
    "load_book",
    "share_for_area",
    "vera_bits",
]
