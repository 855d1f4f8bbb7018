"""Families of programming spread, fitted by maximum likelihood and compared on unseen cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from mho.device.curve import MonotoneSpline
from mho.device.fit.bases import Basis, FreePolynomial, Points, PositivePolynomial, PositiveSpline
from mho.device.fit.densities import SHAPES
from mho.device.fit.density import score_and_log_density
from mho.device.fit.likelihood import (
    Estimate,
    Model,
    Sample,
    covariance,
    intervals,
    maximise,
    numbers,
)
from mho.device.fit.programming_table import fit_quantile_spread
from mho.device.fit.ranking import Candidate, Ranking, rank
from mho.device.fit.states import States
from mho.device.programming import ProgrammingNoise
from mho.device.quantiles import QuantileSpread
from mho.device.shaped import GammaSpread, RelativeSpread, ShapedSpread
from mho.device.tables.paths import Paths
from mho.device.tables.reads import Codes, Floats

TABLE = "quantiles by level"
_FEW = 30
_MOST = 20_000
_SPLINE_NODES = 5

Domain = Literal["µS", "ln", "ratio"]
Dependence = Literal["constant", "line", "parabola", "spline"]
_WORDS = {
    "constant": "any level alike",
    "line": "line in g",
    "parabola": "parabola in g",
    "spline": "monotone spline in g",
}


@dataclass(frozen=True)
class Family:
    """A parametric programming law.

    Args:
        name: What it is usually called.
        shape: Standardised shape; None for the gamma law.
        domain: Whether the error is added (µS), or multiplies (ln, ratio).
    """

    name: str
    shape: str | None
    domain: Domain


FAMILIES = (
    Family("normal", "normal", "µS"),
    Family("student-t", "student-t", "µS"),
    Family("skew-normal", "skew-normal", "µS"),
    Family("exponential-power", "exponential-power", "µS"),
    Family("lognormal", "normal", "ln"),
    Family("log-logistic", "logistic", "ln"),
    Family("gamma", None, "ratio"),
)
"""What is tried, beside the tabulated quantiles."""


@dataclass(frozen=True)
class Errors:
    """Programmed conductances beside what was wanted.

    Args:
        target_uS: Wanted, shape ``(n,)``.
        g_uS: Programmed.
        cell: Which cell.
    """

    target_uS: Floats
    g_uS: Floats
    cell: Codes

    def take(self, which: npt.NDArray[np.bool_] | Codes) -> Errors:
        """Return some of them."""
        return Errors(self.target_uS[which], self.g_uS[which], self.cell[which])

    def sample(self, domain: Domain, reference: float) -> Sample:
        """Return the errors as a family sees them."""
        points = Points(self.target_uS / reference, np.zeros(len(self.g_uS)))
        if domain == "µS":
            zero = self.g_uS <= 0
            error = np.maximum(self.g_uS, 0) - self.target_uS
            return Sample(points, error, self.cell, at_zero=zero if zero.any() else None)
        ratio = self.g_uS / self.target_uS
        if domain == "ln":
            return Sample(points, np.log(ratio), self.cell, -np.log(self.g_uS))
        return Sample(points, ratio, self.cell, -np.log(self.target_uS))


@dataclass(frozen=True)
class FittedFamily:
    """A parametric programming law with its free numbers."""

    family: Family
    model: Model
    theta: Floats
    reference: float

    def law_at(self, theta: Floats) -> ShapedSpread | RelativeSpread | GammaSpread:
        """Return the law with other free numbers."""
        middle, spread, parameter = self.model.split(theta)
        bias = self.model.middle.law(middle, self.reference)
        width = self.model.spread.law(spread, self.reference)
        if self.model.shape is None:
            return GammaSpread(bias_ln=bias, cv=width)
        shape = self.model.shape.law(parameter)
        if self.family.domain == "ln":
            return RelativeSpread(shape=shape, bias_ln=bias, sd_ln=width)
        return ShapedSpread(shape=shape, bias_uS=bias, sd_uS=width)

    @property
    def law(self) -> ShapedSpread | RelativeSpread | GammaSpread:
        """The law as it stands on a card."""
        return self.law_at(self.theta)

    def estimates(self, sample: Sample) -> dict[str, Estimate]:
        """Return the law's numbers with 95 % intervals."""
        cov = covariance(self.model, self.theta, sample)

        def leaves(theta: Floats) -> dict[str, float]:
            found = numbers(self.law_at(theta).model_dump())
            return {k: v for k, v in found.items() if "reference_uS" not in k and ".g_uS." not in k}

        return intervals(leaves, self.theta, cov)


