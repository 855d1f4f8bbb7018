"""A table arranged for fitting: paths, states, groups, and what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mho.device.fit.faults import FaultFit, find_faults
from mho.device.fit.groups import Groups, group_paths
from mho.device.fit.states import States, find_states
from mho.device.fit.variance import VarianceFit, fit_variance
from mho.device.tables.paths import Paths, build_paths
from mho.device.tables.reads import Reads
from mho.errors import TableError
from mho.units import time_text

_FEWEST = 10
"""Cells under which nothing is fitted: no spread is known from fewer."""


@dataclass(frozen=True)
class Measured:
    """Cells arranged for fitting.

    Args:
        paths: Cells over time.
        states: What they were meant to be; faulty cells have no state.
        groups: Cells alike in conductance; faulty cells are in none.
        faults: Stuck and overshot cells.
        variance: Spread by lot, wafer, die, device and cycle; None where the table tells none.
        warnings: What is wrong or weak.
    """

    paths: Paths
    states: States
    groups: Groups
    faults: FaultFit
    variance: VarianceFit | None
    warnings: tuple[str, ...]

    @property
    def average_die(self) -> Paths:
        """The cells as they would have been programmed on the average die."""
        if self.variance is None:
            return self.paths
        return replace(self.paths, g0_uS=self.variance.without_dies(self.paths.g0_uS))

    def take(self, which: npt.NDArray[np.int64]) -> Measured:
        """Return some of the paths, repeats allowed: a bootstrap sample."""
        states, groups = self.states, self.groups
        return replace(
            self,
            paths=self.paths.take(which),
            states=replace(states, code=states.code[which], overshoot=states.overshoot[which]),
            groups=replace(groups, code=groups.code[which]),
            faults=replace(
                self.faults, stuck=self.faults.stuck[which], faulty=self.faults.faulty[which]
            ),
            variance=None
            if self.variance is None
            else replace(self.variance, offset=self.variance.offset[which]),
        )


def measure(reads: Reads, temperature_C: float | None) -> Measured:
    """Arrange the reads of one temperature.

    Raises:
        TableError: The reads cannot be followed, or none was made at that temperature.
    """
    warnings = list(reads.warnings)
    chosen = _temperature(reads, temperature_C, warnings)
    paths, more = build_paths(reads, chosen)
    warnings += more
    if len(paths) < _FEWEST:
        raise TableError(
            f"{reads.name}, {reads.where(paths.row)}: {len(paths)} cell(s) with a first reading; a "
            f"law needs {_FEWEST} or more, and 30 or more at each level; measure more cells."
        )
    states = find_states(paths)
    faults = find_faults(paths, states)
    states = replace(states, code=np.where(faults.faulty, -1, states.code), overshoot=faults.faulty)
    _tell_faults(reads, paths, faults, warnings)
    groups, more = group_paths(paths, states)
    warnings += more
    variance, more = fit_variance(paths, states)
    warnings += more
    if states.g_uS.size == 1 or (groups.count == 1 and states.g_uS.size < 2):
        warnings.append(
            "one level only: the law does not depend on the level; measure more levels before "
            "mapping weights onto them"
        )
    if not len(paths.times_s):
        warnings.append(
            f"one time only ({time_text(paths.ref_s)}): what was read then counts as programmed, "
            "and drift is not fitted; read the same cells again later"
        )
    return Measured(paths, states, groups, faults, variance, tuple(warnings))


def _temperature(reads: Reads, wanted: float | None, warnings: list[str]) -> float | None:
    """Return the temperature to fit: the stated one, else the lowest."""
    if reads.temperature_C is None:
        if wanted is not None:
            raise TableError(
                f"{reads.name}: no column is the temperature; say which with "
                "--columns temperature=NAME, or leave --temperature out."
            )
        return None
    present = np.unique(reads.temperature_C)
    chosen = float(present[0]) if wanted is None else wanted
    if chosen not in present:
        raise TableError(
            f"{reads.name}: no read at {chosen:g} °C; choose one of "
            f"{', '.join(f'{t:g}' for t in present)} °C."
        )
    if present.size > 1 and wanted is None:
        warnings.append(
            f"reads at {present.size} temperatures: the law is for {chosen:g} °C; choose another "
            "with --temperature"
        )
    return chosen


def _tell_faults(reads: Reads, paths: Paths, faults: FaultFit, warnings: list[str]) -> None:
    if faults.overshoot.count:
        share = 100 * faults.overshoot.estimate.value
        warnings.append(
            f"{faults.overshoot.count} cell(s) far from their level (overshoots, {share:.2g} %) "
            f"left out ({reads.where(paths.row[faults.overshot])})"
        )
    for name, rate in (("LRS", faults.stuck_at_lrs), ("HRS", faults.stuck_at_hrs)):
        if rate.count:
            e = rate.estimate
            warnings.append(
                f"{rate.count} cell(s) stuck at {name}: {100 * e.value:.2g} % "
                f"({100 * e.low:.2g} to {100 * e.high:.2g} %)"
            )
