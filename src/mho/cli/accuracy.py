"""``mho accuracy``: the mean accuracy of a study's network, to a wanted certainty."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mho.cli.app import examples, new_app
from mho.cli.one_cell import CellOption, TimeOption, parts_of, time_of
from mho.cli.output import JsonOption, check_json, write_json

app = new_app()


@app.command(
    epilog=examples(
        "mho accuracy study.toml --time 10y",
        "mho accuracy study.toml --half-width 0.001 --json accuracy.json",
        "mho accuracy study.toml --bundle results/study/artefacts/distilled",
    )
)
def accuracy(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="The study, a TOML file.")],
    time: TimeOption = None,
    half_width: Annotated[
        float,
        typer.Option(
            "--half-width", help="How sure: half the interval, as a fraction (0.002 is ±0.2 pp)."
        ),
    ] = 0.002,
    bundle: Annotated[
        Path | None,
        typer.Option("--bundle", metavar="FOLDER", help="A recovered network of it, as a bundle."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Seed of the first chip; the study's by default.")
    ] = None,
    one_level: Annotated[
        bool, typer.Option("--one-level", help="Ask the hardware as it is only.")
    ] = False,
    cell: CellOption = None,
    json: JsonOption = None,
) -> None:
    """Find the mean accuracy of a study's network to a wanted certainty, with few passes."""
    from mho.allocator import keep_memory
    from mho.study.spec import read_study

    check_json(json)
    file = read_study(study)  # its mistakes are told before torch is loaded
    parts = parts_of(file, cell)
    from mho.evaluation.mean_accuracy import mean_accuracy

    wanted = parts.study.evaluate
    network = parts.network
    if bundle is not None:
        from mho.deploy.bundle import load_bundle

        network = load_bundle(bundle, parts.network.model).network
    keep_memory()
    found = mean_accuracy(
        network,
        parts.test,
        time_of(parts, time),
        half_width=half_width,
        two_levels=not one_level,
        seed=wanted.seed if seed is None else seed,
        confidence=wanted.confidence,
        torch_device=parts.study.engine.torch_device,
    )
    typer.echo(found)
    write_json(json, found)
    if not found.sampled.met:
        raise typer.Exit(1)
