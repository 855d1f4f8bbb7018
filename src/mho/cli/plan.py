"""``mho plan``: the cheapest recovery that meets a target accuracy, yield and lifetime."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mho.cli.app import examples, new_app
from mho.cli.output import JsonOption, check_json, print_table, write_json

app = new_app()


@app.command(
    epilog=examples(
        "mho plan study.toml",
        "mho plan study.toml --trials 80 -o results/plan/mine",
        "mho plan study.toml --space space.toml --json plan.json",
    )
)
def plan(
    study: Annotated[
        Path, typer.Argument(metavar="STUDY", help="Data, network, hardware and [target].")
    ],
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="FOLDER", help="Where results go."),
    ] = None,
    space: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What is searched, a TOML file; see docs/plan.md."),
    ] = None,
    trials: Annotated[
        int | None, typer.Option(min=1, help="Recipes to screen in all.", metavar="N")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the search.")] = 0,
    json: JsonOption = None,
) -> None:
    """Find the cheapest recovery that meets a target; run it again to go on where it stopped."""
    from mho.allocator import keep_memory
    from mho.study.spec import read_study

    check_json(json)
    read_study(study)  # its mistakes are told before torch is loaded
    keep_memory()
    from mho.planning.plan import plan as run
    from mho.planning.words import FINALIST_COLUMNS, FRONT_COLUMNS, finalist_rows, front_rows

    found = run(study, out, space=space, trials=trials, seed=seed)
    print_table(FRONT_COLUMNS, front_rows(found["front"]), title="Front, as screened on few chips")
    print_table(
        FINALIST_COLUMNS, finalist_rows(found["finalists"]), title="Finalists, on fresh chips"
    )
    typer.echo(found["verdict"])
    typer.echo(f"written: {found['page']}")
    if found["recipe"] is not None:
        typer.echo(f"to run it: mho run {found['recipe_file']}")
    write_json(json, found)
    if found["recipe"] is None:
        raise typer.Exit(1)
