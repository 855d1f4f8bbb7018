"""Where the programming spread comes from: lot, wafer, die, device or cycle, with intervals."""

from __future__ import annotations

import re
import warnings as python_warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from mho.device.die import AddedDieOffset, DieOffset, MultipliedDieOffset, NoDieOffset
from mho.device.fit.likelihood import Estimate
from mho.device.fit.nested import Nested
from mho.device.fit.states import States
from mho.device.tables.paths import Paths
from mho.device.tables.reads import Codes, Floats, Labels

_LEVELS = ("die", "wafer", "lot")
_PER_DIE = 100
_FEW_GROUPS = 3


@dataclass(frozen=True)
class VarianceFit:
    """Standard deviations by source.

    Args:
        unit: ``"µS"`` where offsets add, ``"ln"`` where they multiply.
        sds: By source (``cycle``, ``device``, ``die``, ``wafer``, ``lot``), with 95 % intervals.
        counts: How many of each there are.
        offset: Estimated offset of each path's die, in ``unit``.
        law: The die law of a card.
        maps: Wafer maps as plain data.
    """

    unit: str
    sds: dict[str, Estimate]
    counts: dict[str, int]
    offset: Floats
    law: DieOffset
    maps: tuple[dict[str, Any], ...]

    def without_dies(self, g_uS: Floats) -> Floats:
        """Return programmed conductances as they would be on the average die."""
        return g_uS - self.offset if self.unit == "µS" else g_uS * np.exp(-self.offset)

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain data."""
        return {
            "unit": self.unit,
            "sds": {k: [e.value, e.low, e.high] for k, e in self.sds.items()},
            "counts": self.counts,
        }


def fit_variance(paths: Paths, states: States) -> tuple[VarianceFit | None, list[str]]:
    """Split the programming error into what lots, wafers, dies, devices and cycles add.

    Estimates are by REML (``statsmodels`` MixedLM) on the mean error of each cell, intervals by
    profile likelihood; cycle-to-cycle spread is the spread of one cell's repeated programmings. The
    offsets are taken to add or to multiply, whichever the likelihood prefers.

    Returns:
        The fit, or None where the table names no dies, wafers, lots or cycles; and warnings.
    """
    roles = [r for r in _LEVELS if r in paths.groups]
    known = states.code >= 0
    if not (roles or "cycle" in paths.groups) or known.sum() < 30:
        return None, []
    usable, warnings = [], []
    for role in roles:
        count = len(np.unique(paths.groups[role].code))
        if count >= _FEW_GROUPS:
            usable.append(role)
        else:
            warnings.append(
                f"{count} {role}(s) only: how much {role}s vary is not estimated; measure "
                f"{_FEW_GROUPS} or more"
            )
    usable = _nested_only(paths, usable, warnings)
    fits = [_fit(paths, states, usable, unit) for unit in ("µS", "ln")]
    best = max((f for f in fits if f is not None), key=lambda pair: pair[1], default=None)
    return (None if best is None else best[0]), warnings


def _nested_only(paths: Paths, roles: list[str], warnings: list[str]) -> list[str]:
    """Keep levels of which each adds groups: one die a wafer says nothing of dies."""
    kept: list[str] = []
    for role in roles:
        if kept:
            inner, outer = (_codes(paths, r) for r in (kept[-1], role))
            if len(np.unique(inner)) <= len(np.unique(outer)):
                warnings.append(
                    f"one {kept[-1]} in each {role}: their spreads cannot be told apart and count "
                    f"as {role}"
                )
                kept.pop()
        kept.append(role)
    return kept


def _codes(paths: Paths, role: str) -> Codes:
    """Return groups of a level that are unique over the levels above it."""
    code = np.zeros(len(paths), dtype=np.int64)
    for outer in reversed(_LEVELS[_LEVELS.index(role) :]):
        if outer in paths.groups:
            labels = paths.groups[outer]
            code = np.unique(code * labels.count + labels.code, return_inverse=True)[1]
    return np.asarray(code, dtype=np.int64)


def _fit(
    paths: Paths, states: States, roles: list[str], unit: str
) -> tuple[VarianceFit, float] | None:
    """Fit all levels with errors that add (µS) or multiply (ln); also return the likelihood."""
    known = states.code >= 0
    target, g = states.target_uS()[known], paths.g0_uS[known]
    jacobian = 0.0
    if unit == "ln":
        if (g <= 0).any() or (target <= 0).any():
            return None
        error, jacobian = np.log(g / target), -float(np.log(g).sum())
    else:
        error = g - target
    code = states.code[known]
    n_level = np.bincount(code)
    error = error - (np.bincount(code, weights=error) / np.maximum(n_level, 1))[code]
    _, cell = np.unique(paths.cell[known], return_inverse=True)
    times = np.bincount(cell)
    mean = np.bincount(cell, weights=error) / times
    cycle = _cycle_variance(error, cell, mean, times)
    first = np.unique(cell, return_index=True)[1]
    levels = [_codes(paths, r)[known][first] for r in roles]
    variances, fit = _levels(mean, levels)
    sds = _sds(roles, variances, cycle, float(times.mean()))
    offset = np.zeros(len(paths))
    if roles:
        offset[known] = _offsets(mean, levels[0], variances)[levels[0]][cell]
    law = _law(roles, sds, unit)
    counts = {r: len(np.unique(_codes(paths, r))) for r in roles} | {"device": len(mean)}
    likelihood = fit + jacobian
    if cycle is not None:
        repeats = len(error) - len(mean)
        likelihood -= 0.5 * repeats * float(np.log(max(cycle.value, 1e-300)))
    result = VarianceFit(unit, sds, counts, offset, law, _maps(paths, known, error, unit))
    return result, likelihood


def _cycle_variance(error: Floats, cell: Codes, mean: Floats, times: Codes) -> Estimate | None:
    """Return the variance of one cell's repeated programmings, with its chi-squared interval."""
    from scipy.stats import chi2

    freedom = len(error) - len(mean)
    if freedom < 5:
        return None
    total = float(((error - mean[cell]) ** 2).sum())
    low, high = (total / float(chi2.ppf(p, freedom)) for p in (0.975, 0.025))
    return Estimate(total / freedom, low, high)


