"""``mho device inspect``: what a table holds, before anything is fitted."""

from __future__ import annotations

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
from mho.cli.output import JsonOption, check_json, print_table, write_json


def register(app: typer.Typer) -> None:
    """Add the command to ``mho device``."""
    app.command(
        "inspect",
        epilog=examples(
            "mho device inspect cells.csv",
            "mho device inspect cells.tsv --columns cell=0 time=1 resistance=2 --units time=ms",
        ),
    )(inspect)


def inspect(
    tables: TablesArgument,
    columns: ColumnsOption = None,
    units: UnitsOption = None,
    wide: WideOption = False,
    header: HeaderOption = None,
    drop_missing: DropOption = False,
    json: JsonOption = None,
) -> None:
    """Show what a table of measurements holds, and the options to fit it with."""
    from mho.device.tables.inspect import inspect_table

    files, stated, of_units = split_words(tables, columns, units)
    check_json(json)
    seen = inspect_table(
        list(files), stated, of_units, wide=wide, header=header, drop_missing=drop_missing
    )
    typer.echo(f"{seen.table}: {seen.rows:,} rows, {'with' if seen.header else 'no'} header")
    rows = [(c.name, c.holds, f"{c.distinct:,}", c.missing, c.understood) for c in seen.columns]
    print_table(["column", "holds", "distinct", "missing", "understood as"], rows)
    for what, text in seen.facts:
        typer.echo(f"{what}: {text}")
    for text in seen.warnings:
        typer.echo(f"warning: {text}")
    if seen.options:
        typer.echo(f"use: mho device fit {' '.join(files)} -o card.toml {seen.options}")
    write_json(json, seen.to_dict())
    if seen.problem:
        typer.echo(f"problem: {seen.problem}")
        raise typer.Exit(1)
