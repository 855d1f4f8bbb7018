"""``mho diagnose``: why the network of a study loses accuracy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mho.cli.app import examples, new_app
from mho.cli.one_cell import CellOption, TimeOption, parts_of, time_of
from mho.cli.output import JsonOption, check_json, write_json

app = new_app()


@app.command(
    epilog=examples(
        "mho diagnose study.toml",
        "mho diagnose study.toml --time 1d --chips 5 --json diagnosis.json",
    )
)
def diagnose(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="The study, a TOML file.")],
    time: TimeOption = None,
    chips: Annotated[int, typer.Option("--chips", help="How many chips.")] = 3,
    images: Annotated[int, typer.Option("--images", help="At most so many examples.")] = 256,
    cell: CellOption = None,
    json: JsonOption = None,
) -> None:
    """Say what destroys the accuracy of a study's network, effect by effect and layer by layer."""
    from mho.allocator import keep_memory
    from mho.study.spec import read_study

    check_json(json)
    file = read_study(study)  # its mistakes are told before torch is loaded
    from mho.diagnosis import diagnose as look

    parts = parts_of(file, cell)
    keep_memory()
    found = look(parts.network, parts.test, time_of(parts, time), chips=chips, images=images)
    typer.echo(found)
    write_json(json, found)
