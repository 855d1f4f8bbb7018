"""What the data leave open: the laws that other samples of the same cells would have given."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mho.device.die import AddedDieOffset, DieOffset, MultipliedDieOffset, NoDieOffset
from mho.device.drift import Drift
from mho.device.ensemble import Ensemble, Member
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
        made.append(
            Member(
                programming=refit_programming(programming, some.average_die, some.states),
                die=_die(measured.variance, generator),
                memory=refit_memory(memory, some.paths, some.groups, drift),
                faults=_faults(measured, generator),
                beyond=k % len(beyond) if beyond else None,
                **_moves(measured, some, drift),
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


def _moves(measured: Measured, some: Measured, drift: Drift) -> dict[str, object]:
    """Return how a sample moves a tabulated drift, or its own fit of a parametric one."""
    if isinstance(drift, ShapedDrift):
        return {"drift": refit_drift(drift, some.paths.take(some.groups.code >= 0))}
    if not isinstance(drift, QuantileDrift):
        return {}
    middle, spread = _middle_and_spread(measured.paths, measured.groups)
    other, wide = _middle_and_spread(some.paths, some.groups)
    shift, stretch = other - middle, wide / np.maximum(spread, 1e-12)
    stretch[spread <= 0] = 1.0
    if measured.paths.ref_s > 0:  # the row of zeros at the reference time stays
        shift = np.concatenate([np.zeros_like(shift[:, :1]), shift], axis=1)
        stretch = np.concatenate([np.ones_like(stretch[:, :1]), stretch], axis=1)
    return {"drift_shift_uS": _rows(shift), "drift_stretch": _rows(stretch)}


def _middle_and_spread(paths: Paths, groups: Groups) -> tuple[Floats, Floats]:
    """Return median and sd of the change by group and time, shape ``(groups, times)``."""
    shape = (groups.count, len(paths.times_s))
    middle, spread = np.zeros(shape), np.zeros(shape)
    for k in range(groups.count):
        change = paths.change_uS[groups.code == k]
        for column in range(shape[1]):
            values = change[:, column]
            values = values[~np.isnan(values)]
            if values.size >= _FEW:
                middle[k, column], spread[k, column] = np.median(values), values.std()
    return middle, spread


def _rows(values: Floats) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(f"{v:.4g}") for v in row) for row in values)


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
