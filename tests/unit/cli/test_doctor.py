"""What ``mho doctor`` finds, and that it names what is missing with the line that helps."""

from __future__ import annotations

import importlib.metadata

import pytest

from mho.cli import doctor

REQUIRES = [
    "torch>=2.4",
    "pydantic (>=2.7)",
    "nobody-ships-this>=1 ; extra == 'demo'",
    'pillow>=10; python_version > "3" and extra == "data"',
    "mho[data,demo] ; extra == 'dev'",
]


def test_requirements_are_grouped_by_extra(monkeypatch):
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: REQUIRES)
    found = doctor.requirements()
    assert set(found) == {"", "demo", "data"}
    assert set(found[""]) == {"torch", "pydantic"}
    assert found["demo"] == {"nobody-ships-this": None}
    assert found["data"]["pillow"] == importlib.metadata.version("pillow")


def test_a_missing_extra_names_the_line_that_installs_it(monkeypatch, capsys):
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: REQUIRES)
    doctor.doctor()
    shown = " ".join(capsys.readouterr().out.split())
    assert "nobody-ships-this not installed: pip install 'mho[demo]'" in shown


def test_a_missing_core_package_is_a_failure(monkeypatch, capsys):
    import typer

    monkeypatch.setattr(importlib.metadata, "requires", lambda _: ["nobody-ships-this"])
    with pytest.raises(typer.Exit) as stop:
        doctor.doctor()
    assert stop.value.exit_code == 1
    assert "nobody-ships-this MISSING" in " ".join(capsys.readouterr().out.split())


def test_data_folder(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("MHO_DATA", str(tmp_path / "nowhere"))
    assert doctor.findings()["data_folder"] is None
    doctor.doctor()
    assert "set MHO_DATA" in capsys.readouterr().out
    (tmp_path / "cifar10_exact_subset").mkdir()
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "test-0.parquet").touch()
    monkeypatch.setenv("MHO_DATA", str(tmp_path))
    found = doctor.findings()
    assert (found["data_folder"], found["data_sets"]) == (str(tmp_path), ["mnist"])


def test_memory_is_plausible_or_unknown(monkeypatch):
    memory = doctor.memory_bytes()
    assert memory is None or 2**28 < memory < 2**50
    monkeypatch.delattr("os.sysconf", raising=False)
    assert doctor.memory_bytes() is None
