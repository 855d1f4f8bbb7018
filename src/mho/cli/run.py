"""``mho run``: one experiment from one file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from mho.cli.app import examples, new_app
from mho.cli.output import JsonOption, check_json, write_json

app = new_app()

OutOption = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="FOLDER", help="Where results go; results/NAME if absent."),
]


@app.command(
    epilog=examples(
        "mho run study.toml",
        "mho run study.toml --dry-run",
        "mho run study.toml -o part-2 --shard 2/8",
    )
)
def run(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="The study, a TOML file.")],
    out: OutOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what there is to do, and how long it takes.")
    ] = False,
    shard: Annotated[
        str | None,
        typer.Option(metavar="I/N", help="Do share I of N; 'mho merge' puts them together."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Run more than a million cells.")] = False,
    json: JsonOption = None,
) -> None:
    """Run a study from its file; run it again to go on where it stopped."""
    from mho.allocator import keep_memory
    from mho.study.shard import Shard
    from mho.study.spec import read_study

    check_json(json)
    read_study(study)  # its mistakes are told before torch is loaded
    part = None if shard is None else Shard.parse(shard)
    keep_memory()
    if dry_run:
        from mho.study.forecast import forecast

        expected = forecast(study, out, yes=yes)
        _print_forecast(expected.to_dict())
        write_json(json, expected)
        return
    from mho.study.run import run_study

    figures = run_study(study, out, shard=part, yes=yes, on_cell=_print_cell)
    _print_figures(figures)
    write_json(json, figures)


def _print_figures(figures: Mapping[str, Any]) -> None:
    from mho.cli.study_table import print_study

    if "shard" in figures:
        typer.echo(
            f"shard {figures['shard']}: its work on {figures['cells']} cells is done and lies in "
            f"{figures['folder']}. When all shards are done: mho merge FOLDER … -o RESULTS"
        )
    elif "cells" in figures:
        typer.echo(f"{len(figures['cells'])} cells are done; 'mho results' shows them as a table.")
    else:
        print_study(figures)


def _print_cell(figures: Mapping[str, Any]) -> None:
    """Print one line of the running table of a sweep."""
    late = [f"{s['name']} {s['times'][-1]['mean']:.2%}" for s in figures["steps"]]
    label = ", ".join(f"{name} = {value}" for name, value in figures["cell"].items())
    typer.echo(f"{label}: {figures['steps'][0]['times'][-1]['label']}: {'; '.join(late)}")


def _print_forecast(expected: Mapping[str, Any]) -> None:
    from mho.cli.output import print_table
    from mho.units import time_text

    left = expected["trials"] - expected["trials_done"]
    least = "at least " if expected["fits"] else ""
    print_table(
        ["plan", ""],
        [
            ("cells", f"{expected['cells']:,} ({expected['cells_done']:,} done)"),
            ("trials", f"{expected['trials']:,} ({expected['trials_done']:,} done)"),
            ("recoveries to fit", f"{expected['fits']:,} (time not foreseen)"),
            ("processes", f"{expected['processes']}"),
            ("time for the chips", f"{least}{time_text(expected['seconds'])} for {left:,} trials"),
            ("memory", f"{expected['memory_bytes'] / 2**30:.1f} GiB in all"),
            ("running now", expected["running"] or "no"),
        ],
    )
