"""Simulate cells from a law, fit the law's own family, and see whether intervals hold the truth.

Each case draws fresh cells from a known law and asks of every number on the card whether its 95 %
interval holds the true one. ``coverage`` counts that over repeats. The tests run a few repeats of
each case, the benchmark 200.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

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
from mho.device.memory import RandomWalk
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


def recover_memory(seed: int, cells: int = 1500) -> Found:
    """Draw paths of a random walk with read-out noise; intervals from the bootstrap ensemble."""
    device = _device(DRIFT["normal, root-log-time"])
    measured = measure(understand(read_table(_table(device, seed, cells))), None)
    sample = drift_families.sample_of(measured.paths, REFERENCE)
    family = drift_families.Family("normal", "root-log-time", 2)
    drift = drift_families.fit_family(family, sample, REFERENCE)[0].law
    start = RandomWalk(readout=0.5, readout_lifetime=1.0)
    first = refit(start, measured.paths, measured.groups, drift)
    ensemble = bootstrap(measured, device.programming, drift, first, (), members=25, seed=seed)
    draws = np.array([(m.memory.readout, m.memory.readout_lifetime) for m in ensemble.members])
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
    "drift: tabulated quantiles": recover_table,
    "memory: random walk": recover_memory,
    "variance by source": recover_variance,
    "faults": recover_faults,
    "temperature": recover_temperature,
}
"""Everything that has intervals."""


def coverage(case: str, repeats: int, first: int = 0) -> dict[str, tuple[int, int]]:
    """Return for each number how often its interval held the truth, and of how many."""
    held: dict[str, list[bool]] = {}
    for seed in range(first, first + repeats):
        for name, truth, found in CASES[case](seed):
            held.setdefault(name, []).append(found.low <= truth <= found.high)
    return {name: (sum(hits), len(hits)) for name, hits in held.items()}


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


__all__ = ["CASES", "coverage"]
