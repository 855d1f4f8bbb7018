"""Families of drift laws, fitted by maximum likelihood and compared on unseen cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mho.device.fit.bases import (
    Basis,
    FreeLogTime,
    Points,
    PositiveLogTime,
    Power,
    Stretched,
)
from mho.device.fit.densities import SHAPES
from mho.device.fit.drift_density import log_densities
from mho.device.fit.drift_table import fit_quantile_drift
from mho.device.fit.groups import Groups
from mho.device.fit.likelihood import (
    Estimate,
    Model,
    Sample,
    covariance,
    intervals,
    maximise,
    numbers,
)
from mho.device.fit.ranking import Candidate, Ranking, rank
from mho.device.quantiles import QuantileDrift
from mho.device.shaped import ShapedDrift
from mho.device.tables.paths import Paths
from mho.device.tables.reads import Codes, Floats

TABLE = "quantiles by level and time"
PLAIN = "one normal law, linear in ln t"
_MOST_READS = 20_000
_WORDS = {
    "log-time": "linear in ln t",
    "root-log-time": "variance linear in ln t",
    "power": "power of t",
    "stretched": "stretched exponential",
}


@dataclass(frozen=True)
class Family:
    """A parametric drift law: a shape, a form in time, a polynomial in conductance."""

    shape: str
    form: str
    degree: int

    @property
    def name(self) -> str:
        """What a person calls it."""
        if self.shape == "normal" and self.form == "log-time" and self.degree == 0:
            return PLAIN
        level = {0: "any level alike", 1: "line in g"}.get(self.degree, "parabola in g")
        return f"{self.shape}, {_WORDS[self.form]}, {level}"


def families(times: int, groups: int) -> list[Family]:
    """Return the families worth trying with so many times and levels."""
    degree = int(np.clip(groups - 1, 0, 2))
    forms = ["log-time", "root-log-time", "power", "stretched"][: 4 if times > 2 else 1]
    tried = [Family("normal", "log-time", 0)]
    tried += [Family(shape, form, degree) for form in forms for shape in ("normal", "student-t")]
    return list(dict.fromkeys(tried))


def reference_uS(paths: Paths) -> float:
    """Return the conductance that polynomials are written in units of."""
    return float(f"{max(float(np.quantile(paths.g0_uS, 0.99)), 1e-6):.3g}")


def some_cells(paths: Paths) -> Paths:
    """Return a random part of the cells with at most 20,000 reads; all where they have fewer."""
    reads = (~np.isnan(paths.change_uS)).sum(axis=1)
    if reads.sum() <= _MOST_READS:
        return paths
    order = np.random.default_rng(0).permutation(len(paths))
    return paths.take(np.sort(order[np.cumsum(reads[order]) <= _MOST_READS]))


def sample_of(paths: Paths, reference: float) -> Sample:
    """Return the changes as one list of values."""
    row, column = np.nonzero(~np.isnan(paths.change_uS))
    g0, change = paths.g0_uS[row], paths.change_uS[row, column]
    zero = g0 + change <= 0
    points = Points(g0 / reference, np.log(paths.times_s)[column])
    change = np.maximum(change, -g0)
    return Sample(points, change, paths.cell[row], at_zero=zero if zero.any() else None)


@dataclass(frozen=True)
class FittedFamily:
    """A parametric drift law with its free numbers."""

    family: Family
    model: Model
    theta: Floats
    reference: float

    @property
    def law(self) -> ShapedDrift:
        """The law as it stands on a card."""
        return _law(self.model, self.theta, self.reference)

    def estimates(self, sample: Sample) -> dict[str, Estimate]:
        """Return the law's numbers with 95 % intervals."""
        cov = covariance(self.model, self.theta, sample)

        def leaves(theta: Floats) -> dict[str, float]:
            plain = _law(self.model, theta, self.reference).model_dump(exclude={"reference_uS"})
            return numbers(plain)

        return intervals(leaves, self.theta, cov)


def _law(model: Model, theta: Floats, reference: float) -> ShapedDrift:
    middle, spread, parameter = model.split(theta)
    assert model.shape is not None
    return ShapedDrift(
        shape=model.shape.law(parameter),
        mean_uS=model.middle.law(middle, reference),
        sd_uS=model.spread.law(spread, reference),
        reference_uS=reference,
    )


def fit_family(
    family: Family, sample: Sample, reference: float, like: FittedFamily | None = None
) -> tuple[FittedFamily, float]:
    """Fit one family by maximum likelihood.

    Args:
        family: Which.
        sample: Changes of the cells.
        reference: Conductance that polynomials are in units of.
        like: The same curves fitted before, to start from; a normal one lends its curves.

    Returns:
        The fitted family and its log-likelihood.
    """
    model = _model(family, sample)
    start = _start(model, sample) if like is None else like.theta[: model.size]
    if model.has_parameter and len(start) < model.size:
        assert model.shape is not None
        start = np.append(start, model.shape.start)
    theta, log_likelihood = maximise(model, sample, start)
    return FittedFamily(family, model, theta, reference), log_likelihood


