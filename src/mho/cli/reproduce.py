"""``mho reproduce``: a paper's headline results, expected beside measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from mho.cli.app import examples, new_app
from mho.cli.output import JsonOption, check_json, print_table, write_json

app = new_app()


@app.command(
    epilog=examples(
        "mho reproduce charan2020 --dataset mnist",
        "mho reproduce charan2020 --check --seed 7000",
        "mho reproduce veraplus -o results/veraplus",
        "mho reproduce veraplus --study lenet5-single-device",
    )
)
def reproduce(
    paper: Annotated[str, typer.Argument(help="charan2020 or veraplus.")],
    dataset: Annotated[
        str | None, typer.Option(help="Only the figures on this data set.", metavar="NAME")
    ] = None,
    study: Annotated[
        list[str] | None,
        typer.Option("--study", help="Only this study; may be given again.", metavar="NAME"),
    ] = None,
    finished: Annotated[
        bool,
        typer.Option(
            "--finished", help="Run nothing: write the page from the studies that are finished."
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Folder for the results.", metavar="DIR"),
    ] = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Only hold what was reported against five fresh chips."),
    ] = False,
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of the first fresh chip of --check.")
    ] = 10_000,
    json: JsonOption = None,
) -> None:
    """Reproduce a paper's headline results; run it again to go on where it stopped."""
    from mho.allocator import keep_memory
    from mho.reproduce.run import reproduce as run

    check_json(json)
    keep_memory()
    if check:
        _check(paper, dataset, study or (), seed, json)
        return
    found = run(paper, dataset=dataset, studies=study or (), finished=finished, out=out)
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


def _check(
    paper: str, dataset: str | None, studies: Sequence[str], seed: int, json: Path | None
) -> None:
    from mho.reproduce.check import check, left_out, outside, plain

    found = check(paper, dataset=dataset, studies=studies, seed=seed)
    rows = [
        [
            f"{c.what} ({c.quantity})", c.step, f"{c.reported:.2%}", f"{c.low:.2%} to {c.high:.2%}",
            f"{c.measured:.2%}", "yes" if c.inside else "NO",
        ]
        for c in found
    ]  # fmt: skip
    print_table(["figure", "step", "reported", "interval", "fresh chips", "inside"], rows)
    write_json(json, plain(found))
    for sentence in [*outside(found), *left_out(paper)]:
        typer.echo(sentence)
    if outside(found):
        raise typer.Exit(1)


def _shown(figure: dict[str, object], value: object) -> str | None:
    if not isinstance(value, float):
        return None
    quantity = str(figure["quantity"])
    if quantity in _PLAIN:
        return _PLAIN[quantity].format(value)
    return f"{value:.2f} pp" if quantity.endswith("pp") else f"{100 * value:.2f} %"


_PLAIN = {
    "sets": "{:,.0f}",
    "least_sets": "{:,.0f}",
    "storage_bytes": "{:,.0f} B",
    "storage_ratio": "{:,.0f} ×",
    "speed_least": "{:,.0f} ×",
    "speed_most": "{:,.0f} ×",
    "fit_minutes": "{:.1f} min",
}
"""How figures that are no shares are shown."""
