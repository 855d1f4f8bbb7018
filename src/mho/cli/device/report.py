"""``mho device report``: a fitted device law, or a card, as one self-contained HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mho.cli.app import examples
from mho.cli.output import JsonOption, check_json, write_json


def register(app: typer.Typer) -> None:
    """Add the command to ``mho device``."""
    lines = (
        "mho device report my.toml -o my.html",
        "mho device report falcone2025 -o falcone2025.html",
    )
    app.command("report", epilog=examples(*lines))(report)


def report(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FIT",
            help="A card, by preset name or file (with what 'mho device fit' wrote beside it); "
            "or that file itself.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="The page; NAME.html here if absent."),
    ] = None,
    json: JsonOption = None,
) -> None:
    """Draw a device fit: quantiles by level, drift over time, memory, misfit, wafer maps."""
    check_json(json)
    from mho.files import atomic_write, writable_file
    from mho.report.device_page import fit_verdict, render_device
    from mho.report.fit_schema import parse_fit

    page = Path(f"{Path(source).stem}.html") if out is None else out
    writable_file(page)
    found = _read(source)
    said = fit_verdict(parse_fit(found, where=source))
    atomic_write(page, render_device(found))
    typer.echo(said)
    typer.echo(f"report: {page}")
    write_json(json, {**found, "verdict": said, "report": str(page)})


def _read(source: str) -> dict[str, Any]:
    """Read a fit from its JSON file, also beside its card; else the card without measurements."""
    from mho.device.cards import load_device
    from mho.report.read import read_json

    if source.endswith(".json"):
        remedy = "run 'mho device fit --json' to write it anew"
        found: dict[str, Any] = read_json(Path(source), remedy=remedy)
        return found
    card = load_device(source).model_dump(mode="json", exclude_none=True)
    beside = Path(source).with_suffix(".fit.json")
    if beside.is_file():
        found = read_json(beside, remedy="run 'mho device fit' to write it anew")
        if found.get("device") == card:
            return found
    return {"device": card}
