"""Simulate cells from a law, fit the law's own family, and see whether intervals hold the truth.

Each case draws fresh cells from a known law and asks of every number on the card whether its 95 %
interval holds the true one. ``coverage`` counts that over repeats. The tests run a few repeats of
each case, the benchmark 200, in as many goes as it takes: what is done stands in a log.

    python benchmarks/recover.py --log FOLDER [--repeats 200] [--cases drift] [--minutes 8]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from mho.device.correlation_table import CorrelationTable
from mho.device.curve import (
    LogTime,
    MonotoneSpline,
    PolynomialCurve,
    PowerTime,
    RootLogTime,
    StretchedTime,
)
from mho.device.device import Device, Source, ValidRange
from mho.device.die import AddedDieOffset
from mho.device.ensemble import moved
from mho.device.faults import Faults
from mho.device.fit import drift_families, programming_families
from mho.device.fit.bootstrap import bootstrap
from mho.device.fit.drift_table import fit_quantile_drift
from mho.device.fit.likelihood import Estimate, numbers
from mho.device.fit.measured import measure
from mho.device.fit.memory import refit
from mho.device.fit.temperature import fit_temperature
from mho.device.memory import Memory, RandomWalk
from mho.device.programming import ConstantSpread
from mho.device.shaped import GammaSpread, RelativeSpread, ShapedDrift, ShapedSpread
from mho.device.shapes import (
    ExponentialPowerShape,
    LogisticShape,
    NormalShape,
    SkewNormalShape,
    StudentShape,
)
from mho.device.tables.read import read_table
from mho.device.tables.understand import understand
from mho.device.temperature import AcceleratedDrift, Arrhenius
from mho.rng import Streams

Found = Iterator[tuple[str, float, Estimate]]
"""Name of a number, its true value, what was found."""

LEVELS = np.linspace(5.0, 80.0, 12)
REFERENCE = 80.0
_T24 = 2.0639
"""97.5 % quantile of Student's t with 24 degrees of freedom: 25 bootstrap laws."""
TIMES = (1.0, 10.0, 100.0, 1e3, 1e4)


def line(*coefficients: float) -> PolynomialCurve:
    """Return a polynomial in g / 80 µS."""
    return PolynomialCurve(coefficients=coefficients, reference_uS=REFERENCE)


_NODES = tuple(float(g) for g in np.quantile(LEVELS, np.linspace(0, 1, 5)))
PROGRAMMING = {
    "normal": ShapedSpread(shape=NormalShape(), bias_uS=line(0.1, -0.3), sd_uS=line(0.5, 1.0)),
    "student-t": ShapedSpread(
        shape=StudentShape(df=5), bias_uS=line(0.1, -0.3), sd_uS=line(0.5, 1.0)
    ),
    "skew-normal": ShapedSpread(
        shape=SkewNormalShape(alpha=4), bias_uS=line(0.1, -0.3), sd_uS=line(0.5, 1.0)
    ),
    "exponential-power": ShapedSpread(
        shape=ExponentialPowerShape(beta=4), bias_uS=line(0.1, -0.3), sd_uS=line(0.5, 1.0)
    ),
    "lognormal": RelativeSpread(shape=NormalShape(), bias_ln=line(0.02, -0.05),
                                sd_ln=line(0.3, -0.1)),
    "log-logistic": RelativeSpread(shape=LogisticShape(), bias_ln=line(0.02, -0.05),
                                   sd_ln=line(0.3, -0.1)),
    "gamma": GammaSpread(bias_ln=line(0.02, -0.05), cv=line(0.3, -0.1)),
    "normal, parabola": ShapedSpread(
        shape=NormalShape(), bias_uS=line(0.1, -0.3, 0.2), sd_uS=line(0.5, 2.0, -1.2)
    ),
    "normal, spline": ShapedSpread(
        shape=NormalShape(), bias_uS=line(0.1, -0.3, 0.2),
        sd_uS=MonotoneSpline(g_uS=_NODES, values=(0.5, 0.9, 1.1, 1.2, 2.0)),
    ),
}  # fmt: skip
"""True programming laws by the family that has to find them."""

