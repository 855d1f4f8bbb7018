"""Ids do not depend on the order in which things are written down."""

import hashlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mho.results import canonical_json, digest

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


def reordered(value):
    if isinstance(value, dict):
        return {k: reordered(v) for k, v in reversed(list(value.items()))}
    return [reordered(v) for v in value] if isinstance(value, list) else value


@given(PLAIN)
def test_key_order_does_not_matter(value):
    assert digest(value) == digest(reordered(value))


def test_known_value():
    text = '{"a":[1,null,true],"µ":0.1}'
    assert canonical_json({"µ": 0.1, "a": [1, None, True]}) == text
    assert digest({"µ": 0.1, "a": [1, None, True]}) == hashlib.sha256(text.encode()).hexdigest()


def test_neighbouring_floats_differ():
    assert digest(0.1) != digest(math.nextafter(0.1, 1))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_a_number_has_no_id(bad):
    with pytest.raises(ValueError, match="JSON"):
        digest({"x": bad})
