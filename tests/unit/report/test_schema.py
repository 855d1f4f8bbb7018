"""Reading results: what is optional, what is refused, and in which words."""

from __future__ import annotations

import math

import pytest

from mho.errors import ConfigError
from mho.report.schema import parse_results

BASE = {"format": 1, "baseline": {"accuracy": 0.9}}


def with_times(*times):
    return {**BASE, "steps": [{"name": "a", "times": list(times)}]}


def test_everything_but_the_baseline_is_optional():
    assert parse_results(BASE).steps == ()


def test_nan_and_null_are_not_known():
    moment = {"t_s": 1, "mean": 0.5, "ci_low": math.nan, "sd": None, "yield": None}
    found = parse_results(with_times(moment)).steps[0].times[0]
    assert (found.ci_low, found.sd, found.yield_) == (None, None, None)


def test_null_parts_are_read_as_absent():
    found = parse_results({**BASE, "target": None, "steps": [{"name": "a", "schedule": None}]})
    assert found.target.lifetime_s is None
    assert found.steps[0].schedule == ()


def test_keys_of_later_versions_are_passed_over():
    assert parse_results({**BASE, "novelty": {"a": 1}}).baseline.accuracy == 0.9


def test_times_come_in_order():
    found = parse_results(with_times({"t_s": 9, "mean": 0.5}, {"t_s": 1, "mean": 0.6}))
    assert [m.t_s for m in found.steps[0].times] == [1, 9]


@pytest.mark.parametrize(
    ("results", "words"),
    [
        ({}, "no 'format' number"),
        ([1, 2], "not a results file"),
        ({"format": True}, "not a results file"),
        ({"format": 2, "baseline": {"accuracy": 1}}, "install a newer mho"),
        ({"format": 0, "baseline": {"accuracy": 1}}, "run the study again"),
        ({"format": 1}, "'baseline' is missing"),
        ({"format": 1, "baseline": {"accuracy": "much"}}, "'baseline.accuracy'"),
        ({"format": 1, "baseline": {"accuracy": 97.0}}, "less than or equal to 1; got 97"),
        ({**BASE, "steps": 3}, "'steps'"),
        (with_times({"t_s": -1, "mean": 0.5}), "'steps.0.times.0.t_s'"),
        (with_times({"t_s": 1, "mean": 0.5}, {"t_s": 1, "mean": 0.6}), "two results for one time"),
    ],
)
def test_what_is_wrong_is_named_in_one_sentence(results, words):
    with pytest.raises(ConfigError, match="^r.json: ") as caught:
        parse_results(results, where="r.json")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_measured_range_comes_from_the_card_or_from_the_marks():
    times = [
        {"t_s": 100.0, "mean": 0.5, "extrapolated": False},
        {"t_s": 10_000.0, "mean": 0.5, "extrapolated": True},
    ]
    marked = with_times(*times)
    assert parse_results(marked).measured_to_s == pytest.approx(1000.0)
    stated = {**marked, "hardware": {"device": {"valid": {"measured_t_s": [1, 700]}}}}
    assert parse_results(stated).measured_to_s == 700.0
    assert parse_results(with_times(times[0])).measured_to_s is None
    assert parse_results(with_times(times[1])).measured_to_s == 0.0