def _model(family: Family, sample: Sample) -> Model:
    x, ln_t = sample.points.x, sample.points.ln_t
    span_x = (float(x.min()), float(x.max()) if np.ptp(x) > 0 else float(x.min()) + 1e-6)
    span_t = (float(ln_t.min()), float(ln_t.max()))
    degree, several = family.degree, span_t[1] > span_t[0]
    middle: Basis = FreeLogTime(degree, slope=several)
    spread: Basis = PositiveLogTime(degree, span_x, span_t, root=family.form == "root-log-time")
    if family.form in ("power", "stretched"):
        kind = Power if family.form == "power" else Stretched
        middle = kind(degree, span_x, positive=False)
        spread = kind(degree, span_x, positive=True)
    return Model(middle, spread, SHAPES[family.shape])


def _start(model: Model, sample: Sample) -> Floats:
    """Start from the moments of cells alike in conductance and time."""
    x, ln_t, value = sample.points.x, sample.points.ln_t, sample.value
    bins = np.searchsorted(np.quantile(x, np.linspace(0, 1, 9)[1:-1]), x)
    _, time = np.unique(ln_t, return_inverse=True)
    _, code = np.unique(bins * (time.max() + 1) + time, return_inverse=True)
    n = np.bincount(code)

    def average(values: Floats) -> Floats:
        return np.asarray(np.bincount(code, weights=values) / n)

    mean = average(value)
    sd = np.sqrt(np.maximum(average((value - mean[code]) ** 2), 1e-12))
    points = Points(average(x), average(ln_t))
    return np.concatenate([model.middle.start(points, mean), model.spread.start(points, sd)])


def rank_drift(
    paths: Paths, groups: Groups, folds: Sequence[npt.NDArray[np.bool_]], table: object
) -> Ranking:
    """Fit every family and the table to most cells, and judge them on the others.

    Args:
        paths: Cells over time.
        groups: Which cells are alike.
        folds: Cells to judge on, for each round.
        table: The tabulated law of all cells.

    Returns:
        The families, each with its law fitted to all cells.
    """
    inside = groups.code >= 0
    reference = reference_uS(paths.take(inside))
    whole = sample_of(some_cells(paths.take(inside)), reference)
    tried = families(len(paths.times_s), groups.count)
    logs: dict[str, list[Floats]] = {name: [] for name in (TABLE, *(f.name for f in tried))}
    cells: list[Codes] = []
    last: Fitted = {}
    for held_out in folds:
        train, test = inside & ~held_out, inside & held_out
        unseen = some_cells(paths.take(test))
        judged = sample_of(unseen, reference)
        cells.append(judged.cell)
        part = Groups(groups.code[train], groups.g_uS, groups.names, groups.by)
        law = fit_quantile_drift(paths.take(train), part)
        logs[TABLE].append(log_densities(law, unseen)[1][~np.isnan(unseen.change_uS)])
        sample = sample_of(some_cells(paths.take(train)), reference)
        last = fit_families(tried, sample, reference, last)
        for family, (found, _) in last.items():
            logs[family.name].append(found.model.log_density(found.theta, judged))
    candidates = [_table_candidate(table, paths.take(inside), np.concatenate(logs[TABLE]))]
    for family, (found, log_likelihood) in fit_families(tried, whole, reference, last).items():
        candidates.append(
            Candidate(
                family.name,
                found.model.size,
                found.law,
                np.concatenate(logs[family.name]),
                2 * found.model.size - 2 * log_likelihood,
                found.estimates(whole),
            )
        )
    return rank(candidates, np.concatenate(cells))


Fitted = dict[Family, tuple[FittedFamily, float]]


def fit_families(
    tried: Sequence[Family], sample: Sample, reference: float, before: Fitted
) -> Fitted:
    """Fit several families, each starting from an earlier fit or from its normal sister."""
    found: Fitted = {}
    for family in tried:
        sister = found.get(Family("normal", family.form, family.degree))
        like = before[family][0] if family in before else None if sister is None else sister[0]
        found[family] = fit_family(family, sample, reference, like)
    return found


def _table_candidate(table: object, paths: Paths, logs: Floats) -> Candidate:
    assert isinstance(table, QuantileDrift)
    size = len(table.g_uS) * len(table.times_s) * len(table.change_uS[0][0])
    own = float(np.nansum(log_densities(table, some_cells(paths))[1]))
    return Candidate(TABLE, size, table, logs, 2 * size - 2 * own)


def refit(law: ShapedDrift, paths: Paths) -> ShapedDrift:
    """Return a law of the same family for other cells."""
    scale: tuple[float, ...] = getattr(
        law.mean_uS, "scale_uS" if hasattr(law.mean_uS, "scale_uS") else "intercept_uS"
    )
    family = Family(law.shape.shape, law.sd_uS.form, len(scale) - 1)
    sample = sample_of(some_cells(paths), law.reference_uS)
    like = None
    if law.shape.shape != "normal":
        like = fit_family(replace(family, shape="normal"), sample, law.reference_uS)[0]
    return fit_family(family, sample, law.reference_uS, like)[0].law


def futures(ranking: Ranking, times: int) -> tuple[ShapedDrift, ...]:
    """Return the families that fit about as well as the best parametric one, for later times."""
    if times < 3:
        return ()
    parametric = Ranking(
        tuple(c for c in ranking.candidates if isinstance(c.law, ShapedDrift)), ranking.cells
    )
    return tuple(c.law for c in parametric.close())
