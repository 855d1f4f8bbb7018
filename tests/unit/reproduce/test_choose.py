"""Parts of a reproduction: single studies, what is finished, networks that are not shipped."""

from __future__ import annotations

import json

import pytest

import mho
from mho import zoo
from mho.reproduce import networks
from mho.reproduce import run as runner
from mho.reproduce.choose import choose, is_finished, studies_of
from mho.reproduce.paper import load_paper, study_file
from mho.study.plan import key_of, plan
from mho.study.spec import read_study

STUDY = "lenet5-single-device"


def finish(folder, study, **figures):
    known = key_of(plan(read_study(study_file("veraplus", study))))
    (folder / study).mkdir(exist_ok=True)
    (folder / study / "results.json").write_text(json.dumps({"plan": known, **figures}))


def test_single_studies():
    paper = load_paper("veraplus")
    chosen = choose(paper, "veraplus", studies=[STUDY])
    assert studies_of(chosen) == (STUDY,)
    assert chosen.expect == tuple(e for e in paper.expect if e.study == STUDY)
    both = choose(paper, "veraplus", studies=[STUDY, "severity"])
    assert studies_of(both) == (STUDY, "severity")
    assert studies_of(choose(paper, "veraplus")) == studies_of(paper)
    with pytest.raises(mho.MhoError, match="Did you mean 'severity'"):
        choose(paper, "veraplus", studies=["severety"])


def test_results_of_former_weights_are_not_finished(tmp_path, monkeypatch):
    """A study's file may be as it was, and the network that it names another one."""
    finish(tmp_path, STUDY)
    finish(tmp_path, "together-single-device")
    assert is_finished("veraplus", "together-single-device", tmp_path)
    card = zoo.card

    def trained_anew(name):
        student = name == "lenet5-charan2020-plain"
        return card(name).model_copy(update={"sha256": "0" * 64} if student else {})

    monkeypatch.setattr(zoo, "card", trained_anew)
    assert not is_finished("veraplus", "together-single-device", tmp_path)
    assert is_finished("veraplus", STUDY, tmp_path)


def test_what_is_finished(tmp_path):
    """A study counts once its results are there, and as long as its file is what was run."""
    paper = load_paper("veraplus")
    with pytest.raises(mho.MhoError, match="no study of those asked for is finished"):
        choose(paper, "veraplus", finished_in=tmp_path)
    finish(tmp_path, STUDY)
    finish(tmp_path, "severity")
    assert studies_of(choose(paper, "veraplus", finished_in=tmp_path)) == (STUDY, "severity")
    # A run of the edited study has begun: its file is there, the results are still the old ones.
    results = tmp_path / "severity" / "results.json"
    results.write_text(json.dumps({"plan": "that of before it was edited"}))
    (tmp_path / "severity" / "study.toml").write_text(
        study_file("veraplus", "severity").read_text()
    )
    assert not is_finished("veraplus", "severity", tmp_path)
    assert studies_of(choose(paper, "veraplus", finished_in=tmp_path)) == (STUDY,)
    compared = next(e for e in paper.expect if e.against_study not in ("", e.study))
    finish(tmp_path, compared.study)
    assert compared not in choose(paper, "veraplus", finished_in=tmp_path).expect
    finish(tmp_path, compared.against_study)
    assert compared in choose(paper, "veraplus", finished_in=tmp_path).expect
    # A wrong clock and causes are found again only where they were worked out.
    assert not choose(paper, "veraplus", finished_in=tmp_path).robust


def test_a_page_of_what_is_finished_runs_nothing(tmp_path, monkeypatch):
    at = {"t_s": 1.0, "label": "1 s", "mean": 0.9, "ci_low": 0.9, "ci_high": 0.9, "worst": 0.8,
          "chips": 20}  # fmt: skip
    steps = ["as it is", *(s.name for s in runner_steps(STUDY))]
    figures = {
        "baseline": {"accuracy": 0.99}, "network": {"macs": 1000}, "verdict": "It holds.",
        "data": {"name": "mnist", "images": 100, "note": ""}, "seeds": {"chips": [0, 19]},
        "hardware": {"device": {"name": "d"}, "mapping": "m"}, "versions": {"torch": "2"},
        "steps": [{"name": step, "knows": {}, "times": [at], "schedule": [1], "seconds": 60.0,
                   "adds": {"rom_bits": 8, "macs_per_inference": 1}} for step in steps],
    }  # fmt: skip
    finish(tmp_path, STUDY, **figures)
    monkeypatch.setattr(runner, "run_study", None)
    monkeypatch.setattr(runner, "train_missing", None)
    found = runner.reproduce("veraplus", finished=True, out=tmp_path)
    assert set(found["studies"]) == {STUDY}
    assert "resnet20-single-device" in found["facts"]["studies left out"]
    assert "studies left out" in (tmp_path / "veraplus.md").read_text()


def runner_steps(study):
    from mho.study.spec import read_study

    return read_study(study_file("veraplus", study)).study.recover


def test_networks_that_are_not_shipped_are_trained_once(tmp_path, monkeypatch):
    trained = []

    def train(recipe, folder, *, progress):
        trained.append(recipe.name)
        folder.mkdir(parents=True)
        (folder / f"{recipe.name}.json").write_text("{}")

    text = (tmp_path / "s.toml", study_file("veraplus", STUDY).read_text())
    text[0].write_text(text[1].replace('name = "lenet5"', 'name = "minilm-sst5"'))
    monkeypatch.setenv("MHO_NETWORKS", str(tmp_path / "networks"))
    monkeypatch.setattr(networks, "study_file", lambda paper, study: text[0])
    monkeypatch.setattr(networks, "train_and_publish", train)
    assert networks.missing_networks("veraplus", ["s"]) == ["minilm-sst5"]
    for _ in range(2):
        networks.train_missing("veraplus", ["s"], progress=False)
    assert trained == ["minilm-sst5"]
