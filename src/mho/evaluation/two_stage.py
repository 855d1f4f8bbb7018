"""Two-stage and two-level sampling: a pilot measures variances, then the effort is split by them.

The mean over all chips of the accuracy on all examples is wanted. A chip's accuracy needs no more
than an unbiased estimate from some of the examples: chips average it out. With the variance S
between chips and V of one answer within its stratum, the plan seeks numbers of chips and of
examples for each, m, that are cheapest::

    least chips * (price_of_chip + price * m)   with   t² (S + V / m - V / N) / chips <= h²

A short pilot says little about S. So m is what costs least, as a ratio to the best, on average over
the S that the pilot leaves open; the number of chips then follows from the chips themselves.

Where the exact answer is dear and a cheap one is at hand, the mean is written as two terms,
``E[exact] = E[cheap] + E[exact - cheap]``. Each is found on chips of its own; the second has little
variance if the two mostly agree, and then takes few dear passes. Both forms are unbiased; the plan
takes the one that the pilot's variances make cheaper.

The pilot only plans: the estimate comes from the chips after it, so a plan may be poor, never
unfair.

Source: W. G. Cochran, Sampling Techniques, 3rd ed. (1977), ch. 5 and 10; M. B. Giles, Acta Numerica
24, 259 (2015), for multilevel Monte-Carlo.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mho.device.law import Law
from mho.evaluation.interval import Interval, interval_of_sum
from mho.evaluation.strata import Answers, Indices, Strata
from mho.rng import Streams

_FEWEST = 100
"""Examples that every chip sees at least, so that no single answer weighs much."""
_UNSEEN = 0.2
"""Answers unlike all others that a pilot may have missed in a stratum."""
_PRICE_OF_CHIP, _PRICE_OF_EXACT = 60.0, 8.0
"""Where nothing is known of the network."""
_SHARES = tuple(k / 10 for k in range(1, 10))
"""Shares of the variance that the first of two terms may have, tried by the plan."""

Ask: TypeAlias = Callable[[int, Indices], npt.NDArray[np.bool_]]
"""Whether a chip (by seed) is right on some examples (by index)."""
TermName: TypeAlias = Literal["exact", "cheap", "correction"]

_FORMS: tuple[tuple[TermName, ...], ...] = (("exact",), ("cheap", "correction"))


class TwoStage(Law):
    """How to find a mean accuracy with few passes.

    Prices are settings, not clocks, so that the same seed gives the same numbers on any machine. A
    price that is off costs time, not truth.

    Args:
        half_width: Wanted half-width of the interval, as a fraction: 0.002 is ±0.2 points.
        pilot_chips: Chips that plan.
        pilot_images: Examples that each of them sees.
        price_of_chip: What drawing a chip costs, in passes of one example without converters; by
            default worked out from the numbers of cells and of operations.
        price_of_exact: What a pass of one example through converters costs, in the same unit; by
            default worked out from the number of analogue products that an input takes.
        at_least: Chips of each term: enough for Student's t to hold for values that are not quite
            normal.
        at_most: Chips after which to give up; the interval is then as wide as it is.
    """

    half_width: Annotated[float, Field(gt=0, lt=1)] = 0.002
    pilot_chips: Annotated[int, Field(ge=3)] = 5
    pilot_images: Annotated[int, Field(ge=16)] = 400
    price_of_chip: Annotated[float, Field(ge=0)] | None = None
    price_of_exact: Annotated[float, Field(ge=1)] | None = None
    at_least: Annotated[int, Field(ge=4)] = 6
    at_most: Annotated[int, Field(ge=4)] = 2000


@dataclass(frozen=True)
class Term:
    """One mean that is sampled, as planned.

    Attributes:
        name: ``"exact"``, ``"cheap"``, or ``"correction"`` (exact minus cheap).
        chips: Chips to begin with; more follow until the half-width is reached.
        images: Examples that each of them sees, by stratum.
        between: Variance between chips, on all examples: the middle of what the pilot leaves open.
        within: Variance that one example in all would leave, by the best split over strata.
        price: What it should cost, in passes of one example without converters.
    """

    name: TermName
    chips: int
    images: tuple[int, ...]
    between: float
    within: float
    price: float


@dataclass(frozen=True)
class Sampled:
    """What was found, and what it took.

    Attributes:
        interval: The mean over chips with its interval.
        terms: What was sampled: ``exact``, or ``cheap`` and ``correction``.
        planned: By form, what the pilot expected it to cost, in passes without converters.
        chips: Chips behind the estimate.
        sd_of_chips: Standard deviation between chips on all examples, sampling taken out.
        exact_passes: Forward passes of one example on the hardware as it is, pilot included.
        cheap_passes: Passes without converters, pilot included.
        naive_passes: Exact passes that whole chips would have taken for the same half-width.
        met: Whether the wanted half-width was reached.
    """

    interval: Interval
    terms: tuple[Term, ...]
    planned: dict[str, float]
    chips: int
    sd_of_chips: float
    exact_passes: int
    cheap_passes: int
    naive_passes: int
    met: bool

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)


def sample(
    rule: TwoStage,
    strata: Strata,
    exact: Ask,
    *,
    cheap: Ask | None = None,
    seed: int = 0,
    confidence: float = 0.95,
    report: Callable[[int, int], None] = lambda done, wanted: None,
) -> Sampled:
    """Find the mean accuracy over chips on all examples of the strata.

    Args:
        rule: How.
        strata: The examples.
        exact: Runs one chip on some examples.
        cheap: Runs a simpler model of the same chip, if there is one.
        seed: Seed of the first chip; the pilot's come first.
        confidence: Confidence of the interval.
        report: Called with the number of chips done and wanted.
    """
    sampler = _Sampler(strata, exact, cheap)
    pilot = _pilot(rule, sampler, seed)
    forms = [f for f in _FORMS if cheap is not None or f == ("exact",)]
    plans = [plan(rule, strata, {n: pilot[n] for n in form}, confidence) for form in forms]
    terms = min(plans, key=_price)
    runs = [
        _Run(term, range(seed + rule.pilot_chips + k, 2**62, len(terms)))
        for k, term in enumerate(terms)
    ]
    scale, most = 1.0, max(term.chips for term in terms)
    while True:
        wanted = [min(math.ceil(scale * run.term.chips), rule.at_most) for run in runs]
        for run, count in zip(runs, wanted, strict=True):
            while len(run.values) < count:
                run.add(sampler)
                report(sum(len(r.values) for r in runs), sum(wanted))
        values = [run.values for run in runs]
        found = interval_of_sum(values, confidence)
        met = found.half_width <= rule.half_width
        if met or scale * most >= rule.at_most:
            break
        scale *= min(max((found.half_width / rule.half_width) ** 2, 1 + 1 / most), 2.0)
    between = runs[0].between
    return Sampled(
        # Stopping when the spread happens to look small: see HalfWidth.
        interval=interval_of_sum(
            values, confidence, bounds=(0, 1), min_half_width=rule.half_width if met else 0.0
        ),
        terms=terms,
        planned={" + ".join(t.name for t in p): _price(p) for p in plans},
        chips=sum(len(run.values) for run in runs),
        sd_of_chips=math.sqrt(between),
        exact_passes=sampler.exact_passes,
        cheap_passes=sampler.cheap_passes,
        naive_passes=chips_for(between, rule.half_width, confidence, least=2) * strata.total,
        met=met,
    )


class _Sampler:
    """Draws examples for a chip and asks; counts the passes."""

    def __init__(self, strata: Strata, exact: Ask, cheap: Ask | None) -> None:
        self._strata, self._exact, self._cheap = strata, exact, cheap
        self.exact_passes = self.cheap_passes = 0

    def answers(self, chip: int, sizes: Indices, names: Sequence[TermName]) -> dict[str, Answers]:
        """Return the answers of a chip for some terms, by term and stratum.

        Args:
            chip: Its seed.
            sizes: Examples of each stratum.
            names: The terms; they share the chip and the examples.
        """
        drawn = self._strata.draw(sizes, Streams(chip, "examples").generator())
        examples, found = np.concatenate(drawn), {}
        if {"exact", "correction"} & set(names):
            self.exact_passes += len(examples)
            found["exact"] = self._exact(chip, examples).astype(np.float64)
        if {"cheap", "correction"} & set(names) and self._cheap is not None:
            self.cheap_passes += len(examples)
            found["cheap"] = self._cheap(chip, examples).astype(np.float64)
            if "exact" in found:
                found["correction"] = found["exact"] - found["cheap"]
        cuts = np.cumsum([len(group) for group in drawn])[:-1]
        return {name: np.split(found[name], cuts) for name in names}

    @property
    def names(self) -> tuple[TermName, ...]:
        """The terms that can be asked for."""
        return ("exact",) if self._cheap is None else ("exact", "cheap", "correction")

    def mean(self, answers: Answers) -> tuple[float, float]:
        """Return the estimate for one chip on all examples, and its sampling variance."""
        return self._strata.mean(answers), self._strata.sampling_variance(answers)


class _Run:
    """The chips of one term."""

    def __init__(self, term: Term, seeds: range) -> None:
        self.term, self._seeds = term, seeds
        self.values: list[float] = []
        self._drawn: list[float] = []

    def add(self, sampler: _Sampler) -> None:
        """Run one more chip."""
        chip, name = self._seeds[len(self.values)], self.term.name
        answers = sampler.answers(chip, np.array(self.term.images), [name])
        value, drawn = sampler.mean(answers[name])
        self.values.append(value)
        self._drawn.append(drawn)

    @property
    def between(self) -> float:
        """Variance between chips on all examples: unbiased, but never below 0."""
        return max(float(np.var(self.values, ddof=1) - np.mean(self._drawn)), 0.0)


def _pilot(rule: TwoStage, sampler: _Sampler, seed: int) -> dict[str, list[Answers]]:
    """Return the answers of the pilot's chips, by term; small strata get more than their share."""
    strata = sampler._strata
    even = strata.allocate(rule.pilot_images, 1 / np.sqrt(strata.shares))
    chips: Iterator[dict[str, Answers]] = (
        sampler.answers(chip, even, sampler.names) for chip in range(seed, seed + rule.pilot_chips)
    )
    found: dict[str, list[Answers]] = {name: [] for name in sampler.names}
    for answers in chips:
        for name in sampler.names:
            found[name].append(answers[name])
    return found


