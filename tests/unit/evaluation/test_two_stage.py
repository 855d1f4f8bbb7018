"""Sampling of chips and examples: unbiased, with intervals that hold what they say.

The simulated chips have a known truth: chip k has a quality, example i a difficulty, and the answer
is right where the quality and a noise of its own outdo the difficulty.
"""

import numpy as np
import pytest
from scipy import stats

from mho.evaluation.strata import Strata
from mho.evaluation.two_stage import Open, TwoStage, _between, cheapest, chips_for, plan, sample

EXAMPLES = 2000
RNG = np.random.default_rng(11)
DIFFICULTY = np.sort(RNG.normal(-2, 1.2, EXAMPLES))
STRATA = Strata(tuple(np.split(np.arange(EXAMPLES), [1000, 1500, 1700, 1850])))  # easy ones first
SD_CHIP, SD_ANSWER, COARSE = 0.25, 0.3, 0.2
TRUTH = float(stats.norm.cdf(-DIFFICULTY / np.hypot(SD_CHIP, SD_ANSWER)).mean())
TRUTH_EXACT = float(stats.norm.cdf((-0.1 - DIFFICULTY) / np.hypot(SD_CHIP, SD_ANSWER)).mean())


def chips(shift=0.0, coarse=0.0):
    """Return what answers for chips; ``coarse`` adds a noise that the cheap model does not see."""

    def ask(chip, examples):
        rng = np.random.default_rng([chip, 77])
        noise = rng.normal(size=(3, len(examples) + 1))
        own = np.sqrt(1 - coarse**2) * noise[0] + coarse * noise[1]
        return SD_CHIP * noise[2, -1] + shift + SD_ANSWER * own[:-1] > DIFFICULTY[examples]

    return ask


def test_the_simulated_truth_is_what_whole_chips_give():
    """400 whole chips: within 4.5 standard errors (false alarm 7e-6)."""
    values = [chips()(k, np.arange(EXAMPLES)).mean() for k in range(400)]
    assert abs(np.mean(values) - TRUTH) < 4.5 * np.std(values) / 20


@pytest.mark.parametrize(
    ("form", "truth", "settings", "repeats", "least"),
    [
        ("exact", TRUTH, {"exact": chips()}, 400, 368),
        ("cheap", TRUTH_EXACT, {"exact": chips(-0.1, COARSE), "cheap": chips()}, 200, 181),
    ],
)
def test_intervals_hold_the_truth_and_the_mean_is_unbiased(form, truth, settings, repeats, least):
    """Of honest 95 % intervals ``least`` or more of ``repeats`` hold it, but for 4e-3 of runs.

    The mean of the estimates lies within 4.5 standard errors of the truth.
    """
    rule = TwoStage(half_width=0.015, pilot_images=160, at_most=400, price_of_exact=30)
    found = [sample(rule, STRATA, seed=10_000 * k, **settings) for k in range(repeats)]
    assert np.mean([run.terms[0].name == form for run in found]) > 0.9
    held = sum(run.interval.low <= truth <= run.interval.high for run in found)
    assert held >= least
    assert all(run.met and run.interval.half_width <= 0.0151 for run in found)
    means = np.array([run.interval.mean for run in found])
    assert abs(means.mean() - truth) < 4.5 * means.std() / np.sqrt(repeats)
    if form == "exact":
        passes = np.mean([run.exact_passes for run in found])
        assert passes < 0.5 * np.mean([run.naive_passes for run in found])


def test_the_spread_of_chips_is_that_of_whole_chips():
    """Sampling is taken out: within 15 % of the spread of 400 whole chips."""
    values = [chips()(k, np.arange(EXAMPLES)).mean() for k in range(400)]
    rule = TwoStage(half_width=0.002, at_most=800)
    assert sample(rule, STRATA, chips()).sd_of_chips == pytest.approx(np.std(values), rel=0.15)