def _levels(mean: Floats, levels: list[Codes]) -> tuple[list[Estimate], float]:
    """Return the variance inside the innermost groups and of each level, and the likelihood."""
    if not levels:
        value = float(mean.var(ddof=1))
        n = len(mean)
        from scipy.stats import chi2

        low, high = (value * (n - 1) / float(chi2.ppf(p, n - 1)) for p in (0.975, 0.025))
        return [Estimate(value, low, high)], -0.5 * n * float(np.log(max(value, 1e-300)))
    keep = _thin(levels[0])
    thin, inner = mean[keep], [level[keep] for level in levels]
    nested = _nest(thin, inner)
    found = _reml(thin, inner)
    estimates = nested.intervals(found)
    if len(keep) < len(mean):  # the spread inside dies is known from all cells
        estimates[0] = _inside(mean, levels[0])
    variances = np.array([max(e.value, 1e-300) for e in estimates])
    return estimates, _nest(mean, levels).log_likelihood(variances)


def _thin(die: Codes) -> Codes:
    """Return at most 100 cells of each die: more would only cost time."""
    order = np.random.default_rng(0).permutation(len(die))
    order = order[np.argsort(die[order], kind="stable")]
    start = np.r_[True, np.diff(die[order]) != 0]
    index = np.arange(len(die))
    rank = index - np.maximum.accumulate(np.where(start, index, 0))
    return np.sort(order[rank < _PER_DIE])


def _inside(mean: Floats, die: Codes) -> Estimate:
    from scipy.stats import chi2

    n = np.bincount(die)
    centre = np.bincount(die, weights=mean) / np.maximum(n, 1)
    freedom = len(mean) - int((n > 0).sum())
    total = float(((mean - centre[die]) ** 2).sum())
    low, high = (total / float(chi2.ppf(p, freedom)) for p in (0.975, 0.025))
    return Estimate(total / freedom, low, high)


def _nest(value: Floats, levels: list[Codes]) -> Nested:
    """Arrange unit-wise group codes as parents of each other."""
    parents = []
    below = np.arange(len(value))
    for level in levels:
        code = np.unique(level, return_inverse=True)[1]
        parent = np.zeros(int(below.max()) + 1, dtype=np.int64)
        parent[below] = code
        parents.append(parent)
        below = code
    return Nested(value, parents)


