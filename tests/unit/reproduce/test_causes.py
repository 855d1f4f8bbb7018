"""Pages of reproductions say why a network collapses, and do not diagnose it twice."""

from __future__ import annotations

import json

import pytest
import torch

from mho import zoo
from mho.reproduce import causes as module
from mho.reproduce.causes import causes, causes_table
from mho.reproduce.paper import Diagnosed, list_papers, load_paper, study_file
from mho.study.spec import read_study

STUDY = """
name = "digits"
[data]
name = "mnist-5k"
[network]
name = "lenet5-mnist5k"
[hardware]
device = "charan2020"
mapping = "charan2020-legacy"
[evaluate]
chips = 2
"""


@pytest.fixture
def wanted(tmp_path, monkeypatch):
    file = tmp_path / "digits.toml"
    file.write_text(STUDY)
    monkeypatch.setattr(module, "study_file", lambda paper, study: file)
    return Diagnosed(what="Why", dataset="mnist-5k", study="digits", chips=1, images=40)


def test_every_effect_of_the_authors_rule_stands_alone_in_the_table(wanted, tmp_path):
    found = causes("p", wanted, tmp_path)
    of = found["diagnosis"]
    assert {effect["key"] for effect in of["effects"]} == {
        "mapping", "storage", "levels", "programming"
    }  # fmt: skip
    table = causes_table(found)
    assert f"| none: the digital network | {100 * of['baseline']:.2f} | – |" in table
    assert f"| all together | {100 * of['together']['accuracy']:.2f} | – |" in table
    assert table.count("\n|") == 3 + len(of["effects"]) + 1 + len(of["tried"])


def test_a_diagnosis_is_made_once_for_what_was_asked(wanted, tmp_path, monkeypatch):
    first = causes("p", wanted, tmp_path)
    kept = json.loads((tmp_path / "digits-diagnosis.json").read_text())
    assert kept["found"] == first

    def forbidden(*args, **kwargs):
        raise AssertionError("diagnosed again")

    monkeypatch.setattr(module, "diagnose", forbidden)
    assert causes("p", wanted, tmp_path) == first
    with pytest.raises(AssertionError, match="diagnosed again"):
        causes("p", wanted.model_copy(update={"images": 41}), tmp_path)


def test_another_network_of_the_same_name_is_diagnosed_anew(wanted, tmp_path, monkeypatch):
    """As after weights were trained again and shipped under their old name."""
    causes("p", wanted, tmp_path)

    load = zoo.load

    def changed(name):
        model = load(name)
        with torch.no_grad():
            next(model.parameters()).add_(0.1)
        return model

    monkeypatch.setattr(zoo, "load", changed)
    monkeypatch.setattr(module, "diagnose", None)
    with pytest.raises(TypeError, match="not callable"):
        causes("p", wanted, tmp_path)


@pytest.mark.parametrize("name", list_papers())
def test_diagnoses_are_of_studies_of_the_paper(name):
    for d in load_paper(name).diagnoses:
        assert read_study(study_file(name, d.study)).study.data.name == d.dataset