def fit_family(
    family: Family, dependence: Dependence, errors: Errors, reference: float,
    start: Floats | None = None,
) -> tuple[FittedFamily, float]:  # fmt: skip
    """Fit one family with one dependence on the level; also return its log-likelihood."""
    sample = errors.sample(family.domain, reference)
    model = _model(family, dependence, sample)
    start = _start(model, sample) if start is None else start
    if model.has_parameter and len(start) < model.size:
        assert model.shape is not None
        start = np.append(start, model.shape.start)
    theta, log_likelihood = maximise(model, sample, start)
    return FittedFamily(family, model, theta, reference), log_likelihood


def _model(family: Family, dependence: Dependence, sample: Sample) -> Model:
    x = sample.points.x
    low, high = float(x.min()), float(x.max())
    high = high if high > low else low + 1e-6
    degree = {"constant": 0, "line": 1, "parabola": 2, "spline": 2}[dependence]
    spread: Basis = PositivePolynomial(degree, low, high)
    if dependence == "spline":
        nodes = np.unique(np.quantile(np.unique(x), np.linspace(0, 1, _SPLINE_NODES)))
        spread = PositiveSpline(nodes)
    shape = None if family.shape is None else SHAPES[family.shape]
    return Model(FreePolynomial(degree), spread, shape)


def _start(model: Model, sample: Sample) -> Floats:
    """Start from the moments of each level."""
    x, code = np.unique(sample.points.x, return_inverse=True)
    value = np.log(np.maximum(sample.value, 1e-6)) if model.shape is None else sample.value
    n = np.bincount(code)
    mean = np.bincount(code, weights=value) / n
    sd = np.sqrt(np.maximum(np.bincount(code, weights=(value - mean[code]) ** 2) / n, 1e-12))
    points = Points(x, np.zeros_like(x))
    return np.concatenate([model.middle.start(points, mean), model.spread.start(points, sd)])


def dependences(levels: int) -> tuple[Dependence, ...]:
    """Return the dependences on the level that so many levels can tell apart."""
    tried: tuple[Dependence, ...] = ("constant", "line", "parabola", "spline")
    return tried[: 1 if levels < 2 else 2 if levels < 3 else 3 if levels < 6 else 4]


def rank_programming(
    paths: Paths, states: States, folds: Sequence[npt.NDArray[np.bool_]]
) -> Ranking | None:
    """Fit every family and the table to most cells, and judge them on the others.

    The dependence on the level is chosen with a normal law, for added and for multiplied errors
    each, and then kept for all families. Returns None where no target is known.
    """
    known = states.code >= 0
    if known.sum() < _FEW:
        return None
    errors = Errors(states.target_uS()[known], paths.g0_uS[known], paths.cell[known])
    rounds = []
    for held_out in folds:
        seen, unseen = errors.take(~held_out[known]), errors.take(held_out[known])
        rounds.append((_some(seen), _some(unseen)))
    cells = np.concatenate([unseen.cell for _, unseen in rounds])
    candidates = _table_candidates(paths, states, folds, rounds)
    reference = float(f"{float(states.g_uS.max()):.3g}") or 1.0
    positive = bool((errors.g_uS > 0).all() and (errors.target_uS > 0).all())
    for domain in ("µS", "ln") if positive else ("µS",):
        mine = [f for f in FAMILIES if (f.domain == "µS") == (domain == "µS")]
        dependence = _dependence(mine[0], rounds, reference)
        candidates += [
            _judge(family, dependence, _some(errors), rounds, reference) for family in mine
        ]
    return rank(candidates, cells)


Rounds = Sequence[tuple[Errors, Errors]]
"""For each round the cells fitted to, and the cells judged on."""


def _some(errors: Errors) -> Errors:
    if len(errors.g_uS) <= _MOST:
        return errors
    return errors.take(np.random.default_rng(0).permutation(len(errors.g_uS))[:_MOST])