_SHAPES = {"normal": NormalShape(), "student-t": StudentShape(df=5)}
_FORMS = {
    "log-time": (
        LogTime(intercept_uS=(-0.5, -1.0, 0.5), slope_uS=(-0.1, -0.2, 0.1)),
        LogTime(intercept_uS=(1.0, 0.8, -0.4), slope_uS=(0.1, 0.1, -0.05)),
    ),
    "root-log-time": (
        LogTime(intercept_uS=(-0.5, -1.0, 0.5), slope_uS=(-0.1, -0.2, 0.1)),
        RootLogTime(intercept_uS2=(1.0, 1.5, -0.8), slope_uS2=(0.3, 0.4, -0.2)),
    ),
    "power": (
        PowerTime(scale_uS=(-0.5, -1.0, 0.5), exponent=0.15),
        PowerTime(scale_uS=(1.0, 0.8, -0.4), exponent=0.1),
    ),
    "stretched": (
        StretchedTime(scale_uS=(-2.0, -3.0, 1.5), tau_s=200.0, beta=0.5),
        StretchedTime(scale_uS=(2.0, 1.6, -0.8), tau_s=50.0, beta=0.4),
    ),
}
DRIFT = {
    f"{shape}, {form}": ShapedDrift(
        shape=_SHAPES[shape], mean_uS=mean, sd_uS=sd, reference_uS=REFERENCE
    )
    for form, (mean, sd) in _FORMS.items()
    for shape in _SHAPES
}
"""True drift laws by the family that has to find them."""


