"""How temperature speeds drift up: an activation energy from bakes at several temperatures.

Bakes show by how much hot cells spread more, and that is a time only through how the spread grows:
with a growth ``s ~ t^n`` near the bake time, ``ln s = c + n (ln t + E (1/kT0 - 1/kT))``. Where
cells were read at several times the table itself gives n; where each bake was read once, n has to
come from another law, and what the table alone gives is the product ``n E``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mho.device.device import Device
from mho.device.drift import drift_moments
from mho.device.fit.likelihood import Estimate
from mho.device.tables.paths import Paths, build_paths
from mho.device.tables.reads import Codes, Floats, Reads
from mho.device.temperature import ZERO_C, Arrhenius, BOLTZMANN_eV

_GROUPS = 16
_REPEATS = 100


@dataclass(frozen=True)
class Bake:
    """The spread of the change at one temperature and time, relative to the coldest first one."""

    temperature_C: float
    t_s: float
    cells: int
    spread: Estimate
    fitted: float
    mean_uS: float


@dataclass(frozen=True)
class TemperatureFit:
    """What bakes at several temperatures say.

    Args:
        bakes: Measured and fitted spreads.
        product_eV: ``n E``: what the spread alone gives.
        exponent: ``n``, and where it is from; None where nothing gives it.
        exponent_from: ``"this table"``, the name of a device, or ``""``.
        law: The acceleration; None without an exponent.
    """

    bakes: tuple[Bake, ...]
    product_eV: Estimate
    exponent: float | None
    exponent_from: str
    law: Arrhenius | None

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain data."""
        product = self.product_eV
        return {
            "bakes": [
                {
                    "temperature_C": b.temperature_C, "t_s": b.t_s, "cells": b.cells,
                    "spread": [b.spread.value, b.spread.low, b.spread.high],
                    "fitted": b.fitted, "mean_uS": b.mean_uS,
                }
                for b in self.bakes
            ],
            "product_eV": [product.value, product.low, product.high],
            "exponent": self.exponent,
            "exponent_from": self.exponent_from,
            "law": None if self.law is None else self.law.model_dump(),
        }  # fmt: skip


def fit_temperature(
    reads: Reads, time_law: Device | None = None
) -> tuple[TemperatureFit | None, list[str]]:
    """Fit one activation energy to the spread of the change at all temperatures.

    Args:
        reads: Reads with temperatures.
        time_law: A device whose spread over time gives the exponent, where the table cannot.

    Returns:
        The fit, or None with fewer than two temperatures; and warnings.
    """
    if reads.temperature_C is None or len(np.unique(reads.temperature_C)) < 2:
        return None, []
    series = _series(reads)
    if len({t for t, *_ in series}) < 2:
        return None, ["reads after a bake at one temperature only: no activation energy"]
    draws = _log_spreads(series)
    temperature = np.array([t for t, *_ in series])
    ln_t = np.log([t_s for _, t_s, *_ in series])
    coldness = (1 / (temperature.min() + ZERO_C) - 1 / (temperature + ZERO_C)) / BOLTZMANN_eV
    own = _repeats_times(temperature, ln_t)
    exponent, origin = None, ""
    if not own and time_law is not None:
        exponent, origin = _exponent(time_law, float(np.exp(ln_t.mean()))), time_law.name
    found = np.array([_solve(y, ln_t, coldness, own, exponent) for y in draws])
    product = _interval(found[:, 1])
    law = None
    if own or exponent is not None:
        exponent = float(found[0, 0]) if exponent is None else exponent
        origin = origin or "this table"
        energy = _interval(found[:, 1] / found[:, 0])
        law = Arrhenius(
            activation_energy_eV=_short(energy.value),
            interval_eV=(_short(energy.low), _short(energy.high)),
            reference_C=float(temperature.min()),
            measured_C=(float(temperature.min()), float(temperature.max())),
            time_law=origin,
        )
    slope = found[0, 0] if own or exponent is not None else 0.0
    line = slope * ln_t + found[0, 1] * coldness
    line += float((draws[0] - line).mean()) - float(draws[0][0])
    bakes = []
    for k, (celsius, t_s, cells, _, _, change) in enumerate(series):
        spread = _interval(np.exp(draws[:, k] - draws[0, 0]))
        mean = float(change.mean())
        bakes.append(Bake(celsius, t_s, cells, spread, float(np.exp(line[k])), mean))
    fit = TemperatureFit(tuple(bakes), product, exponent, origin, law)
    return fit, _warnings(fit)