def plan(
    rule: TwoStage, strata: Strata, pilot: dict[TermName, list[Answers]], confidence: float
) -> tuple[Term, ...]:
    """Split the effort over terms, chips and examples by the variances that a pilot shows.

    Args:
        rule: What is wanted.
        strata: The examples.
        pilot: By term, for each pilot chip, its answers by stratum.
        confidence: Confidence of the interval.
    """
    spreads = {name: _spreads(chips) for name, chips in pilot.items()}
    exact = _PRICE_OF_EXACT if rule.price_of_exact is None else rule.price_of_exact
    prices = {"exact": exact, "cheap": 1.0, "correction": 1 + exact}
    within = {n: float((strata.shares * s).sum()) ** 2 for n, s in spreads.items()}
    between = {name: _between(strata, chips, within[name]) for name, chips in pilot.items()}
    best: tuple[Term, ...] = ()
    shares: Sequence[float] = (1.0,) if len(pilot) == 1 else _SHARES
    for share in shares:
        terms = []
        for name, part in zip(pilot, (share, 1 - share), strict=False):
            split = cheapest(
                rule, between[name], within[name], strata.total, confidence,
                half_width=rule.half_width * math.sqrt(part), price=prices[name],
            )  # fmt: skip
            images = tuple(int(m) for m in strata.allocate(split.images, spreads[name]))
            terms.append(
                Term(name, split.chips, images, between[name].middle, within[name], split.price)
            )
        if not best or _price(terms) < _price(best):
            best = tuple(terms)
    return best


