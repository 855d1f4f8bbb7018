"""How well and how fast device laws are fitted; writes docs/results/device_fit.md and .json.

    python benchmarks/recover.py --log LOG          # simulate, fit, recover: 200 repeats a law
    python benchmarks/device_fit.py [--data FOLDER] [--log LOG] [--parts technologies bakes …]

FOLDER holds rram-relaxation/; without it MHO_DATA is used. Parts: ``technologies`` (measured cells
through the same code), ``bakes``, ``speed`` (time and memory) and ``recovered`` (counts what LOG
holds). Parts that are not named keep the figures of their last run.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import mho
import recover
from mho.rng import Streams

RESULTS = Path(__file__).parents[1] / "docs" / "results"
TABLE = "quantiles by level and time"
PLAIN = "one normal law, linear in ln t"
_MEASURE = """
import json, resource, sys, time
import mho
started, cpu = time.perf_counter(), time.process_time()
fit = mho.fit_device(sys.argv[1])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(json.dumps({"rows": fit.goodness.reads, "seconds": time.perf_counter() - started,
                  "cpu_seconds": time.process_time() - cpu, "peak_GiB": peak}))
"""


def technology(path: Path, **options) -> dict[str, object]:
    """Return the figures of one fit: quantiles, moments, correlations, gain over one normal law."""
    fit = mho.fit_device(path, members=0, **options)
    good = fit.goodness
    memory = good.memory
    worst = None
    if memory is not None and memory.log_likelihood:
        worst = float(np.nanmax(np.abs(memory.measured - memory.fitted)))
    ranking = good.families
    plain = next(c for c in ranking.candidates if c.name == PLAIN)
    gain, error = ranking.gap(plain)
    return {
        "cells": good.cells,
        "law": ranking.winner.name,
        "median_error_sd": good.drift.median_error,
        "largest_error_sd": good.drift.largest_error,
        "compared": int(good.drift.quantile_errors.size),
        "correlation_error": worst,
        "gain_nats": gain,
        "gain_error": error,
        "price": ranking.price(),
        "times": [vars(f) for f in good.drift.times],
    }


def bakes(path: Path) -> dict[str, object]:
    """Return what the bakes say of temperature, with the growth of technology C in time."""
    fit = mho.fit_device(path, members=0, time_law=mho.load_device("levy2024-c"))
    found = fit.goodness.temperature
    day = 86_400.0
    days = [t / day for t in found.law.equivalent(3600.0, 220.0, 85.0)]
    return {**found.to_dict(), "days_at_85C_of_an_hour_at_220C": days}


def speed(rows: int, folder: Path, small: Path) -> list[dict[str, float]]:
    """Fit the small table and one of so many rows, each in a process of its own."""
    large = folder / "large.csv"
    times = [1.0, 60.0, 3600.0, 86_400.0, 604_800.0]
    device = mho.load_device("falcone2025")
    cells = rows // len(times)
    target = np.resize(np.linspace(10, 85, 16), cells).astype(np.float32)
    g = device.conductances(target, times, Streams(1, "benchmark"))
    import pyarrow
    from pyarrow import csv

    columns = {
        "cell": np.tile(np.arange(cells), len(times)),
        "time_s": np.repeat(times, cells),
        "g_uS": g.ravel().astype(np.float64).round(4),
        "target_uS": np.tile(target.astype(np.float64), len(times)),
    }
    csv.write_csv(pyarrow.table(columns), large)
    found = []
    for path in (small, large):
        done = subprocess.run(
            [sys.executable, "-c", _MEASURE, str(path)], capture_output=True, text=True, check=True
        )
        found.append({**json.loads(done.stdout), "load": os.getloadavg()[0]})
    return found


def recovered(log: Path, repeats: int) -> dict[str, object]:
    """Return for every case and number how often its 95 % interval held the truth."""
    cases = {}
    for case in recover.CASES:
        counts, made = recover.coverage_of_log(log, case, repeats)
        if made:
            cases[case] = {"repeats": made, "held": counts}
    return {"cases": cases, "seeds": [0, repeats - 1]}


def page(found: dict[str, object]) -> str:
    """Write the results as the page of the documentation."""
    lines = [
        "# Device fits in figures",
        "",
        f"Written by `python benchmarks/device_fit.py` (mho {mho.__version__}). "
        "Errors of quantiles are in measured standard deviations of the change, over the 5, 25, "
        "50, 75 and 95 % quantiles of every level and time with at least 200 cells; gains are in "
        "nats a read on cells that the law was not fitted to, over one normal law without levels, "
        "linear in ln t.",
        "",
        "## Two measured technologies, the same code",
        "",
        "| table | cells | quantiles compared | median error | largest error | "
        "largest error of a correlation | gain on unseen cells |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, f in found["technologies"].items():
        worst = "–" if f["correlation_error"] is None else f"{f['correlation_error']:.3f}"
        lines.append(
            f"| {name} | {f['cells']:,} | {f['compared']} | {f['median_error_sd']:.4f} | "
            f"{f['largest_error_sd']:.3f} | {worst} | "
            f"{f['gain_nats']:.3f} ± {f['gain_error']:.3f} |"
        )
    first = next(iter(found["technologies"].values()))
    lines += ["", f"Technology C: {first['price']}.", "", "Mean and sd of the change in µS, all "
              "levels (measured, law):", "", "| time | cells | mean | sd |",
              "| ---: | ---: | ---: | ---: |"]  # fmt: skip
    lines += [
        f"| {f['t_s']:.4g} s | {f['cells']:,} | {f['mean']:.3f}, {f['mean_fitted']:.3f} | "
        f"{f['sd']:.3f}, {f['sd_fitted']:.3f} |"
        for f in first["times"]
    ]
    if "bakes" in found:
        lines += _bake_lines(found["bakes"])
    if "recovered" in found:
        lines += _recover_lines(found["recovered"])
    if "speed" in found:
        lines += _speed_lines(found["speed"])
    lines += ["", "## Where these figures come from", "",
              "| part | date | commit | machine | seeds |",
              "| --- | --- | --- | --- | --- |"]  # fmt: skip
    lines += [
        f"| {part} | {made['date']} | `{made['commit']}` | {made['machine']} | {made['seeds']} |"
        for part, made in found["made"].items()
    ]
    return "\n".join(lines) + "\n"


def _speed_lines(f: dict[str, object]) -> list[str]:
    lines = ["", "## Time and memory", "",
             "From the file to the law, 20 laws of bootstrap samples included.", "",
             "| rows | seconds | CPU seconds | peak memory | other work beside it |",
             "| ---: | ---: | ---: | ---: | ---: |"]  # fmt: skip
    lines += [
        f"| {one['rows']:,} | {one['seconds']:.1f} | {one['cpu_seconds']:.1f} | "
        f"{one['peak_GiB']:.2f} GiB | load {one['load']:.1f} |"
        for one in f["fits"]
    ]
    return [*lines, "", f"On {f['cores']} cores; a load above 1 is other work, beside which the "
            "CPU seconds tell more than the seconds."]  # fmt: skip


def _bake_lines(f: dict[str, object]) -> list[str]:
    law, days = f["law"], f["days_at_85C_of_an_hour_at_220C"]
    low, high = law["interval_eV"]
    product = f["product_eV"]
    rows = [
        f"| {b['temperature_C']:g} °C | {b['t_s']:.0f} s | {b['spread'][0]:.3f} "
        f"({b['spread'][1]:.3f} to {b['spread'][2]:.3f}) | {b['fitted']:.3f} | {b['mean_uS']:.2f} |"
        for b in f["bakes"]
    ]
    return [
        "", "## What bakes say of temperature (technology B)", "",
        "| temperature | bake | spread, coldest = 1 | law | mean change (µS) |",
        "| ---: | ---: | ---: | ---: | ---: |", *rows, "",
        f"Each bake was read once, so the table alone gives n E = {product[0]:.4f} eV "
        f"({product[1]:.4f} to {product[2]:.4f}), n being the exponent of the spread's growth in "
        f"time. With n = {f['exponent']:.4f} of technology C around the bake time, "
        f"E = {law['activation_energy_eV']:.2f} eV ({low:.2f} to {high:.2f}; the error of n is not "
        f"in it), and an hour at 220 °C is {days[0]:.0f} days ({days[1]:.0f} to {days[2]:.0f}) at "
        "85 °C. 85 °C lies outside the measured 100 to 260 °C, and the mean change does not go one "
        "way with temperature: only the spread follows this law.",
    ]  # fmt: skip


def _recover_lines(found: dict[str, object]) -> list[str]:
    lines = [
        "", "## Simulate, fit, recover", "",
        "How often 95 % intervals hold the true value: all numbers of a law together, and its "
        "worst and best number. 200 repeats know a coverage of 95 % to ± 3 points (two standard "
        "errors), so of many numbers the lowest lies below 93 % by chance alone.", "",
        "| law | repeats | numbers | together | lowest | highest |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]  # fmt: skip
    for case, one in found["cases"].items():
        numbers = one["held"]
        shares = {name: hits / n for name, (hits, n) in numbers.items()}
        low, high = min(shares, key=shares.get), max(shares, key=shares.get)
        total = sum(h for h, _ in numbers.values()) / sum(n for _, n in numbers.values())
        lines.append(
            f"| {case} | {one['repeats']} | {len(shares)} | {100 * total:.1f} % | "
            f"{100 * shares[low]:.1f} % (`{low}`) | {100 * shares[high]:.1f} % |"
        )
    return lines


def provenance(seeds: str, commit: str | None = None) -> dict[str, str]:
    """Say when, by which commit and on what machine a part was run."""
    head = ["git", "rev-parse", "--short", "HEAD"]
    run = subprocess.run(head, capture_output=True, text=True, check=True, cwd=RESULTS.parent)
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "commit": commit or run.stdout.strip(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python "
        f"{platform.python_version()}, one thread a process",
        "seeds": seeds,
    }


PARTS = ("technologies", "bakes", "speed", "recovered")


def main() -> None:
    """Run the parts that were asked for and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("MHO_DATA"))
    parser.add_argument("--log", type=Path, help="what benchmarks/recover.py wrote")
    parser.add_argument("--log-commit", help="commit that wrote it, where it is not the present")
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    options = parser.parse_args()
    path = RESULTS / "device_fit.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"made": {}}
    folder = Path(options.data) / "rram-relaxation"
    c, b = folder / "technology_c_relaxation.tsv.gz", folder / "technology_b_bake.tsv.gz"
    if "technologies" in options.parts:
        found["technologies"] = {"technology C, relaxation": technology(c)}
        for celsius in (100.0, 140.0, 180.0, 220.0, 260.0):
            name = f"technology B, baked at {celsius:g} °C"
            found["technologies"][name] = technology(b, temperature_C=celsius)
        found["made"]["technologies"] = provenance("held-out cells 0")
    if "bakes" in options.parts:
        found["bakes"] = bakes(b)
        found["made"]["bakes"] = provenance("held-out cells 0")
    if "speed" in options.parts:
        with tempfile.TemporaryDirectory() as scratch:
            found["speed"] = {
                "fits": speed(options.rows, Path(scratch), c),
                "cores": os.cpu_count(),
            }
        found["made"]["speed"] = provenance("simulated cells 1")
    if "recovered" in options.parts and options.log is not None:
        found["recovered"] = recovered(options.log, options.repeats)
        seeds = f"0 to {options.repeats - 1}"
        found["made"]["recovered"] = provenance(seeds, options.log_commit)
    RESULTS.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1), encoding="utf-8")
    (RESULTS / "device_fit.md").write_text(page(found), encoding="utf-8")


if __name__ == "__main__":
    main()
