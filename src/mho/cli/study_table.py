"""What ``mho run`` and ``mho demo`` print: the steps, the verdict, where the report is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from mho.cli.output import print_table


def print_study(figures: Mapping[str, Any]) -> None:
    """Print the figures of a study for people.

    Args:
        figures: What :func:`mho.run_study` returned.
    """
    steps = figures["steps"]
    labels = [time["label"] for time in steps[0]["times"]]
    late = labels[-1]
    print_table(
        ["step", *labels, f"worst, {late}", "added area", "SRAM", "ROM", "extra MACs"],
        [_row(step) for step in steps],
        title=(
            f"{figures['network']['name']} on {figures['data']['name']}, "
            f"{figures['hardware']['device']['name']}: mean accuracy over "
            f"{steps[0]['times'][0]['chips']} chips (± half of its "
            f"{steps[0]['times'][0]['confidence']:.0%} interval); "
            f"digital {figures['baseline']['accuracy']:.2%}"
        ),
    )
    typer.echo(f"{figures['verdict']}\n")
    typer.echo(f"report: {figures['report']}")


def _row(step: Mapping[str, Any]) -> list[str | None]:
    cost = step["cost"]
    extra = cost["extra_macs_share"]
    return [
        step["name"],
        *(_accuracy(time) for time in step["times"]),
        f"{step['times'][-1]['worst']:.2%}",
        f"{cost['area_share']:.2%}",
        _bits(cost["sram_bits"]),
        _bits(cost["rom_bits"]),
        None if extra is None else f"{extra:.2%}",
    ]


def _accuracy(time: Mapping[str, Any]) -> str:
    if time["ci_low"] is None:
        return f"{time['mean']:.2%}"
    return f"{time['mean']:.2%} ± {(time['ci_high'] - time['ci_low']) / 2:.2%}"


def _bits(bits: int) -> str:
    return f"{bits} b" if bits < 8192 else f"{bits / 8192:.1f} KiB"
