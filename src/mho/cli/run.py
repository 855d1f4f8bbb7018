"""``mho run``: one experiment from one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mho.cli.app import examples, new_app
from mho.cli.output import JsonOption, check_json, write_json

app = new_app()

OutOption = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="FOLDER", help="Where results go; results/NAME if absent."),
]


@app.command(epilog=examples("mho run study.toml", "mho run study.toml -o results/first"))
def run(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="The study, a TOML file.")],
    out: OutOption = None,
    json: JsonOption = None,
) -> None:
    """Run a study from its file; run it again to go on where it stopped."""
    from mho.allocator import keep_memory
    from mho.cli.study_table import print_study
    from mho.study.spec import read_study

    check_json(json)
    read_study(study)  # its mistakes are told before torch is loaded
    from mho.study.run import run_study

    keep_memory()
    figures = run_study(study, out)
    print_study(figures)
    write_json(json, figures)
