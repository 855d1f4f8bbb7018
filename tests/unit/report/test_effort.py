"""What certainty took is said in the report, and nothing where it is not known."""

from mho.report.schema import parse_results
from mho.report.sections import effort


def results(**passes):
    return parse_results({"format": 1, "baseline": {"accuracy": 0.9}, **passes})


def test_what_was_spent_and_what_a_naive_run_needs():
    text = effort(results(passes={"spent": 1200, "naive": 9033}))
    assert text.startswith("These figures rest on 1\u202f200 forward passes")
    assert "needed at least 9\u202f000" in text


def test_nothing_is_claimed_without_a_gain_or_without_figures():
    assert "naive" not in effort(results(passes={"spent": 1200, "naive": 1200}))
    assert effort(results()) == ""
