"""``mho reproduce --check``: yes or no, and which figure."""

from __future__ import annotations

import json

import pytest

from mho.cli.main import main
from mho.cli.reproduce import _shown
from mho.reproduce import check as checking
from mho.reproduce.check import Checked


def one(measured):
    return Checked("digits", "s", "adapted", 0.0, "mean", 0.99, 0.98, 1.0, measured,
                   0.98 <= measured <= 1.0)  # fmt: skip


@pytest.mark.parametrize(("measured", "code"), [(0.985, 0), (0.9, 1)])
def test_a_figure_outside_is_named_and_ends_in_1(measured, code, tmp_path, monkeypatch, capsys):
    seen = {}

    def check(paper, *, dataset, studies, seed):
        seen.update(paper=paper, dataset=dataset, studies=studies, seed=seed)
        return [one(0.99), one(measured)]

    monkeypatch.setattr(checking, "check", check)
    monkeypatch.setattr(checking, "left_out", lambda name: [f"{name}: b was not checked"])
    file = tmp_path / "check.json"
    words = [
        "reproduce",
        "charan2020",
        "--check",
        "--seed",
        "7",
        "--study",
        "a",
        "--json",
        str(file),
    ]
    assert main(words) == code
    assert seen == {"paper": "charan2020", "dataset": None, "studies": ["a"], "seed": 7}
    shown = capsys.readouterr().out
    assert "charan2020: b was not checked" in shown
    assert ("digits (adapted, mean): 90.00% on fresh chips" in shown) == (code == 1)
    found = json.loads(file.read_text())
    assert len(found["figures"]) == 2
    assert len(found["outside"]) == code


@pytest.mark.parametrize(
    ("quantity", "shown"),
    [
        ("kept", "99.50 %"), ("drop_pp", "0.99 pp"), ("fit_minutes", "1.0 min"), ("sets", "1"),
        ("storage_bytes", "1 B"), ("speed_least", "1 ×"),
    ],
)  # fmt: skip
def test_figures_are_shown_in_their_unit(quantity, shown):
    assert _shown({"quantity": quantity}, 0.995) == shown
    assert _shown({"quantity": quantity}, None) is None


@pytest.mark.parametrize("words", [["--study", "lenet"], ["--finished"]])
def test_what_is_not_there_is_said(words, tmp_path, capsys):
    assert main(["reproduce", "veraplus", *words, "-o", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert len(told.splitlines()) == 1
