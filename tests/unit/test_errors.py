"""Errors that help."""

import pytest

from mho import errors


def test_all_errors_have_one_root():
    found = [c for c in vars(errors).values() if isinstance(c, type)]
    classes = [c for c in found if c.__module__ == "mho.errors"]
    assert all(issubclass(c, errors.MhoError) for c in classes)
    assert len(classes) > 7


@pytest.mark.parametrize(
    ("name", "expected"),
    [("programing", "programming"), ("DRIFT", "drift"), ("falcone", "falcone2025"), ("zzz", None)],
)
def test_the_nearest_name(name, expected):
    assert errors.nearest(name, ["programming", "drift", "falcone2025"]) == expected


def test_an_unknown_name_is_answered_with_place_hint_and_what_is_known():
    message = str(errors.unknown("key", "driift", ["drift", "levels"], where="card my.toml"))
    assert message == (
        "card my.toml: unknown key 'driift'. Did you mean 'drift'? Known: drift, levels."
    )
    assert "Did you mean" not in str(errors.unknown("key", "qqq", ["drift"]))
