"""``mho status``: how far a study has come."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mho.cli.app import examples, new_app
from mho.cli.output import JsonOption, check_json, print_table, write_json

app = new_app()
_SHOWN = 20

FolderArgument = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="The folder that 'mho run' wrote to.")
]


@app.command(epilog=examples("mho status results/demo"))
def status(folder: FolderArgument, json: JsonOption = None) -> None:
    """Say how far a study has come, and whether it is running."""
    from mho.study.status import study_status

    check_json(json)
    found = study_status(folder)
    typer.echo(
        f"{found.file.study.name}: {found.cells_done:,} of {len(found.cells):,} cells and "
        f"{found.done:,} of {found.planned:,} trials are done; "
        f"{'running: ' + found.running if found.running else 'not running'}."
    )
    left = [step for step in found.steps if step.done < step.planned]
    if left:
        print_table(
            ["to do", "step", "trials done", "of"],
            [(s.cell.label, s.step, f"{s.done:,}", f"{s.planned:,}") for s in left[:_SHOWN]],
        )
        if len(left) > _SHOWN:
            typer.echo(f"… and {len(left) - _SHOWN:,} more steps")
        typer.echo(f"go on: mho run {folder / 'study.toml'} -o {folder}")
    write_json(json, found)
