"""Write docs/costs.md from the shipped price books."""

from __future__ import annotations

from pathlib import Path

from mho.costs import list_books, load_book
from mho.costs.document import page

if __name__ == "__main__":
    path = Path(__file__).parents[1] / "docs" / "costs.md"
    path.write_text(page([load_book(name) for name in list_books()]), encoding="utf-8")
