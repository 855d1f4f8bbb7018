"""``mho device list``: the shipped presets."""

from __future__ import annotations

from typing import Any

import typer

from mho.cli.app import examples
from mho.cli.output import JsonOption, check_json, print_table, write_json


def register(app: typer.Typer) -> None:
    """Add the command to ``mho device``."""
    app.command("list", epilog=examples("mho device list", "mho device list --json presets.json"))(
        list_presets
    )


def list_presets(json: JsonOption = None) -> None:
    """List the shipped presets with what each one knows."""
    from mho.device.cards import list_devices, load_device
    from mho.device.describe import window_text

    check_json(json)
    devices = [load_device(name) for name in list_devices()]
    rows: list[list[Any]] = []
    for device in devices:
        laws = (device.levels, device.programming, device.drift, device.memory, device.read_noise)
        rows.append([device.name, window_text(device), *(law.law for law in laws)])
    heads = ["preset", "window", "levels", "programming", "drift", "memory", "read noise"]
    print_table(heads, rows)
    typer.echo("Numbers and sources of one preset: mho device show NAME")
    write_json(json, {"presets": [device.model_dump(exclude_none=True) for device in devices]})
