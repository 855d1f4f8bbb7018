"""A trial holds counts that can be."""

import pytest

from mho.errors import ConfigError
from mho.results import Trial


def test_accuracy_is_the_share_of_right_images():
    assert Trial("t", 0, 1.0, 3, 4).accuracy == 0.75


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"correct": 5}, "got 5 correct of 4"),
        ({"correct": -1}, "got -1 correct of 4"),
        ({"correct": 0, "images": 0}, "images > 0"),
        ({"chip": -1}, "a chip is a seed"),
        ({"chip": 2**63}, "a chip is a seed"),
        ({"t_s": float("nan")}, "must be finite"),
        ({"t_s": -1.0}, "must be finite and >= 0"),
    ],
)
def test_impossible_trials_are_refused(changes, says):
    values = {"task": "t", "chip": 0, "t_s": 1.0, "correct": 3, "images": 4} | changes
    with pytest.raises(ConfigError, match=says):
        Trial(**values)
