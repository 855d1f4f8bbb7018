"""``mho device show``: one device law, for people or as the card itself."""

from __future__ import annotations

from typing import Annotated

import typer

from mho.cli.app import examples
from mho.cli.output import JsonOption, check_json, print_table, write_json

CardArgument = Annotated[str, typer.Argument(metavar="CARD", help="Preset name or card file.")]


def register(app: typer.Typer) -> None:
    """Add the command to ``mho device``."""
    lines = ("mho device show falcone2025", "mho device show falcone2025 --card")
    app.command("show", epilog=examples(*lines))(show)


def show(
    card: CardArgument,
    as_card: Annotated[
        bool, typer.Option("--card", help="Print the card itself, to start your own from.")
    ] = False,
    json: JsonOption = None,
) -> None:
    """Show a device law: numbers, ranges, source."""
    from mho.device.cards import card_text, load_device
    from mho.device.describe import describe, figures, figures_table

    check_json(json)
    device = load_device(card)
    if as_card:
        typer.echo(card_text(device), nl=False)
    else:
        print_table(["", device.name], describe(device))
        print_table(
            *figures_table(device),
            title="Spread over cells, mean error and sd of one read in µS (* extrapolated)",
        )
    write_json(json, {"device": device.model_dump(exclude_none=True), "figures": figures(device)})
