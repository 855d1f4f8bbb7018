"""``mho diagnose``: why the network of a study loses accuracy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mho.cli.app import examples, new_app
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
    time: Annotated[
        str | None,
        typer.Option("--time", help="Time since programming; the study's last by default."),
    ] = None,
    chips: Annotated[int, typer.Option("--chips", help="How many chips.")] = 3,
    images: Annotated[int, typer.Option("--images", help="At most so many examples.")] = 256,
    cell: Annotated[
        int | None, typer.Option("--cell", help="Which cell of a sweep, from 0.", metavar="N")
    ] = None,
    json: JsonOption = None,
) -> None:
    """Say what destroys the accuracy of a study's network, effect by effect and layer by layer."""
    from mho.allocator import keep_memory
    from mho.study.spec import read_study

    check_json(json)
    file = read_study(study)  # its mistakes are told before torch is loaded
    from mho.diagnosis import diagnose as look
    from mho.errors import ConfigError
    from mho.study.build import Parts
    from mho.study.plan import plan

    cells = plan(file)
    if cell is None and len(cells) > 1:
        raise ConfigError(
            f"{file.where} is a sweep of {len(cells)} cells; say which one to look at: --cell 0 "
            f"… --cell {len(cells) - 1} (0 is {cells[0].label})."
        )
    if cell is not None and not 0 <= cell < len(cells):
        raise ConfigError(f"{file.where} has the cells 0 … {len(cells) - 1}; got --cell {cell}.")
    chosen = cells[cell or 0]
    parts = Parts(chosen.study, chosen.base, chosen.where)
    times = chosen.study.evaluate.times
    keep_memory()
    at = time if time is not None else (max(times) if times else None)
    found = look(parts.network, parts.test, at, chips=chips, images=images)
    typer.echo(found)
    write_json(json, found)
