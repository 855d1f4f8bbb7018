"""``mho device levels``: how many levels a device can tell apart."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from mho.cli.app import examples
from mho.cli.device.show import CardArgument
from mho.cli.output import JsonOption, check_json, print_table, write_json


class Placement(StrEnum):
    """How levels are placed."""

    equal_error = "equal-error"
    uniform = "uniform"


def register(app: typer.Typer) -> None:
    """Add the command to ``mho device``."""
    lines = (
        "mho device levels falcone2025",
        "mho device levels falcone2025 --time 1s --time 10y --error-rate 0.001",
        "mho device levels charan2020 --own",
        "mho device levels wan2022 --at 0,5,12,25,40 --time 1s --time 2d",
        "mho device levels my.toml --output my-levels.toml",
    )
    app.command("levels", epilog=examples(*lines))(levels)


def levels(
    card: CardArgument,
    time: Annotated[
        list[str] | None,
        typer.Option(help="Time since programming, such as 10y; may be repeated."),
    ] = None,
    error_rate: Annotated[
        float, typer.Option(help="Largest share of wrong reads of any level.")
    ] = 0.01,
    placement: Annotated[
        Placement, typer.Option(help="Closer where the device is precise, or equally spaced.")
    ] = Placement.equal_error,
    own: Annotated[
        bool, typer.Option("--own", help="Take the card's own levels and say how they are read.")
    ] = False,
    at: Annotated[
        str | None,
        typer.Option(metavar="µS,µS,…", help="Take levels at these conductances instead."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write the card with the levels of the last time."),
    ] = None,
    json: JsonOption = None,
) -> None:
    """Say how many levels can be told apart, where to put them, how often they are misread."""
    from mho.device.cards import load_device, save_device
    from mho.device.distinguish import distinguishable_levels, read_levels
    from mho.files import writable_file

    check_json(json)
    if output is not None:
        writable_file(output)
    stated = None if at is None else _conductances(at, own)
    device = load_device(card)
    times = time or _times(device)
    readings = [
        read_levels(device, stated, t=t)
        if own or stated
        else distinguishable_levels(device, error_rate=error_rate, t=t, placement=placement.value)
        for t in times
    ]
    _print(readings)
    if output is not None:
        save_device(device.replace(levels=readings[-1].as_levels()), output)
        typer.echo(f"Card with these {readings[-1].count} levels: {output}")
    records = [_record(reading) for reading in readings]
    how = "own" if own else "stated" if stated else placement.value
    asked = {"error_rate": None if own or stated else error_rate, "placement": how}
    write_json(json, {"device": device.name, **asked, "times": records})


def _conductances(at: str, own: bool) -> list[float]:
    """Read the levels that were stated."""
    from mho.errors import ConfigError

    if own:
        raise ConfigError("--own takes the card's levels and --at others; say one of them.")
    try:
        return [float(word) for word in at.split(",")]
    except ValueError:
        raise ConfigError(
            f"--at expects conductances in µS with commas between them, such as 0,5,12; got {at!r}."
        ) from None


def _times(device: Any) -> list[float]:
    """Return the reference time and ten years, or as late as the law goes."""
    last = (device.valid.t_s or (0.0, 0.0))[1]
    return sorted({device.t0_s, last}) if last > 0 else [device.t0_s]


def _print(readings: list[Any]) -> None:
    from mho.units import time_text

    rows = []
    for reading in readings:
        when = time_text(reading.t_s) + (" *" if reading.extrapolated else "")
        where = ", ".join(f"{g:.3g}" for g in reading.g_uS)
        shares = f"{100 * reading.worst:.3g} %", f"{100 * reading.mean:.3g} %"
        rows.append([when, reading.count, *shares, where])
    heads = ["t", "levels", "worst misread", "mean misread", "at µS (* extrapolated)"]
    print_table(heads, rows)
    last = readings[-1]
    if last.count > 1:
        _print_confusion(last, time_text(last.t_s))
    if last.stuck_share:
        typer.echo(f"Stuck cells, {100 * last.stuck_share:.3g} % of all, are not counted in.")


def _print_confusion(reading: Any, when: str) -> None:
    shown = min(reading.count, 12)
    heads = ["written as"] + [f"{g:.3g}" for g in reading.g_uS[:shown]]
    rows = [
        [f"{g:.3g}", *(f"{100 * share:.1f}" if share >= 5e-4 else "·" for share in row[:shown])]
        for g, row in zip(reading.g_uS[:shown], reading.confusion, strict=False)
    ]
    more = "" if shown == reading.count else f", the lowest {shown} of {reading.count}"
    print_table(heads, rows, title=f"Read as (% of reads at {when}; levels in µS{more})")


def _record(reading: Any) -> dict[str, Any]:
    return {
        "t_s": reading.t_s,
        "extrapolated": reading.extrapolated,
        "levels": reading.count,
        "g_uS": reading.g_uS,
        "thresholds_uS": reading.thresholds_uS,
        "worst": reading.worst,
        "mean": reading.mean,
        "error_rates": reading.error_rates,
        "confusion": reading.confusion,
        "stuck_share": reading.stuck_share,
    }
