"""``mho device simulate``: a table of reads as a lab would hand it in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mho.cli.app import examples
from mho.cli.device.show import CardArgument
from mho.cli.output import JsonOption, check_json, write_json


def register(app: typer.Typer) -> None:
    """Add the command to ``mho device``."""
    lines = (
        "mho device simulate falcone2025 --cells 2000 --times 1s,1h,1d,1week -o cells.csv",
        "mho device simulate my.toml --cells 100000 --times 1s,1d --levels 8 -o cells.csv.gz",
        "mho device simulate my.toml --cells 9000 --times 0,1h --dies 30 --wafers 3 -o cells.csv",
    )
    app.command("simulate", epilog=examples(*lines))(simulate)


def simulate(
    card: CardArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="CSV file to write; .gz is packed.")
    ],
    times: Annotated[str, typer.Option(help="Times since programming, with commas: 0,1s,1h,10y.")],
    cells: Annotated[int, typer.Option(help="How many cells.")] = 1000,
    levels: Annotated[
        int | None,
        typer.Option(help="Uniform levels that cells take in turn; else the card's own, or 16."),
    ] = None,
    dies: Annotated[
        int | None, typer.Option(help="Spread the cells over so many dies of each wafer.")
    ] = None,
    wafers: Annotated[int, typer.Option(help="So many wafers of each lot, with --dies.")] = 1,
    lots: Annotated[int, typer.Option(help="So many lots, with --dies.")] = 1,
    seed: Annotated[int, typer.Option(help="Which cells.")] = 0,
    exact_reads: Annotated[
        bool, typer.Option("--exact-reads", help="Leave out the read noise.")
    ] = False,
    json: JsonOption = None,
) -> None:
    """Write simulated cells in the table that 'mho device fit' reads."""
    from mho.device.cards import load_device
    from mho.device.simulate import targets_of, write_cells
    from mho.device.wafers import Wafers
    from mho.errors import ConfigError
    from mho.units import all_seconds

    check_json(json)
    if dies is None and (wafers, lots) != (1, 1):
        raise ConfigError("--wafers and --lots need --dies: how many dies each wafer has.")
    device = load_device(card)
    times_s = all_seconds(times.split(","))
    targets = targets_of(device, levels)
    rows = write_cells(
        output,
        device,
        cells,
        times_s,
        targets_uS=targets,
        wafers=None if dies is None else Wafers(dies, wafers, lots),
        seed=seed,
        read_noise=not exact_reads,
    )
    typer.echo(f"{rows:,} reads of {cells:,} cells of '{device.name}': {output}")
    typer.echo(f"Fit them: mho device fit {output} -o fitted.toml")
    asked = {"device": device.name, "cells": cells, "times_s": times_s, "targets_uS": targets}
    write_json(json, {**asked, "seed": seed, "rows": rows, "file": output})
