"""Groups of cells alike in conductance, for everything that is estimated level by level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mho.device.fit.states import States
from mho.device.tables.paths import Paths
from mho.device.tables.reads import Codes, Floats

_FEW = 30
_PER_GROUP = 300


@dataclass(frozen=True)
class Groups:
    """Cells grouped by programmed conductance.

    Args:
        code: Group of each path, -1 where it is in none.
        g_uS: Mean programmed conductance of each group, ascending.
        names: What a person calls each group.
        by: ``"state"`` or ``"conductance"``.
    """

    code: Codes
    g_uS: Floats
    names: tuple[str, ...]
    by: str

    @property
    def count(self) -> int:
        """How many groups there are."""
        return self.g_uS.size


def group_paths(paths: Paths, states: States) -> tuple[Groups, list[str]]:
    """Group cells by state where states are narrow, else by quantiles of their conductance.

    States with fewer than 30 cells join the nearest one that has more.

    Returns:
        The groups, and warnings.
    """
    code, how = states.code, "state"
    warnings: list[str] = []
    if not states.known or _overlap(paths, states):
        code, how = _by_conductance(paths, states), "conductance"
    else:
        sizes = np.bincount(code[code >= 0], minlength=states.g_uS.size)
        small = np.flatnonzero(sizes < _FEW)
        if small.size and small.size < sizes.size:
            listed = ", ".join(f"{states.names[k]} ({sizes[k]})" for k in small[:5])
            warnings.append(
                f"{small.size} level(s) have fewer than {_FEW} cells: {listed}; they are fitted "
                "together with their neighbours: measure more cells there"
            )
            large = np.flatnonzero(sizes >= _FEW)
            nearest = large[np.abs(np.subtract.outer(states.g_uS, states.g_uS[large])).argmin(1)]
            code = np.where(code >= 0, nearest[np.maximum(code, 0)], -1)
        elif small.size:
            code, how = _by_conductance(paths, states), "conductance"
            warnings.append(
                f"every level has fewer than {_FEW} cells: levels are fitted together; measure "
                "more cells"
            )
    present = np.unique(code[code >= 0])
    means = np.array([paths.g0_uS[code == k].mean() for k in present])
    order = np.argsort(means, kind="stable")
    number = np.full(int(present.max()) + 1, -1)
    number[present[order]] = np.arange(present.size)
    code = np.where(code >= 0, number[np.maximum(code, 0)], -1)
    means = means[order]
    keep = np.r_[True, np.diff(means) > 1e-9]
    if not keep.all():
        code = np.where(code >= 0, (np.cumsum(keep) - 1)[np.maximum(code, 0)], -1)
        means = means[keep]
    if how == "state" and keep.all():
        names = tuple(states.names[k] for k in present[order])
    else:
        names = tuple(f"{g:.4g} µS" for g in means)
    return Groups(code.astype(np.int64), means, names, how), warnings


def _overlap(paths: Paths, states: States) -> bool:
    """Whether neighbouring states run into each other, so that a state tells little of g."""
    if states.g_uS.size < 2:
        return False
    spreads = [np.std(paths.g0_uS[states.code == k]) for k in range(states.g_uS.size)]
    return bool(np.median(spreads) > np.median(np.diff(states.g_uS)))


def _by_conductance(paths: Paths, states: States) -> Codes:
    """Cut the cells into groups of equal size by their programmed conductance.

    The lowest group is cut in four and the highest in two: beyond the outer nodes a law has nothing
    to lean on, and near 0 µS everything changes fast with g.
    """
    usable = ~states.overshoot
    bins = int(np.clip(usable.sum() / _PER_GROUP, 1, 32))
    shares = np.linspace(0, 1, bins + 1)[1:-1]
    if bins > 3 and usable.sum() > 400 * bins:
        shares = np.concatenate([shares[0] * np.array([0.25, 0.5, 0.75]), shares, [1 - 0.5 / bins]])
    edges = np.quantile(paths.g0_uS[usable], shares)
    code = np.searchsorted(np.unique(edges), paths.g0_uS)
    return np.where(usable, code, -1).astype(np.int64)
