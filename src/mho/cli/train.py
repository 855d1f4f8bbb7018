"""``mho train``: train a reference network by a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mho.cli.app import examples, new_app
from mho.cli.output import JsonOption, check_json, print_table, write_json
from mho.progress import progress_bar

app = new_app()


@app.command(
    epilog=examples(
        "mho train lenet5-mnist5k --out runs/lenet5-mnist5k",
        "mho train minilm-sst5",
        "mho train my-recipe.toml --out runs/mine --json figures.json",
    )
)
def train(
    recipe: Annotated[
        str, typer.Argument(help="Name of a shipped recipe, or a TOML file with one.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FOLDER",
            help="Where checkpoint and network go; by default where mho looks for it by name.",
        ),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of torch; all cores unless given.")
    ] = None,
    json: JsonOption = None,
) -> None:
    """Train a reference network by a recipe; run it again to go on after an interruption."""
    import torch

    from mho.zoo import home_of
    from mho.zoo.training import load_recipe, train_and_publish

    check_json(json)
    settings = load_recipe(recipe)
    folder = home_of(settings.name) if out is None else out
    if threads is not None:
        torch.set_num_threads(threads)
    with progress_bar(f"training {settings.name}") as progress:
        card, history = train_and_publish(settings, folder, progress=progress)
    print_table(
        ["test data", "images", "correct", "accuracy"],
        [(a.data, a.images, a.correct, f"{a.accuracy:.2%}") for a in card.test],
        title=f"{card.name}: {card.parameters:,} parameters in {folder / card.name}.safetensors",
    )
    write_json(json, {"card": card, "history": history})
