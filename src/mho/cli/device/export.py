"""``mho device export``: a device law for another simulator."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mho.cli.app import examples
from mho.cli.device.show import CardArgument
from mho.cli.output import JsonOption, check_json, write_json


class Tool(StrEnum):
    """Simulators that a law can be written for."""

    aihwkit = "aihwkit"
    crosssim = "crosssim"
    neurosim = "neurosim"


def register(app: typer.Typer) -> None:
    """Add the command to ``mho device``."""
    lines = (
        "mho device export falcone2025 --to aihwkit -o falcone.py",
        "mho device export falcone2025 --to crosssim -o falcone.py",
        "mho device export falcone2025 --to neurosim --time 1y --levels 8 -o mem_states.csv",
    )
    app.command("export", epilog=examples(*lines))(export)


def export(
    card: CardArgument,
    to: Annotated[Tool, typer.Option(help="Which simulator.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; else it is printed.")
    ] = None,
    time: Annotated[
        str | None, typer.Option(help="For neurosim: the moment that its table holds.")
    ] = None,
    levels: Annotated[
        int | None, typer.Option(help="For neurosim: so many states, a power of two.")
    ] = None,
    json: JsonOption = None,
) -> None:
    """Write a device law for another simulator and say what that one cannot express."""
    from mho.device.cards import load_device
    from mho.device.export import export_device
    from mho.errors import ConfigError

    check_json(json)
    if to is not Tool.neurosim and (time is not None or levels is not None):
        raise ConfigError(
            f"--time and --levels are for neurosim; {to.value} takes the whole law. Leave them out."
        )
    device = load_device(card)
    text, limits = export_device(device, to.value, output, t=time, levels=levels)
    if output is None:
        typer.echo(text, nl=False)
    else:
        typer.echo(f"'{device.name}' for {to.value}: {output}")
    for limit in limits:
        typer.echo(f"  not expressed {limit}".replace(" - ", ": ", 1), err=output is None)
    plain = [limit.removeprefix("- ") for limit in limits]
    record = {"device": device.name, "to": to.value, "file": output, "not_expressed": plain}
    write_json(json, record)