def _dependence(plain: Family, rounds: Rounds, reference: float) -> Dependence:
    """Return the simplest dependence on the level that the next richer one does not beat.

    Judged is how well a normal law with it predicts unseen cells.
    """
    best: Dependence = "constant"
    most = -np.inf
    for dependence in dependences(len(np.unique(rounds[0][0].target_uS))):
        gain = 0.0
        for seen, unseen in rounds:
            found = fit_family(plain, dependence, seen, reference)[0]
            judged = unseen.sample(plain.domain, reference)
            gain += float(found.model.log_density(found.theta, judged).sum())
        if gain <= most:
            break
        best, most = dependence, gain
    return best


def _judge(
    family: Family, dependence: Dependence, errors: Errors, rounds: Rounds, reference: float
) -> Candidate:
    """Fit one family in each round and to all cells."""
    found, log_likelihood = fit_family(family, dependence, errors, reference)
    logs = []
    for seen, unseen in rounds:
        part = fit_family(family, dependence, seen, reference, found.theta)[0]
        judged = unseen.sample(family.domain, reference)
        logs.append(part.model.log_density(part.theta, judged))
    return Candidate(
        f"{family.name}, {_WORDS[dependence]}",
        found.model.size,
        found.law,
        np.concatenate(logs),
        2 * found.model.size - 2 * log_likelihood,
        found.estimates(errors.sample(family.domain, reference)),
    )


def _table_candidates(
    paths: Paths, states: States, folds: Sequence[npt.NDArray[np.bool_]], rounds: Rounds
) -> list[Candidate]:
    """Judge the tabulated quantiles on the same unseen cells; none where no level has enough."""
    known = states.code >= 0
    table = fit_quantile_spread(paths, states)
    if not isinstance(table, QuantileSpread):
        return []
    logs = []
    for held_out, (_, unseen) in zip(folds, rounds, strict=True):
        train = known & ~held_out
        part = replace(states, code=states.code[train], overshoot=states.overshoot[train])
        law = fit_quantile_spread(paths.take(train), part)
        if not isinstance(law, QuantileSpread):
            return []
        logs.append(_log_densities(law, unseen))
    size = np.asarray(table.error_uS).size
    whole = Errors(states.target_uS()[known], paths.g0_uS[known], paths.cell[known])
    own = float(_log_densities(table, _some(whole)).sum())
    return [Candidate(TABLE, size, table, np.concatenate(logs), 2 * size - 2 * own)]


def _log_densities(law: QuantileSpread, errors: Errors) -> Floats:
    nodes, rows = np.asarray(law.g_uS), np.asarray(law.error_uS)
    error, zero = errors.g_uS - errors.target_uS, errors.g_uS <= 0
    at_zero = zero if zero.any() else None
    return score_and_log_density(rows, nodes, law.score_max, errors.target_uS, error, at_zero)[1]


def refit(law: ProgrammingNoise, paths: Paths, states: States) -> ProgrammingNoise:
    """Return a law of the same family for other cells."""
    if isinstance(law, QuantileSpread):
        return fit_quantile_spread(paths, states)
    if not isinstance(law, ShapedSpread | RelativeSpread | GammaSpread):
        return law
    known = states.code >= 0
    errors = _some(Errors(states.target_uS()[known], paths.g0_uS[known], paths.cell[known]))
    width = (
        law.cv
        if isinstance(law, GammaSpread)
        else (law.sd_ln if isinstance(law, RelativeSpread) else law.sd_uS)
    )
    domain: Domain = (
        "ratio"
        if isinstance(law, GammaSpread)
        else ("ln" if isinstance(law, RelativeSpread) else "µS")
    )
    shape = None if isinstance(law, GammaSpread) else law.shape.shape
    family = next(f for f in FAMILIES if (f.shape, f.domain) == (shape, domain))
    if isinstance(width, MonotoneSpline):
        dependence: Dependence = "spline"
        reference = max(width.g_uS)
    else:
        tried: tuple[Dependence, ...] = ("constant", "line", "parabola")
        dependence, reference = tried[len(width.coefficients) - 1], width.reference_uS
    start = None
    if shape not in (None, "normal"):
        plain = next(f for f in FAMILIES if (f.shape, f.domain) == ("normal", domain))
        start = fit_family(plain, dependence, errors, reference)[0].theta
    return fit_family(family, dependence, errors, reference, start)[0].law
