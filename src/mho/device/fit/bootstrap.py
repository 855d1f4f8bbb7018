"""What the data leave open: the laws that other samples of the same cells would have given."""

from __future__ import annotations

from typing import cast

import numpy as np
import numpy.typing as npt

from mho.device.die import AddedDieOffset, DieOffset, MultipliedDieOffset, NoDieOffset
from mho.device.drift import Drift
from mho.device.ensemble import Ensemble, Member, Moves
from mho.device.faults import Faults
from mho.device.fit.drift_families import refit as refit_drift
from mho.device.fit.faults import Rate
from mho.device.fit.groups import Groups
from mho.device.fit.measured import Measured
from mho.device.fit.memory import refit as refit_memory
from mho.device.fit.programming_families import refit as refit_programming
from mho.device.fit.variance import VarianceFit
from mho.device.memory import Memory
from mho.device.programming import ProgrammingNoise
from mho.device.quantiles import QuantileDrift
from mho.device.shaped import ShapedDrift
from mho.device.tables.paths import Paths
from mho.device.tables.reads import Floats

_FEW_DIES = 5
_FEW = 5
_SHARES = (0.05, 0.5, 0.95)


def bootstrap(
    measured: Measured,
    programming: ProgrammingNoise,
    drift: Drift,
    memory: Memory,
    beyond: tuple[Drift, ...],
    *,
    members: int,
    seed: int = 0,
) -> Ensemble:
    """Fit laws to resampled cells (whole dies, where there are at least five).

    Each member also takes one of the families that fit about equally well for the times beyond the
    measured ones, so that a band there shows their disagreement.

    Args:
        measured: The cells.
        programming: The law fitted to all of them.
        drift: Likewise.
        memory: Likewise.
        beyond: Families for later times.
        members: How many laws.
        seed: Which samples.
    """
    generator = np.random.default_rng(seed)
    units, by = _units(measured.paths)
    made = []
    for k in range(members):
        some = measured.take(_resample(units, generator))
        own = _own_drift(measured, some, drift)
        made.append(
            Member(
                programming=refit_programming(programming, some.average_die, some.states),
                die=_die(measured.variance, generator),
                drift=own if isinstance(own, ShapedDrift) else None,
                drift_moves_uS=own if isinstance(own, tuple) else None,
                memory=refit_memory(
                    memory, some.paths, some.groups, own if isinstance(own, ShapedDrift) else drift
                ),
                faults=_faults(measured, generator),
                beyond=k % len(beyond) if beyond else None,
            )
        )
    from_s = measured.paths.span_s[1] if beyond else 0.0
    return Ensemble(
        law="bootstrap-dies" if by == "die" else "bootstrap-cells",
        members=tuple(made),
        beyond=beyond,
        from_s=float(f"{from_s:.6g}"),
    )


def _units(paths: Paths) -> tuple[npt.NDArray[np.int64], str]:
    """Return what is resampled: the die of each path, or its cell."""
    if "die" in paths.groups:
        code = paths.groups["die"].code
        for role in ("wafer", "lot"):
            if role in paths.groups:
                labels = paths.groups[role]
                code = np.unique(code * labels.count + labels.code, return_inverse=True)[1]
        if len(np.unique(code)) >= _FEW_DIES:
            return np.asarray(np.unique(code, return_inverse=True)[1]), "die"
    return np.asarray(np.unique(paths.cell, return_inverse=True)[1]), "cell"


def _resample(
    units: npt.NDArray[np.int64], generator: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Draw units with replacement; return the positions of all their paths."""
    count = int(units.max()) + 1
    times = np.bincount(generator.integers(0, count, count), minlength=count)
    return np.repeat(np.arange(len(units)), times[units])


def _own_drift(measured: Measured, some: Measured, drift: Drift) -> ShapedDrift | Moves | None:
    """Return a sample's own fit of a parametric drift, or how it moves a tabulated one."""
    if isinstance(drift, ShapedDrift):
        return refit_drift(drift, some.paths.take(some.groups.code >= 0))
    if not isinstance(drift, QuantileDrift):
        return None
    moves = _quantiles(some.paths, some.groups) - _quantiles(measured.paths, measured.groups)
    if measured.paths.ref_s > 0:  # the row of zeros at the reference time stays
        moves = np.concatenate([np.zeros_like(moves[:, :1]), moves], axis=1)
    rows = [[tuple(float(f"{v:.3g}") for v in three) for three in row] for row in moves]
    return cast(Moves, tuple(tuple(row) for row in rows))


def _quantiles(paths: Paths, groups: Groups) -> Floats:
    """Return the 5, 50 and 95 % quantile of the change, shape ``(groups, times, 3)``."""
    out = np.zeros((groups.count, len(paths.times_s), 3))
    for k in range(groups.count):
        change = paths.change_uS[groups.code == k]
        for column in range(out.shape[1]):
            values = change[:, column]
            values = values[~np.isnan(values)]
            if values.size >= _FEW:
                out[k, column] = np.quantile(values, _SHARES)
    return out


def _faults(measured: Measured, generator: np.random.Generator) -> Faults:
    """Draw fault rates as compatible with the counts (Jeffreys' posterior)."""

    def draw(rate: Rate) -> float:
        if rate.count == 0:
            return 0.0
        return float(generator.beta(rate.count + 0.5, rate.cells - rate.count + 0.5))

    found = measured.faults
    return Faults(stuck_at_lrs=draw(found.stuck_at_lrs), stuck_at_hrs=draw(found.stuck_at_hrs))


def _die(variance: VarianceFit | None, generator: np.random.Generator) -> DieOffset | None:
    """Draw the spread of dies, wafers and lots as their intervals allow."""
    if variance is None or isinstance(variance.law, NoDieOffset):
        return None
    suffix = "sd_uS" if variance.unit == "µS" else "sd_ln"
    values = {}
    for role in ("die", "wafer", "lot"):
        if role in variance.sds:
            sd = variance.sds[role]
            wide = np.log(max(sd.high, 1e-12) / max(sd.low, 0.1 * sd.high, 1e-12)) / (2 * 1.96)
            values[f"{role}_{suffix}"] = sd.value * float(np.exp(wide * generator.normal()))
    law = AddedDieOffset if variance.unit == "µS" else MultipliedDieOffset
    return law(**values)
