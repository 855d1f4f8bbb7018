"""Price books written for people: rows for ``mho cost prices``, and the page ``docs/costs.md``."""

from __future__ import annotations

from mho.costs.book import Book, Components
from mho.costs.price import ConverterPrice, Price

_INTRODUCTION = """\
# What things cost

`mho.cost(x)` counts what a network occupies and does, and multiplies the counts with a price book.
Two books are shipped, and their areas are always printed side by side, since they rest on different
ground: how far they lie apart is how sure the number is. Your own book is a TOML file of the same
keys, loaded by its path.

How each number is known: *paper*, stated in a publication; *second-hand*, stated there by somebody
else; *ours*, worked out from such numbers; *choice*, chosen where the sources are silent. Areas
scale with the square of the feature size, energies with its first power [choice].

## How the counts become costs

- **Cells, tiles.** A weight takes as many cells as its mapping says; a matrix is cut into tiles of
  `rows` × `cols` cells, and whole tiles are paid for. Groups of a convolution share a tile along
  its diagonal as far as they fit. The two cells of a pair are subtracted before the converter.
- **Area of the chip**: tiles × (cells + converters + row drivers + shift-and-add + buffers and
  wires), and the parameters that stayed digital as SRAM.
- **Area of a recovery**: SRAM bits, ROM bits (data kept on the device are priced like ROM, the
  cheapest memory here), and as many digital units as do its operations while the crossbars compute
  one inference. `area_share` is this over the area of the chip.
- **Energy of an inference**: `V² g t` for every cell of every product, one conversion for each
  column, row block and input bit, one drive for each row and input bit, and the bits moved. An
  added operation is a digital multiply–accumulate with its word read from memory.
- **Time of an inference**: layer after layer, one copy of each, one cycle for each product and
  input bit.
- **Writes**: SRAM words and RRAM cells one after another. `speed_against_rewriting` compares the
  writes of an adaptation with one read–verify–write of every cell, at the sources' shortest and
  longest; neither side's computing is counted.

Not priced: the digital subtraction of a single device's offset, sample-and-hold, activation
functions, leakage, the chip's pads and clock.
"""


def rows_of(book: Book) -> list[tuple[str, str, str, str, str]]:
    """Return every price of a book: key, value, node, standing, source."""
    rows: list[tuple[str, str, str, str, str]] = []
    for key in type(book).model_fields:
        price = getattr(book, key)
        if isinstance(price, Price | ConverterPrice):
            node = "–" if price.node_nm is None else f"{price.node_nm:g} nm"
            rows.append((key, _value(price), node, price.mark, price.source))
    return rows


def _value(price: Price | ConverterPrice) -> str:
    if isinstance(price, Price):
        return f"{price.value:g}"
    return "; ".join(
        f"{bits} bit: {area:g} µm², {energy:g} pJ"
        for bits, area, energy in zip(price.bits, price.area_um2, price.energy_pJ, strict=True)
    )


def page(books: list[Book]) -> str:
    """Return the page on costs, with a table for each book, as Markdown."""
    parts = [_INTRODUCTION]
    for book in books:
        node = (
            f" All parts are scaled to {book.node_nm:g} nm." if isinstance(book, Components) else ""
        )
        parts.append(f"## Book `{book.name}`\n\n{' '.join(book.about.split())}{node}\n")
        lines = [
            "| price | value | at node | known from | source |",
            "| --- | --- | --- | --- | --- |",
        ]
        lines += [f"| `{row[0]}` | {' | '.join(row[1:])} |" for row in rows_of(book)]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)
