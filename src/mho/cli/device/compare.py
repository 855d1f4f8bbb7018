"""``mho device compare``: two device laws side by side."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mho.cli.app import examples
from mho.cli.device.show import CardArgument
from mho.cli.output import JsonOption, check_json, print_table, write_json


def register(app: typer.Typer) -> None:
    """Add the command to ``mho device``."""
    lines = "mho device compare falcone2025 wan2022", "mho device compare my.toml falcone2025"
    app.command("compare", epilog=examples(*lines))(compare)


def compare(
    card: CardArgument,
    other: Annotated[str, typer.Argument(metavar="OTHER", help="Preset name or card file.")],
    json: JsonOption = None,
) -> None:
    """Show two device laws side by side, and their figures as shares of their windows."""
    from mho.device.cards import load_device
    from mho.device.compare import compare_figures, compare_texts
    from mho.units import time_text

    check_json(json)
    a, b = load_device(card), load_device(other)
    texts, figures = compare_texts(a, b), compare_figures(a, b)
    print_table(["", a.name, b.name], texts)
    rows = [
        [
            time_text(record["t_s"]),
            f"{100 * record['place']:.0f} %",
            *(_percent(record[side], key) for key in _KEYS for side in ("a", "b")),
        ]
        for record in figures
    ]
    heads = [f"{key} {name}" for key in _KEYS.values() for name in (a.name, b.name)]
    print_table(["t", "place", *heads], rows, title="In % of each window")
    differs = [label for label, left, right in texts if left != right]
    write_json(
        json, {"a": a.name, "b": b.name, "differs": differs, "texts": texts, "figures": figures}
    )


_KEYS = {"spread": "sd", "mean": "mean", "read_sd": "read sd"}


def _percent(shares: dict[str, Any] | None, key: str) -> str | None:
    return None if shares is None else f"{round(100 * shares[key], 6) + 0.0:.3g}"