def _price(terms: Sequence[Term]) -> float:
    return sum(term.price for term in terms)


def _spreads(pilot: Sequence[Answers]) -> npt.NDArray[np.float64]:
    """Return the standard deviation of the answers within each stratum.

    Part of an answer unlike the others is added: none seen does not mean that there is none.
    """
    groups = [np.concatenate(group) for group in zip(*pilot, strict=True)]
    return np.sqrt([(np.square(a - a.mean()).sum() + _UNSEEN) / len(a) for a in groups])


@dataclass(frozen=True, eq=False)
class Open:
    """Values of a variance that a pilot leaves open.

    Attributes:
        values: The values, ascending.
        weights: How plausible each is; they add up to 1.
    """

    values: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64]

    @property
    def middle(self) -> float:
        """The median."""
        return float(self.values[np.searchsorted(np.cumsum(self.weights), 0.5)])


def _between(strata: Strata, pilot: Sequence[Answers], within: float) -> Open:
    """Return the variances between chips that the pilot leaves open.

    The spread of the pilot's estimates is ``(S + drawn) χ²(k - 1) / (k - 1)`` with what comes from
    drawing examples known. Beforehand every order of magnitude of S counts the same, from V / N on,
    which is left where a chip's errors have nothing in common.
    """
    freedom = len(pilot) - 1
    spread = float(np.var([strata.mean(answers) for answers in pilot], ddof=1))
    drawn = float(np.mean([strata.sampling_variance(answers) for answers in pilot]))
    least = max(within / strata.total, 1e-12)
    values = np.geomspace(least, 10 * max(spread, least), 17)
    scaled = freedom * spread / (values + drawn)
    logs = (freedom / 2) * np.log(np.maximum(scaled, 1e-300)) - scaled / 2
    weights = np.exp(logs - logs.max())
    return Open(values, weights / weights.sum())


