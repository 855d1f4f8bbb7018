from __future__ import annotations

import inspect

import pytest

from mho import recover
from mho.errors import ConfigError
from mho.recover import METHODS, Recovery, by_name


def test_every_exported_recovery_is_known_by_its_name() -> None:
    exported = {
        value
        for value in vars(recover).values()
        if inspect.isclass(value) and issubclass(value, Recovery) and not inspect.isabstract(value)
    }
    assert exported == set(METHODS.values())
    assert all(by_name(kind.method) is kind for kind in exported)


NEEDED = {
    "student": {"network": "lenet5"},
    "known-vectors": {"vectors": "some.safetensors", "sha256": 64 * "0"},
}
"""Settings without a default, by method."""


@pytest.mark.parametrize("kind", METHODS.values(), ids=lambda kind: kind.method)
def test_default_settings_are_plain_and_can_be_read_back(kind: type[Recovery]) -> None:
    default = kind(**NEEDED.get(kind.method, {}))
    assert kind.parse(default.settings(), where="round trip").settings() == default.settings()


def test_a_misspelt_method_is_answered() -> None:
    with pytest.raises(
        ConfigError, match=r"study.toml: unknown method 'destill'\. Did you mean 'd"
    ):
        by_name("destill", where="study.toml")
