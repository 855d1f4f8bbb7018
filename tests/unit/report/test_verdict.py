"""The verdict on synthetic studies whose right answer is known."""

from __future__ import annotations

import pytest

from mho.errors import ConfigError
from mho.report.schema import parse_results
from mho.report.verdict import chips_at, judge, verdict

TEN_YEARS = 315_360_000.0


def study(*steps, drop=1.0, life=TEN_YEARS, yield_share=0.9, baseline=0.976):
    return {
        "format": 1,
        "baseline": {"accuracy": baseline, "images": 1000},
        "network": {"name": "LeNet-5", "macs": 1000},
        "target": {"accuracy_drop_pp": drop, "lifetime_s": life, "yield": yield_share},
        "steps": list(steps),
    }


def step(name, accuracies, *, method="distill", half=0.001, t_s=(1.0, TEN_YEARS), **more):
    """A step with the same accuracies at every time."""
    mean = sum(accuracies) / len(accuracies)
    times = [
        {"t_s": t, "mean": mean, "ci_low": mean - half, "ci_high": mean + half, "q05": mean,
         "worst": min(accuracies), "chips": len(accuracies), "accuracies": list(accuracies)}
        for t in t_s
    ]  # fmt: skip
    composed = [] if method == "nothing" else [method]
    return {"name": name, "method": method, "composed": composed, "times": times, **more}


AS_IS = step("as it is", [0.7] * 20, method="nothing")


def priced(name, accuracy, area, **more):
    return step(name, [accuracy] * 20, cost={"area_share": area}, **more)


def test_the_example_is_judged_in_words(example):
    said = verdict(example)
    assert said.startswith("Mapped as it is, LeNet-5 falls from 97.6 % to")
    assert "distilled + sparse adaptation + VeRA+ holds it at 97.2 %" in said
    assert "within 1 point on all 20 chips, for 8.7 % more area" in said
    assert "Beyond 1 week the device law is continued" in said


def test_the_cheapest_of_those_that_meet_is_chosen_not_the_best():
    found = judge(
        parse_results(
            study(AS_IS, priced("dear", 0.976, 0.09), priced("cheap", 0.970, 0.02),
                  priced("free but bad", 0.95, 0.0))
        )
    )  # fmt: skip
    assert found.chosen.step.name == "cheap"
    assert found.best.step.name == "dear"
    assert found.chosen_by == "added area"
    assert "the cheapest recovery tried that meets the target" in found.headline


def test_the_only_one_that_meets_is_not_called_the_cheapest():
    found = judge(parse_results(study(AS_IS, priced("a", 0.976, 0.09), priced("b", 0.9, 0.0))))
    assert "the only recovery tried that meets the target" in found.headline
    assert not found.rivals


def test_without_areas_the_smaller_memory_wins():
    small = step("small", [0.97] * 20, adds={"sram_bits": 100, "rom_bits": 0})
    large = step("large", [0.975] * 20, adds={"sram_bits": 900, "rom_bits": 0})
    found = judge(parse_results(study(AS_IS, large, small)))
    assert found.chosen.step.name == "small"
    assert found.chosen_by == "bits of SRAM"


def test_a_network_that_needs_nothing_is_told_so():
    fine = step("as it is", [0.97] * 20, method="nothing")
    said = verdict(study(fine, priced("dear", 0.976, 0.09)))
    assert said.startswith("LeNet-5 needs no recovery on these devices")


def test_the_mean_may_meet_the_target_and_the_yield_not():
    chips = [0.976] * 17 + [0.960] * 3
    found = judge(parse_results(study(AS_IS, step("uneven", chips), yield_share=0.9)))
    assert found.chosen is None
    assert "with 17 of 20 chips there" in found.headline
    assert judge(parse_results(study(AS_IS, step("uneven", chips), yield_share=0.85))).chosen


def test_every_time_up_to_the_lifetime_counts_and_none_after():
    dip = step("dip", [0.976] * 20, t_s=(1.0, 3600.0, TEN_YEARS))
    dip["times"][1].update(mean=0.9, accuracies=[0.9] * 20)
    assert judge(parse_results(study(AS_IS, dip))).chosen is None
    assert judge(parse_results(study(AS_IS, dip, life=1.0))).chosen.step.name == "dip"


