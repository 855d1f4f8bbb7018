"""How well and how fast device laws are fitted; writes docs/results/device_fit.md and .json.

    python benchmarks/device_fit.py [--data FOLDER] [--repeats 200] [--rows 10000000]

FOLDER holds rram-relaxation/; without it MHO_DATA is used. Parts: the two measured technologies
through the same code, simulate → fit → recover for every family, and time and memory.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
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
    import pandas as pd

    for k, t in enumerate(times):
        part = {"cell": np.arange(cells), "time_s": t, "g_uS": g[k].round(4), "target_uS": target}
        pd.DataFrame(part).to_csv(large, mode="a" if k else "w", header=not k, index=False)
    found = []
    for path in (small, large):
        done = subprocess.run(
            [sys.executable, "-c", _MEASURE, str(path)], capture_output=True, text=True, check=True
        )
        found.append(json.loads(done.stdout))
    return found


def recovered(repeats: int) -> dict[str, dict[str, tuple[int, int]]]:
    """Return for every case and number how often its 95 % interval held the truth."""
    out = {}
    for case in recover.CASES:
        started = time.perf_counter()
        out[case] = recover.coverage(case, repeats)
        sys.stderr.write(f"{case}: {time.perf_counter() - started:.0f} s\n")
    return out


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
    lines += _bake_lines(found["bakes"]) + _recover_lines(found["recovered"], found["repeats"])
    lines += ["", "## Time and memory", "", "| rows | seconds | CPU seconds | peak memory |",
              "| ---: | ---: | ---: | ---: |"]  # fmt: skip
    lines += [
        f"| {f['rows']:,} | {f['seconds']:.1f} | {f['cpu_seconds']:.1f} | {f['peak_GiB']:.2f} GiB |"
        for f in found["speed"]
    ]
    lines += ["", f"On {os.cpu_count()} cores at a load of {found['load']:.1f}; with other work "
              "beside it the CPU seconds tell more than the seconds."]  # fmt: skip
    return "\n".join(lines) + "\n"


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


def _recover_lines(found: dict[str, object], repeats: int) -> list[str]:
    lines = [
        "", "## Simulate, fit, recover", "",
        f"How often 95 % intervals hold the true value, over {repeats} repeats: all numbers of a "
        "law together, and its worst and best number. 200 repeats know a coverage of 95 % to "
        "± 3 points.", "",
        "| law | numbers | together | lowest | highest |", "| --- | ---: | ---: | ---: | ---: |",
    ]  # fmt: skip
    for case, numbers in found.items():
        shares = {name: hits / n for name, (hits, n) in numbers.items()}
        low, high = min(shares, key=shares.get), max(shares, key=shares.get)
        total = sum(h for h, _ in numbers.values()) / sum(n for _, n in numbers.values())
        lines.append(
            f"| {case} | {len(shares)} | {100 * total:.1f} % | {100 * shares[low]:.1f} % "
            f"(`{low}`) | {100 * shares[high]:.1f} % |"
        )
    return lines


def main() -> None:
    """Run all parts and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("MHO_DATA"))
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--rows", type=int, default=10_000_000)
    options = parser.parse_args()
    folder = Path(options.data) / "rram-relaxation"
    c, b = folder / "technology_c_relaxation.tsv.gz", folder / "technology_b_bake.tsv.gz"
    technologies = {"technology C, relaxation": technology(c)}
    for celsius in (100.0, 140.0, 180.0, 220.0, 260.0):
        name = f"technology B, baked at {celsius:g} °C"
        technologies[name] = technology(b, temperature_C=celsius)
    with tempfile.TemporaryDirectory() as scratch:
        found = {
            "technologies": technologies,
            "bakes": bakes(b),
            "speed": speed(options.rows, Path(scratch), c),
            "load": os.getloadavg()[0],
            "recovered": recovered(options.repeats),
            "repeats": options.repeats,
        }
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "device_fit.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    (RESULTS / "device_fit.md").write_text(page(found), encoding="utf-8")


if __name__ == "__main__":
    main()
