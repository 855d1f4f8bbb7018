"""``mho cost``: what a network costs on hardware, what its recoveries add, and every price."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mho.cli.app import examples, new_app
from mho.cli.output import JsonOption, check_json, print_table, write_json

if TYPE_CHECKING:
    from mho.network.chip import Chip
    from mho.network.mapped import MappedNetwork

app = new_app(help="Price networks and bundles in area, storage, energy and operations.")

BookOption = Annotated[
    str | None, typer.Option("--book", help="Price book, by name or path; see mho cost prices.")
]
BudgetOption = Annotated[
    float | None,
    typer.Option(
        "--budget-area",
        help="Say which share of the weights an SRAM of this area can hold, e.g. 0.0786.",
    ),
]


@app.command(
    epilog=examples(
        "mho cost network resnet20 --device falcone2025 --mapping single-device",
        "mho cost network lenet5 --device charan2020 --budget-area 0.0786 --json cost.json",
    )
)
def network(
    name: Annotated[str, typer.Argument(help="A network of mho's zoo, e.g. resnet20.")],
    device: Annotated[
        str, typer.Option("--device", help="Preset or path of a device card.")
    ] = "charan2020",
    mapping: Annotated[
        str, typer.Option("--mapping", help="How weights become conductances.")
    ] = "differential-pair",
    rows: Annotated[int, typer.Option("--rows", help="Rows of a tile.")] = 128,
    cols: Annotated[int, typer.Option("--cols", help="Columns of a tile.")] = 128,
    book: BookOption = None,
    budget_area: BudgetOption = None,
    json: JsonOption = None,
) -> None:
    """Price a network of the zoo on a device, before any recovery."""
    check_json(json)
    from mho import zoo
    from mho.crossbar.hardware import Hardware
    from mho.network.map_network import map_network

    values = {"device": device, "mapping": {"law": mapping}, "rows": rows, "cols": cols}
    hardware = Hardware.parse(values, where="mho cost network")
    _show(map_network(zoo.build(name), hardware, name=name), book, budget_area, json)


@app.command(
    epilog=examples("mho cost bundle edge-model", "mho cost bundle edge-model --json c.json")
)
def bundle(
    folder: Annotated[Path, typer.Argument(help="A bundle that save_bundle wrote.")],
    book: BookOption = None,
    budget_area: BudgetOption = None,
    json: JsonOption = None,
) -> None:
    """Price a bundle: the chip, and what its recoveries add."""
    check_json(json)
    from mho.deploy.bundle import load_bundle

    _show(load_bundle(folder).chip(), book, budget_area, json)


@app.command(
    epilog=examples("mho cost prices", "mho cost prices components-65nm --json prices.json")
)
def prices(
    book: Annotated[str | None, typer.Argument(help="A price book, by name or path.")] = None,
    json: JsonOption = None,
) -> None:
    """List price books, or every price of one with its source."""
    check_json(json)
    from mho.costs import list_books, load_book
    from mho.costs.document import rows_of

    if book is None:
        books = [load_book(name) for name in list_books()]
        print_table(["book", "about"], [(b.name, " ".join(b.about.split())) for b in books])
        write_json(json, books)
    else:
        chosen = load_book(book)
        print_table(["price", "value", "at node", "known from", "source"], rows_of(chosen))
        write_json(json, chosen)


def _show(
    target: MappedNetwork | Chip, book: str | None, budget_area: float | None, json: Path | None
) -> None:
    """Print a cost, part by part, and write it."""
    from mho.costs import DEFAULT_BOOK, list_books, share_for_area
    from mho.costs.cost import cost

    chosen = book or DEFAULT_BOOK
    priced = cost(target, chosen)
    bought = {}
    if budget_area is not None:
        names = list(dict.fromkeys([*list_books(), chosen]))
        bought = {name: share_for_area(budget_area, target, name) for name in names}
    typer.echo(priced)
    chip = sum(priced.chip_area_um2.values())
    before = [("chip", *row) for row in priced.chip_area_um2.items()]
    added = [("added", *row) for row in priced.area_um2.items()]
    print_table(
        ["", "part", "area µm²", "share of chip"],
        [(what, part, f"{a:,.0f}", f"{a / chip:.2%}") for what, part, a in [*before, *added]],
    )
    for name, share in bought.items():
        typer.echo(f"{budget_area:.2%} of area holds {share:.2%} of the weights by {name}")
    write_json(json, {"cost": priced.to_dict(), "share_for_area": bought})
