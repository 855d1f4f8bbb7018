"""``mho device check``: is a card right, and what does it leave open?"""

from __future__ import annotations

import typer

from mho.cli.app import examples
from mho.cli.device.show import CardArgument
from mho.cli.output import JsonOption, check_json, write_json


def register(app: typer.Typer) -> None:
    """Add the command to ``mho device``."""
    app.command("check", epilog=examples("mho device check my.toml"))(check)


def check(card: CardArgument, json: JsonOption = None) -> None:
    """Check a device card and say what it leaves open."""
    from mho.device.cards import load_device
    from mho.device.check import remarks

    check_json(json)
    device = load_device(card)
    found = remarks(device)
    typer.echo(f"{card}: a valid device card, '{device.name}'.")
    for remark in found:
        typer.echo(f"  note: {remark}")
    write_json(json, {"card": card, "device": device.name, "valid": True, "remarks": found})