def _warnings(fit: TemperatureFit) -> list[str]:
    out = []
    product = fit.product_eV
    if fit.law is None:
        out.append(
            "each temperature was read at one time only: the spread gives n E = "
            f"{product.value:.3g} eV ({product.low:.3g} to {product.high:.3g}), n being the "
            "exponent of its growth in time; to turn it into an acceleration name a device that "
            "has n: --time-law levy2024-c"
        )
    worst = max(abs(b.fitted / b.spread.value - 1) for b in fit.bakes)
    if worst > 0.1:
        out.append(
            f"one activation energy misses the spread of a bake by up to {100 * worst:.0f} %"
        )
    means = {b.temperature_C: b.mean_uS for b in fit.bakes}
    steps = np.diff([means[t] for t in sorted(means)])
    if (steps > 0).any() and (steps < 0).any():
        out.append(
            "the mean change does not go one way with temperature: the activation energy is that "
            "of the spread"
        )
    return out


def _series(reads: Reads) -> list[tuple[float, float, int, Codes, Codes, Floats]]:
    """Return for each temperature and time: both, cells, group and cell of each change."""
    assert reads.temperature_C is not None
    every = {
        float(celsius): build_paths(reads, float(celsius))[0]
        for celsius in np.unique(reads.temperature_C)
    }
    g0 = np.concatenate([paths.g0_uS for paths in every.values()])
    edges = np.unique(np.quantile(g0, np.linspace(0, 1, _GROUPS + 1)[1:-1]))
    out = []
    for celsius, paths in every.items():
        group = np.searchsorted(edges, paths.g0_uS)
        for column in range(len(paths.times_s)):
            out.append(_one(celsius, paths, column, group))
    return out


def _one(
    celsius: float, paths: Paths, column: int, group: Codes
) -> tuple[float, float, int, Codes, Codes, Floats]:
    change = paths.change_uS[:, column]
    read = ~np.isnan(change)
    t_s = float(paths.times_s[column])
    return celsius, t_s, int(read.sum()), group[read], paths.cell[read], change[read]


def _log_spreads(series: list[tuple[float, float, int, Codes, Codes, Floats]]) -> Floats:
    """Return ln of the spread of each series, as measured (first row) and for resampled cells.

    The spread is the mean absolute deviation inside each group of conductance; ln of it is averaged
    over the groups, so that each series counts levels alike.
    """
    cells = 1 + max(int(cell.max()) for *_, cell, _ in series)
    generator = np.random.default_rng(0)
    out = np.empty((_REPEATS + 1, len(series)))
    for repeat in range(_REPEATS + 1):
        weight = np.ones(cells) if repeat == 0 else generator.poisson(1.0, cells).astype(float)
        for k, (_, _, _, group, cell, change) in enumerate(series):
            w = weight[cell]
            n = np.maximum(np.bincount(group, weights=w), 1e-9)
            mean = np.bincount(group, weights=w * change) / n
            away = np.bincount(group, weights=w * np.abs(change - mean[group])) / n
            used = n > 5
            out[repeat, k] = np.log(np.maximum(away[used], 1e-12)).mean()
    return out


def _repeats_times(temperature: Floats, ln_t: Floats) -> bool:
    """Whether some temperature was read at times a factor 3 or more apart."""
    return any(np.ptp(ln_t[temperature == t]) > np.log(3) for t in np.unique(temperature))


def _solve(
    y: Floats, ln_t: Floats, coldness: Floats, own: bool, exponent: float | None
) -> tuple[float, float]:
    """Return ``n`` and ``n E`` by least squares; n is given, its own, or left out."""
    if own:
        terms = np.stack([np.ones_like(y), ln_t, coldness], axis=1)
        _, n, product = np.linalg.lstsq(terms, y, rcond=None)[0]
        return float(n), float(product)
    n = exponent or 0.0
    terms = np.stack([np.ones_like(y), coldness], axis=1)
    _, product = np.linalg.lstsq(terms, y - n * ln_t, rcond=None)[0]
    return float(n) if exponent is not None else 1.0, float(product)


def _exponent(device: Device, t_s: float) -> float:
    """Return ``d ln s / d ln t`` of a device's spread around a time, where it was measured."""
    low, high = device.valid.measured_t_s or device.valid.t_s or (t_s / 10, t_s * 10)
    first = float(np.clip(t_s / 10, low, high))
    last = float(np.clip(t_s * 10, low, high))
    middle = np.array([(device.g_min_uS + device.g_max_uS) / 2])
    spreads = [float(drift_moments(device.drift, middle, t)[1][0]) for t in (first, last)]
    return float(np.log(spreads[1] / spreads[0]) / np.log(last / first))


def _interval(draws: Floats) -> Estimate:
    """Return the first value with the 95 % interval of the others."""
    low, high = np.quantile(draws[1:], [0.025, 0.975])
    value = float(draws[0])
    return Estimate(value, min(float(low), value), max(float(high), value))


def _short(value: float) -> float:
    return float(f"{value:.4g}")