def test_all_examples_of_all_chips_is_the_whole_evaluation():
    """Where as many are asked as there are, the estimate is the mean of whole chips."""
    few = Strata((np.arange(1850, 1900), np.arange(1900, 1950)))
    rule = TwoStage(half_width=1e-6, at_most=8, pilot_images=100)
    found = sample(rule, few, chips())
    whole = [chips()(k, np.arange(1850, 1950)).mean() for k in range(5, 13)]
    assert sum(found.terms[0].images) == 100
    assert found.interval.mean == pytest.approx(np.mean(whole))
    assert not found.met
    assert found.chips == 8


def test_the_same_seed_gives_the_same_numbers():
    rule = TwoStage(half_width=0.01)
    assert sample(rule, STRATA, chips(), seed=4) == sample(rule, STRATA, chips(), seed=4)
    assert sample(rule, STRATA, chips(), seed=4) != sample(rule, STRATA, chips(), seed=5)


def test_two_levels_are_used_only_where_they_pay():
    rule = TwoStage(half_width=0.005, price_of_exact=8)
    near = sample(rule, STRATA, chips(-0.1, COARSE), cheap=chips())
    assert [term.name for term in near.terms] == ["cheap", "correction"]
    assert near.cheap_passes > near.exact_passes > 0
    same_price = rule.model_copy(update={"price_of_exact": 1.0})
    assert sample(same_price, STRATA, chips(-0.1), cheap=chips()).terms[0].name == "exact"

    def other(chip, examples):  # nothing in common with the chip
        return chips()(chip + 10**6, examples)

    far = sample(rule, STRATA, chips(-0.1), cheap=other)
    assert far.terms[0].name == "exact"
    assert far.planned["exact"] < far.planned["cheap + correction"]
    off = sample(rule, STRATA, chips(-0.1, COARSE))
    assert off.cheap_passes == 0
    assert list(off.planned) == ["exact"]


def test_the_plan_is_the_closed_form_where_chips_are_many():
    """Far from the limits the best m is sqrt(V c / S), c the price of a chip in passes."""
    rule = TwoStage(half_width=0.001, price_of_chip=100)
    between, within = 0.01**2, 0.04
    split = cheapest(rule, Open(np.array([between]), np.ones(1)), within, 10**6, 0.95)
    assert split.images == pytest.approx(np.sqrt(within * 100 / between), rel=0.2)
    variance = between + within / split.images
    width = stats.t.ppf(0.975, split.chips - 1) * np.sqrt(variance / split.chips)
    assert width == pytest.approx(0.001, rel=0.01)
    assert split.price == pytest.approx(split.chips * (100 + split.images))


def test_what_a_pilot_leaves_open_holds_the_truth():
    """S = V_drawn = 1e-4: the median of the medians of 200 pilots of 5 chips is within 3 times."""
    rng, strata = np.random.default_rng(3), Strata((np.arange(10_000),))
    middles = []
    for _ in range(200):
        chances = np.clip(0.9 + 0.01 * rng.normal(size=5), 0, 1)
        pilot = [[(rng.random(900) < p).astype(float)] for p in chances]
        middles.append(_between(strata, pilot, 0.09).middle)
    assert 1e-4 / 3 < np.median(middles) < 3e-4


def test_chips_are_enough_and_one_less_is_not():
    for variance in (1e-6, 1e-5, 1e-4):
        chips = chips_for(variance, 0.002, 0.95, least=2)
        width = [stats.t.ppf(0.975, n - 1) * np.sqrt(variance / n) for n in (chips - 1, chips)]
        assert width[1] <= 0.002 < width[0]


def test_a_pilot_that_saw_no_error_still_plans_for_one():
    sure = Strata((np.arange(1000),))
    term = plan(TwoStage(), sure, {"exact": [[np.ones(100)] for _ in range(5)]}, 0.95)[0]
    assert term.within > 0
    assert sum(term.images) >= 100