def test_an_accuracy_exactly_at_the_floor_is_enough():
    # 0.976 - 1 / 100 is 0.966 only up to rounding
    found = judge(parse_results(study(AS_IS, step("edge", [0.966] * 20))))
    assert found.chosen.step.name == "edge"
    assert chips_at(found.chosen.end, found.floor) == (20, 20)


def test_a_study_that_ends_early_promises_nothing():
    said = verdict(study(step("a", [0.976] * 20, t_s=(1.0, 86_400.0))))
    assert said.startswith("It is not known what keeps LeNet-5 within 1 point")
    assert "the results end after 1 day" in said


def test_a_study_without_a_recovery_says_that_none_was_tried():
    chips = [0.7] * 18 + [0.97] * 2
    said = verdict(study(step("as it is", chips, method="nothing")))
    assert said.startswith(
        "Mapped as it is, LeNet-5 falls from 97.6 % to 72.7 % after 10 years with 2 of 20 chips "
        "within 1 point; no recovery was tried."
    )


def test_no_target_is_said():
    said = verdict({**study(AS_IS, priced("a", 0.97, 0.1)), "target": None})
    assert "a does best of what was tried, with 97.0 %" in said
    assert "No target was set" in said


def test_few_chips_cannot_prove_a_yield():
    # Clopper-Pearson: 20 of 20 leaves 83.2 %, 60 of 60 leaves 94.0 %
    few = judge(parse_results(study(AS_IS, step("a", [0.97] * 20))))
    many = judge(parse_results(study(AS_IS, step("a", [0.97] * 60))))
    assert not few.chosen.certain
    assert "so few chips cannot prove a yield of 90 %" in few.text
    assert many.chosen.certain
    assert "Not beyond doubt" not in many.text


def test_an_interval_below_the_floor_is_said():
    found = judge(parse_results(study(AS_IS, step("a", [0.9665] * 60, half=0.002))))
    assert "the interval of the mean reaches below 96.6 %" in found.text


def test_an_unknown_yield_is_said():
    bare = step("a", [0.97] * 20)
    for moment in bare["times"]:
        del moment["accuracies"]
    found = judge(parse_results(study(AS_IS, bare)))
    assert found.chosen.step.name == "a"
    assert "neither is the yield" in found.text


def test_a_stated_yield_stands_in_for_single_chips():
    bare = step("a", [0.97] * 20)
    for moment in bare["times"]:
        del moment["accuracies"]
        moment["yield"] = {"target": 0.966, "share": 0.5, "ci_low": 0.3, "ci_high": 0.7}
    assert judge(parse_results(study(AS_IS, bare))).chosen is None


def test_one_chip_has_no_interval():
    one = step("a", [0.97])
    for moment in one["times"]:
        moment.update(ci_low=None, ci_high=None)
    assert "rests on 1 chip, too few for an interval" in verdict(study(AS_IS, one))


def test_a_plus_sign_means_on_top_of_the_step_before():
    first = priced("distilled", 0.90, 0.0)
    second = priced("+ VeRA+", 0.975, 0.01, after="distilled")
    second["paired"] = [{"t_s": 1.0, "against": "distilled", "mean": 0.07}]
    results = parse_results(study(AS_IS, first, second))
    assert results.steps[2].name == "distilled + VeRA+"
    assert results.steps[2].paired[0].against == "distilled"
    assert "distilled + VeRA+ holds it" in judge(results).headline


def test_steps_without_results_are_passed_over():
    assert verdict(study({"name": "a", "times": []})).startswith("No method was evaluated yet")


@pytest.mark.parametrize("end", [0.9761, 0.99])
def test_a_network_that_does_not_fall_is_not_said_to(end):
    found = verdict({**study(step("as it is", [end] * 5, method="nothing")), "target": None})
    assert "falls" not in found


def test_results_of_another_kind_are_refused():
    with pytest.raises(ConfigError, match="not a results file of mho"):
        verdict({"accuracy": 1})