@dataclass(frozen=True)
class Split:
    """A split of the effort: chips to begin with, examples for each, and what it should cost."""

    chips: int
    images: int
    price: float


def cheapest(
    rule: TwoStage,
    between: Open,
    within: float,
    total: int,
    confidence: float,
    *,
    half_width: float | None = None,
    price: float = 1.0,
) -> Split:
    """Return the split that reaches a half-width most cheaply.

    Args:
        rule: The price of a chip, and how many chips are allowed.
        between: Variances between chips, on all examples, that are to be reckoned with.
        within: Variance that one example in all would leave.
        total: How many examples there are.
        confidence: Confidence of the interval.
        half_width: The half-width; the rule's by default.
        price: Price of one example.
    """
    from scipy.special import stdtrit  # Student's quantile

    half_width = rule.half_width if half_width is None else half_width
    a_chip = _PRICE_OF_CHIP if rule.price_of_chip is None else rule.price_of_chip
    images = np.unique(np.geomspace(min(_FEWEST, total), total, 60).astype(int))
    variance = between.values[:, None] + within / images - within / total
    chips = np.full_like(variance, 1e9)
    for _ in range(4):  # the quantile depends on the number of chips
        t = stdtrit(chips - 1, (1 + confidence) / 2)
        chips = np.clip(np.ceil(variance * (t / half_width) ** 2), rule.at_least, rule.at_most)
    logs = between.weights @ np.log(chips * (a_chip + price * images))
    best = int(np.argmin(logs))
    # Begin with what the more hopeful third asks for: chips are easily added, not taken back.
    hopeful = int(np.searchsorted(np.cumsum(between.weights), 1 / 3))
    return Split(int(chips[hopeful, best]), int(images[best]), float(np.exp(logs[best])))


def chips_for(variance: float, half_width: float, confidence: float, *, least: int) -> int:
    """Return how many values of a variance give a Student's t interval of a half-width.

    >>> chips_for(0.002**2, 0.002, 0.95, least=2)
    7
    """
    from scipy.special import ndtri, stdtrit  # quantiles: normal, Student

    p, ratio = (1 + confidence) / 2, variance / half_width**2
    chips = max(least, math.ceil(float(ndtri(p)) ** 2 * ratio))  # Student's takes a few more
    while chips < float(stdtrit(chips - 1, p)) ** 2 * ratio:
        chips += 1
    return chips
