"""Times as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mho.errors import ConfigError
from mho.units import all_seconds, seconds, time_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10y", 315_360_000), ("1 year", 31_536_000), ("1 month", 2_592_000),
        ("2 weeks", 1_209_600), ("1d", 86_400), ("1.5 h", 5400), ("30 min", 1800),
        ("1e5 s", 1e5), ("7", 7), ("10 ms", 0.01), ("3 µs", 3e-6), (0, 0), (2.5, 2.5),
    ],
)  # fmt: skip
def test_known_times(text, expected):
    assert seconds(text) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("wrong", ["soon", "10 yeers", "-3 s", "", "1 y 2 d", -1.0, float("nan")])
def test_what_is_no_time_is_refused(wrong):
    with pytest.raises(ConfigError, match="time"):
        seconds(wrong)


def test_a_single_time_is_told_to_be_a_list():
    with pytest.raises(ConfigError, match=r"write \['10y'\] instead of '10y'"):
        all_seconds("10y")


@given(st.floats(1e-9, 1e10))
def test_text_says_the_time_to_three_digits(t_s):
    assert seconds(time_text(t_s)) == pytest.approx(t_s, rel=6e-3)


@pytest.mark.parametrize(
    "text", ["0 s", "1 s", "1 min", "1 h", "1 d", "1 week", "1 month", "1 y", "10 y"]
)
def test_round_times_read_as_written(text):
    assert time_text(seconds(text)) == text
