"""``mho train``: train a reference network by a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mho.cli.app import examples, new_app
from mho.cli.output import JsonOption, check_json, print_table, write_json
from mho.progress import progress_bar

app = new_app()


@app.command(
    epilog=examples(
        "mho train lenet5-mnist5k --out runs/lenet5-mnist5k",
        "mho train my-recipe.toml --out runs/mine --json figures.json",
    )
)
def train(
    recipe: Annotated[
        str, typer.Argument(help="Name of a shipped recipe, or a TOML file with one.")
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where checkpoint and network go.")
    ],
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of torch; all cores unless given.")
    ] = None,
    json: JsonOption = None,
) -> None:
    """Train a reference network by a recipe; run it again to go on after an interruption."""
    import torch

    from mho.data import load
    from mho.files import writable_folder
    from mho.zoo.training import load_recipe, publish
    from mho.zoo.training import train as run

    check_json(json)
    settings = load_recipe(recipe)
    writable_folder(out)
    if threads is not None:
        torch.set_num_threads(threads)
    data = load(settings.data, "train")
    tests = [load(name, "test") for name in settings.tests]
    with progress_bar(f"training {settings.name}") as progress:

        def show(figures: dict[str, Any]) -> None:
            text = f"epoch {figures['epoch']} of {settings.epochs}, loss {figures['loss']:.4f}"
            progress(figures["epoch"], settings.epochs, text)

        state = run(settings, data, out / "checkpoint.safetensors", progress=show)
    card = publish(settings, state, data, tests, out)
    print_table(
        ["test data", "images", "correct", "accuracy"],
        [(a.data, a.images, a.correct, f"{a.accuracy:.2%}") for a in card.test],
        title=f"{card.name}: {card.parameters:,} parameters in {out / card.name}.safetensors",
    )
    write_json(json, {"card": card, "history": state.history})
