"""Every example in a docstring runs and shows what it says, module by module."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import mho

MODULES = sorted(m.name for m in pkgutil.walk_packages(mho.__path__, "mho."))


@pytest.mark.parametrize("module", MODULES)
def test_examples(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(
        importlib.import_module(module),
        optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE,
    )
    assert result.failed == 0