def _reml(value: Floats, levels: list[Codes]) -> Floats:
    """Return REML variances: inside the innermost groups, then of each level."""
    import pandas as pd
    from statsmodels.regression.mixed_linear_model import MixedLM
    from statsmodels.tools.sm_exceptions import ConvergenceWarning

    scale = float(value.std()) or 1.0
    frame = pd.DataFrame({"y": value / scale, "one": 1.0})
    names = [f"level{k}" for k in range(len(levels))]
    for name, level in zip(names, levels, strict=True):
        frame[name] = level
    inner = {name: f"0 + C({name})" for name in names[:-1]}
    model = MixedLM.from_formula(
        "y ~ 1", frame, groups=names[-1], re_formula="1", vc_formula=inner or None
    )
    with python_warnings.catch_warnings():
        python_warnings.simplefilter("ignore", ConvergenceWarning)  # a spread of 0 is an answer
        python_warnings.simplefilter("ignore", RuntimeWarning)
        python_warnings.simplefilter("ignore", UserWarning)
        found = model.fit(reml=True)
    inside = [float(found.scale)]
    middle = dict(zip(sorted(inner), found.vcomp, strict=True)) if inner else {}
    of_levels = [float(middle[name]) for name in names[:-1]] + [float(found.cov_re.iloc[0, 0])]
    return np.asarray(np.maximum(np.array(inside + of_levels), 0.0) * scale**2)


def _sds(
    roles: list[str], variances: list[Estimate], cycle: Estimate | None, repeats: float
) -> dict[str, Estimate]:
    """Return standard deviations by source; a cell's mean still holds a share of its cycles."""
    out: dict[str, Estimate] = {}
    device = variances[0]
    if cycle is not None:
        out["cycle"] = _root(cycle)
        value = max(device.value - cycle.value / repeats, 0.0)
        down = np.hypot(device.value - device.low, (cycle.high - cycle.value) / repeats)
        up = np.hypot(device.high - device.value, (cycle.value - cycle.low) / repeats)
        device = Estimate(value, max(value - float(down), 0.0), value + float(up))
    out["device"] = _root(device)
    for role, variance in zip(roles, variances[1:], strict=True):
        out[role] = _root(variance)
    return out


def _root(variance: Estimate) -> Estimate:
    return Estimate(*(float(np.sqrt(v)) for v in (variance.value, variance.low, variance.high)))


def _offsets(mean: Floats, die: Codes, variances: list[Estimate]) -> Floats:
    """Return each die's offset, drawn towards 0 as far as its few cells leave it open."""
    n = np.bincount(die)
    centre = np.bincount(die, weights=mean) / np.maximum(n, 1)
    between = sum(v.value for v in variances[1:])
    return np.asarray(centre * between / (between + variances[0].value / np.maximum(n, 1)))


def _law(roles: list[str], sds: dict[str, Estimate], unit: str) -> DieOffset:
    values = {r: float(f"{sds[r].value:.5g}") for r in roles}
    if not any(values.values()):
        return NoDieOffset()
    if unit == "µS":
        return AddedDieOffset(**{f"{r}_sd_uS": v for r, v in values.items()})
    return MultipliedDieOffset(**{f"{r}_sd_ln": v for r, v in values.items()})


def _maps(paths: Paths, known: Any, error: Floats, unit: str) -> tuple[dict[str, Any], ...]:
    """Return one map a wafer: the mean error of each die at its place."""
    if "die" not in paths.groups:
        return ()
    place = _places(paths)
    if place is None:
        return ()
    x, y = place[0][known], place[1][known]
    wafers = paths.groups.get("wafer", Labels(np.zeros(len(paths), dtype=np.int64), ["1"]))
    code = wafers.code[known]
    maps = []
    for k in np.unique(code):
        mine = code == k
        cols, rows = np.unique(x[mine]), np.unique(y[mine])[::-1]
        values = [[_mean(error[mine & (x == col) & (y == row)]) for col in cols] for row in rows]
        maps.append(
            {
                "name": f"wafer {wafers.names[int(k)]}: mean programming error",
                "unit": "µS" if unit == "µS" else "of ln g",
                "rows": [f"{row:g}" for row in rows],
                "cols": [f"{col:g}" for col in cols],
                "values": values,
            }
        )
    return tuple(maps)


def _mean(values: Floats) -> float | None:
    return float(values.mean()) if values.size else None


def _places(paths: Paths) -> tuple[Floats, Floats] | None:
    """Return the column and row of each path's die: its own columns, or from names such as 3,5."""
    if paths.die_xy is not None:
        return paths.die_xy
    labels = paths.groups["die"]
    found = [re.fullmatch(r"\D*?(-?\d+)\D+?(\d+)\D*", str(labels.names[k])) for k in
             range(labels.count)]  # fmt: skip
    if not all(found):
        return None
    x, y = (np.array([float(m[i]) for m in found if m]) for i in (1, 2))
    return x[labels.code], y[labels.code]
