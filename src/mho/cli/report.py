"""``mho report``: a study's results as one self-contained HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mho.cli.app import examples, new_app
from mho.cli.output import JsonOption, check_json, write_json

app = new_app()


@app.command(
    epilog=examples("mho report results/demo", "mho report results/demo/results.json -o page.html")
)
def report(
    results: Annotated[
        Path, typer.Argument(metavar="RESULTS", help="A results folder, or its results.json.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="The page; report.html beside the results if absent.",
        ),
    ] = None,
    json: JsonOption = None,
) -> None:
    """Write a study's results as one self-contained HTML page."""
    check_json(json)
    from mho.files import atomic_write, writable_file
    from mho.report.page import render
    from mho.report.read import read_results, results_file
    from mho.report.verdict import verdict

    source = results_file(results)
    page = source.with_name("report.html") if out is None else out
    writable_file(page)
    found = read_results(source)
    atomic_write(page, render(found))
    said = verdict(found)
    typer.echo(said)
    typer.echo(f"report: {page}")
    write_json(json, {**found, "verdict": said, "report": str(page)})
