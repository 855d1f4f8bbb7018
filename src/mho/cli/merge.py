"""``mho merge``: results of one study from several places, put together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mho.cli.app import examples, new_app
from mho.cli.output import JsonOption, check_json, write_json

app = new_app()


@app.command(epilog=examples("mho merge part-1 part-2 -o results/study"))
def merge(
    folders: Annotated[
        list[Path], typer.Argument(metavar="FOLDER …", help="Folders that 'mho run' wrote to.")
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where to put them together.")
    ],
    json: JsonOption = None,
) -> None:
    """Put the results of one study from several folders together; each trial counts once."""
    from mho.study.merge import merge_studies

    check_json(json)
    found = merge_studies(folders, out)
    typer.echo(
        f"{found.done:,} of {found.planned:,} trials of '{found.file.study.name}' are there."
    )
    what = "write the figures" if found.done == found.planned else "do the rest"
    typer.echo(f"To {what}: mho run {out / 'study.toml'} -o {out}")
    write_json(json, found)