def recover_programming(name: str, seed: int, cells: int = 2400) -> Found:
    """Draw programmed cells and fit their own family."""
    law = PROGRAMMING[name]
    target = np.repeat(LEVELS, cells // len(LEVELS))
    score = Streams(seed, "recover", name).normal(target.shape, "programming")
    g = law.program(target, score.astype(np.float64), (0.0, 100.0))
    keep = g > 0
    errors = programming_families.Errors(target[keep], g[keep], np.arange(keep.sum()))
    kind = name.split(",", maxsplit=1)[0]
    family = next(f for f in programming_families.FAMILIES if f.name == kind)
    dependence = {"parabola": "parabola", "spline": "spline"}.get(name.rpartition(" ")[2], "line")
    start = None
    if family.shape not in (None, "normal"):
        plain = next(f for f in programming_families.FAMILIES if f.domain == family.domain)
        start = programming_families.fit_family(plain, dependence, errors, REFERENCE)[0].theta
    found = programming_families.fit_family(family, dependence, errors, REFERENCE, start)[0]
    estimates = found.estimates(errors.sample(family.domain, REFERENCE))
    yield from _compare(numbers(law.model_dump()), estimates)


def recover_drift(name: str, seed: int, cells: int = 1200) -> Found:
    """Draw paths with memory and fit their own family; one cell's reads depend on each other."""
    law = DRIFT[name]
    device = _device(law)
    reads = understand(read_table(_table(device, seed, cells)))
    paths = measure(reads, None).paths
    sample = drift_families.sample_of(paths, REFERENCE)
    family = drift_families.Family(law.shape.shape, law.sd_uS.form, 2)
    sister = None
    if law.shape.shape != "normal":
        normal = drift_families.Family("normal", law.sd_uS.form, 2)
        sister = drift_families.fit_family(normal, sample, REFERENCE)[0]
    found = drift_families.fit_family(family, sample, REFERENCE, sister)[0]
    yield from _compare(numbers(law.model_dump(exclude={"reference_uS"})), found.estimates(sample))


def recover_programming_table(seed: int, cells: int = 4800) -> Found:
    """Draw skewed errors; quantiles by level, intervals from the bootstrap ensemble."""
    law = PROGRAMMING["skew-normal"]
    device = _device(DRIFT["normal, log-time"]).replace(programming=law)
    measured = measure(understand(read_table(_table(device, seed, cells, times=(0.0, 1.0)))), None)
    found = programming_families.fit_quantile_spread(measured.paths, measured.states)
    ensemble = bootstrap(measured, found, device.drift, device.memory, (), members=25, seed=seed)
    levels = LEVELS[[3, 6, 9]]
    for name, score in (("5 %", -1.645), ("50 %", 0.0), ("95 %", 1.645)):
        scores = np.full_like(levels, score)
        laws = (law, found, *(member.programming for member in ensemble.members))
        rows = [one.program(levels, scores, (0.0, 100.0)) - levels for one in laws]
        wide = _T24 * np.std(rows[2:], axis=0, ddof=1)
        for k in range(len(levels)):
            value = float(rows[1][k])
            yield f"{name} quantile", float(rows[0][k]), Estimate(value, value - wide[k],
                                                                  value + wide[k])  # fmt: skip


_CORRELATION = tuple(
    tuple(1.0 if i == j else 0.8 - 0.12 * abs(i - j) for j in range(len(TIMES)))
    for i in range(len(TIMES))
)


def recover_correlations(seed: int, cells: int = 1500) -> Found:
    """Draw paths of tabulated correlations; intervals from the ensemble, as Fisher's z."""
    true = CorrelationTable(times_s=TIMES, correlation=_CORRELATION, lifetime=2.0)
    found, draws = _memory(seed, cells, true, true)
    upper = np.triu_indices(len(TIMES), 1)

    def z(memory: Memory) -> np.ndarray:
        return np.arctanh(np.asarray(memory.correlation)[upper])

    wide = _T24 * np.std([z(one) for one in draws], axis=0, ddof=1)
    for i, j, value, w in zip(*upper, z(found), wide, strict=True):
        held = Estimate(*(float(np.tanh(v)) for v in (value, value - w, value + w)))
        yield f"correlation.{i}.{j}", _CORRELATION[i][j], held


def _memory(seed: int, cells: int, true: Memory, start: Memory) -> tuple[Memory, list[Memory]]:
    """Simulate paths of a memory law; return what is found, and what the ensemble's samples say."""
    device = _device(DRIFT["normal, root-log-time"]).replace(memory=true)
    measured = measure(understand(read_table(_table(device, seed, cells))), None)
    sample = drift_families.sample_of(measured.paths, REFERENCE)
    family = drift_families.Family("normal", "root-log-time", 2)
    drift = drift_families.fit_family(family, sample, REFERENCE)[0].law
    first = refit(start, measured.paths, measured.groups, drift)
    ensemble = bootstrap(measured, device.programming, drift, first, (), members=25, seed=seed)
    return first, [member.memory for member in ensemble.members]


def recover_memory(seed: int, cells: int = 1500) -> Found:
    """Draw paths of a random walk with read-out noise; intervals from the bootstrap ensemble."""
    device = _device(DRIFT["normal, root-log-time"])
    start = RandomWalk(readout=0.5, readout_lifetime=1.0)
    first, members = _memory(seed, cells, device.memory, start)
    draws = np.array([(one.readout, one.readout_lifetime) for one in members])
    free = np.stack([np.log(draws[:, 0] / (1 - draws[:, 0])), np.log(draws[:, 1])])
    wide = _T24 * free.std(axis=1, ddof=1)
    share = np.log(first.readout / (1 - first.readout)) + np.array([0, -wide[0], wide[0]])
    life = np.log(first.readout_lifetime) + np.array([0, -wide[1], wide[1]])
    yield "readout", device.memory.readout, Estimate(*(1 / (1 + np.exp(-share))))
    yield "readout_lifetime", device.memory.readout_lifetime, Estimate(*np.exp(life))


def recover_table(seed: int, cells: int = 4800) -> Found:
    """Draw heavy-tailed changes; quantiles by level and time, intervals from the ensemble."""
    law = DRIFT["student-t, root-log-time"]
    device = _device(law)
    measured = measure(understand(read_table(_table(device, seed, cells))), None)
    drift = fit_quantile_drift(measured.paths, measured.groups)
    ensemble = bootstrap(measured, device.programming, drift, device.memory, (), members=25,
                         seed=seed)  # fmt: skip
    tables = [moved(drift, m.drift_moves_uS) for m in ensemble.members]
    levels = np.asarray(drift.g_uS)[[3, 6, 9]]
    for t in (TIMES[0], TIMES[-1]):
        for name, score in (("5 %", -1.645), ("50 %", 0.0), ("95 %", 1.645)):
            scores = np.full_like(levels, score)
            draws = np.array([one.change(levels, t, scores) for one in tables])
            wide = _T24 * draws.std(axis=0, ddof=1)
            true, value = law.change(levels, t, scores), drift.change(levels, t, scores)
            for k in range(len(levels)):
                low, high = value[k] - wide[k], value[k] + wide[k]
                yield f"{name} quantile", float(true[k]), Estimate(value[k], low, high)


def recover_variance(seed: int) -> Found:
    """Draw 8 wafers of 10 dies of 30 cells, each programmed twice."""
    rng = np.random.default_rng([seed, 7])
    truth = {"wafer": 0.8, "die": 0.5, "device": 1.0, "cycle": 0.6}
    wafer = np.repeat(np.arange(8), 600)
    die = np.repeat(np.arange(80), 60)
    cell = np.repeat(np.arange(2400), 2)
    g = 40.0 + rng.normal(0, truth["wafer"], 8)[wafer] + rng.normal(0, truth["die"], 80)[die]
    g += rng.normal(0, truth["device"], 2400)[cell] + rng.normal(0, truth["cycle"], 4800)
    table = {
        "cell": cell, "wafer": wafer, "die": die % 10, "cycle": np.tile([1, 2], 2400),
        "time_s": 0.0, "conductance_uS": g, "target_uS": 40.0,
    }  # fmt: skip
    measured = measure(understand(read_table(_frame(table))), None)
    assert measured.variance is not None
    for source, sd in truth.items():
        yield source, sd, measured.variance.sds[source]


def recover_faults(seed: int) -> Found:
    """Draw cells of which some are stuck at either end."""
    faults = Faults(stuck_at_lrs=0.02, stuck_at_hrs=0.05)
    device = _device(DRIFT["normal, log-time"]).replace(faults=faults)
    measured = measure(understand(read_table(_table(device, seed, 3000))), None)
    yield "stuck_at_lrs", 0.02, measured.faults.stuck_at_lrs.estimate
    yield "stuck_at_hrs", 0.05, measured.faults.stuck_at_hrs.estimate


def recover_temperature(seed: int) -> Found:
    """Draw bakes at four temperatures, each read at three times, of one activation energy."""
    true = Arrhenius(
        activation_energy_eV=0.6, interval_eV=(0.6, 0.6), reference_C=100.0,
        measured_C=(100.0, 250.0),
    )  # fmt: skip
    law = DRIFT["normal, power"].model_copy(
        update={"mean_uS": PowerTime(scale_uS=(0.0,), exponent=0.1)}
    )
    parts = []
    for k, celsius in enumerate((100.0, 150.0, 200.0, 250.0)):
        hot = AcceleratedDrift(inner=law, factor=true.acceleration(celsius))
        table = _table(_device(hot), seed * 10 + k, 800, times=(0.0, 10.0, 100.0, 1000.0))
        table["temperature_C"] = celsius
        parts.append(table)
    fit, _ = fit_temperature(understand(read_table(parts)))
    assert fit is not None
    assert fit.law is not None
    energy = fit.law
    yield "activation_energy_eV", 0.6, Estimate(energy.activation_energy_eV, *energy.interval_eV)


CASES: dict[str, Callable[[int], Found]] = {
    **{f"programming: {n}": lambda s, n=n: recover_programming(n, s) for n in PROGRAMMING},
    **{f"drift: {n}": lambda s, n=n: recover_drift(n, s) for n in DRIFT},
    "programming: tabulated quantiles": recover_programming_table,
    "drift: tabulated quantiles": recover_table,
    "memory: random walk": recover_memory,
    "memory: correlation table": recover_correlations,
    "variance by source": recover_variance,
    "faults": recover_faults,
    "temperature": recover_temperature,
}
"""Everything that has intervals."""


Counts = dict[str, tuple[int, int]]
"""For each number how often its interval held the truth, and of how many."""


def coverage(case: str, repeats: int, first: int = 0) -> Counts:
    """Count for each number of a case how often its interval held the truth.

    Args:
        case: One of ``CASES``.
        repeats: How many times cells are drawn and fitted.
        first: Seed of the first.
    """
    return _count(repeat(case, seed) for seed in range(first, first + repeats))


def repeat(case: str, seed: int) -> dict[str, list[bool]]:
    """Draw and fit once: for each number whether its interval held the truth."""
    held: dict[str, list[bool]] = {}
    for name, truth, found in CASES[case](seed):
        held.setdefault(name, []).append(bool(found.low <= truth <= found.high))
    return held


def _count(repeats: Iterator[dict[str, list[bool]]]) -> Counts:
    held: dict[str, list[bool]] = {}
    for one in repeats:
        for name, hits in one.items():
            held.setdefault(name, []).extend(hits)
    return {name: (sum(hits), len(hits)) for name, hits in held.items()}


def _log_of(log: Path, case: str) -> Path:
    return log / (case.replace(": ", "-").replace(", ", "-").replace(" ", "-") + ".jsonl")


def logged(log: Path, case: str) -> dict[int, dict[str, list[bool]]]:
    """Return the repeats of a case that a log holds, by seed."""
    path = _log_of(log, case)
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    records = (json.loads(line) for line in lines)
    return {record["seed"]: record["held"] for record in records}


def coverage_of_log(log: Path, case: str, repeats: int) -> tuple[Counts, int]:
    """Count the first repeats of a case in a log; also return how many of them it holds."""
    known = logged(log, case)
    seeds = [seed for seed in range(repeats) if seed in known]
    return _count(known[seed] for seed in seeds), len(seeds)


def main() -> None:
    """Add repeats to a log until all are there or the time is over."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--cases", default="", help="only cases that contain this text")
    parser.add_argument("--minutes", type=float, default=np.inf)
    options = parser.parse_args()
    options.log.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + 60 * options.minutes
    for case in (c for c in CASES if options.cases in c):
        known = logged(options.log, case)
        for seed in (k for k in range(options.repeats) if k not in known):
            if time.monotonic() > end:
                return
            line = json.dumps({"seed": seed, "held": repeat(case, seed)})
            with _log_of(options.log, case).open("a", encoding="utf-8") as file:
                file.write(line + "\n")


def _device(drift: object) -> Device:
    return Device(
        name="true", g_min_uS=float(LEVELS[0]), g_max_uS=float(LEVELS[-1]), t0_s=0.0,
        levels={"law": "listed", "g_uS": tuple(map(float, LEVELS))},
        programming=ConstantSpread(sd_uS=0.5), die=AddedDieOffset(), drift=drift,
        memory=RandomWalk(readout=0.3, readout_lifetime=2.0),
        valid=ValidRange(g_uS=(0.0, 100.0), t_s=(1e-3, 1e6)), source=Source(citation="simulated"),
    )  # fmt: skip


def _table(device: Device, seed: int, cells: int, times: tuple[float, ...] = (0.0, *TIMES)):
    """Return a table of simulated cells as a lab would write it."""
    target = np.resize(LEVELS, cells).astype(np.float32)
    g = device.conductances(target, times, Streams(seed, "recover")).astype(np.float64)
    return _frame(
        {
            "cell": np.tile(np.arange(cells), len(times)),
            "time_s": np.repeat(times, cells),
            "conductance_uS": g.ravel(),
            "target_uS": np.tile(target.astype(np.float64), len(times)),
        }
    )


def _frame(columns: dict[str, object]):
    import pandas as pd

    return pd.DataFrame(columns)


def _compare(truth: dict[str, float], found: dict[str, Estimate]) -> Found:
    for name, estimate in found.items():
        yield name, truth.get(name, 0.0), estimate


__all__ = ["CASES", "coverage", "coverage_of_log"]

if __name__ == "__main__":
    main()
