"""``mho reproduce``: a paper's headline results, expected beside measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mho.cli.app import examples, new_app
from mho.cli.output import JsonOption, check_json, print_table, write_json

app = new_app()


@app.command(
    epilog=examples(
        "mho reproduce charan2020 --dataset mnist", "mho reproduce veraplus -o results/veraplus"
    )
)
def reproduce(
    paper: Annotated[str, typer.Argument(help="charan2020 or veraplus.")],
    dataset: Annotated[
        str | None, typer.Option(help="Only the figures on this data set.", metavar="NAME")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Folder for the results.", metavar="DIR"),
    ] = None,
    json: JsonOption = None,
) -> None:
    """Reproduce a paper's headline results; run it again to go on where it stopped."""
    from mho.allocator import keep_memory
    from mho.reproduce.run import reproduce as run

    check_json(json)
    keep_memory()
    found = run(paper, dataset=dataset, out=out)
    rows = [
        [
            f["what"], f["step"], _shown(f, f["paper"]), _shown(f, f["target"]),
            _shown(f, f["measured"]), "–" if f["met"] is None else ("yes" if f["met"] else "NO"),
        ]
        for f in found["figures"]
    ]  # fmt: skip
    print_table(["figure", "step", "paper", "to reach", "measured", "met"], rows)
    typer.echo(f"written: {found['page']}")
    write_json(json, found)


def _shown(figure: dict[str, object], value: object) -> str | None:
    if not isinstance(value, float):
        return None
    if figure["quantity"] in ("sets", "storage_bytes"):
        return f"{value:,.0f}" + (" B" if figure["quantity"] == "storage_bytes" else "")
    if str(figure["quantity"]).endswith("pp"):
        return f"{value:.2f} pp"
    return f"{100 * value:.2f} %"
