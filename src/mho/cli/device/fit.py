"""``mho device fit``: measurements to a device card."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mho.cli.app import examples
from mho.cli.device.table_options import (
    ColumnsOption,
    DropOption,
    HeaderOption,
    TablesArgument,
    UnitsOption,
    WideOption,
    split_words,
)
from mho.cli.output import JsonOption, check_json, write_json


def register(app: typer.Typer) -> None:
    """Add the command to ``mho device``."""
    app.command(
        "fit",
        epilog=examples(
            "mho device fit cells.csv -o my.toml",
            "mho device fit cells.tsv.gz -o my.toml --columns cell=0 time=1 conductance=3",
            "mho device fit lot1.csv lot2.csv -o my.toml --units time=ms --json fit.json",
            "mho device fit wide.csv -o my.toml --wide",
            "mho device fit bakes.csv -o my.toml --temperature 100 --time-law levy2024-c",
        ),
    )(fit)


def fit(
    tables: TablesArgument,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="CARD", help="Card to write.")],
    columns: ColumnsOption = None,
    units: UnitsOption = None,
    name: Annotated[str | None, typer.Option(help="Name of the device; else the file's.")] = None,
    temperature: Annotated[
        float | None, typer.Option(metavar="°C", help="Which temperature to fit; else the lowest.")
    ] = None,
    time_law: Annotated[
        str | None,
        typer.Option(
            "--time-law", metavar="CARD", help="Device whose spread says how bakes grow in time."
        ),
    ] = None,
    members: Annotated[
        int, typer.Option(help="Laws of bootstrap samples that the card carries; 0 for none.")
    ] = 20,
    wide: WideOption = False,
    header: HeaderOption = None,
    drop_missing: DropOption = False,
    json: JsonOption = None,
) -> None:
    """Fit a device law to measured cells and write it as a card.

    Beside the card goes CARD.fit.json: how well it fits, for 'mho device report'.
    """
    from mho.device.cards import load_device
    from mho.device.fit.fit_device import fit_device
    from mho.files import writable_file

    files, stated, of_units = split_words(tables, columns, units)
    writable_file(out)
    check_json(json)
    fitted = fit_device(
        list(files),
        stated,
        of_units,
        name=name,
        temperature_C=temperature,
        time_law=None if time_law is None else load_device(time_law),
        members=members,
        wide=wide,
        header=header,
        drop_missing=drop_missing,
    )
    typer.echo("understood as:")
    for line in fitted.understood:
        typer.echo(f"  {line}")
    typer.echo(fitted.summary())
    record = out.with_suffix(".fit.json")
    fitted.save(record)
    fitted.save(out)
    typer.echo(f"card: {out}")
    typer.echo(f"its fit: {record} (draw it: mho device report {out})")
    write_json(json, fitted.to_dict())
