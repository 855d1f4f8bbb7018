"""The page on costs says what the books say."""

from __future__ import annotations

from pathlib import Path

from mho.costs import list_books, load_book
from mho.costs.document import page, rows_of

BOOKS = [load_book(name) for name in list_books()]


def test_docs_are_those_of_the_books():
    """Run scripts/document_costs.py after changing a price."""
    docs = Path(__file__).parents[3] / "docs" / "costs.md"
    assert docs.read_text(encoding="utf-8") == page(BOOKS)


def test_every_price_is_a_row():
    rows = {row[0]: row for row in rows_of(load_book("components-65nm"))}
    assert rows["sram_bit_um2"][1:4] == ("0.57", "65 nm", "paper")
    assert "8 bit: 1200 µm², 1.67 pJ" in rows["adc"][1]
    assert rows["activity"][2:4] == ("–", "choice")
