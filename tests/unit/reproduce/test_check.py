"""Checks of reported results: fresh chips inside their intervals, and figures that are not."""

import json
import math
from pathlib import Path

import pytest

import mho
from mho.reproduce import check as checking
from mho.reproduce.check import checked, outside, reference
from mho.reproduce.paper import list_papers, load_paper, reference_file, study_file
from mho.reproduce.vectors import Shipped
from mho.study.spec import AS_IS, read_study

FIGURE = {
    "what": "mean", "study": "s", "step": "mended", "t_s": 0.0, "quantity": "mean",
    "mean": 0.95, "worst": 0.93, "sd": 0.01, "chips": 20, "images": 1000,
}  # fmt: skip


def fresh(mean, worst=0.94, images=1000):
    at = {"t_s": 0.0, "mean": mean, "worst": worst, "chips": 5}
    return {"steps": [{"name": "mended", "times": [at]}], "data": {"images": images}}


def test_a_mean_by_hand():
    """t(19) at 99.9 % is 3.883: ± 3.883 × 0.01 × √(1/20 + 1/5), and half a per mille."""
    found = checked(FIGURE, fresh(0.951), share=0.001)
    half = 3.8834 * 0.01 * math.sqrt(1 / 20 + 1 / 5) + 5e-4
    assert found.high - 0.95 == pytest.approx(half, rel=1e-3)
    assert 0.95 - found.low == pytest.approx(half, rel=1e-3)
    assert found.inside
    assert not checked(FIGURE, fresh(0.92), share=0.001).inside
    assert not checked(FIGURE, fresh(0.98), share=0.001).inside


def test_the_worst_chip_has_a_lower_bound_alone():
    figure = {**FIGURE, "quantity": "worst"}
    assert checked(figure, fresh(0.95, worst=0.925), share=0.001).inside
    assert checked(figure, fresh(0.99, worst=0.99), share=0.001).inside
    assert not checked(figure, fresh(0.95, worst=0.85), share=0.001).inside


def test_fewer_images_widen_the_interval():
    """100 of 1,000 images: √(0.9 × 0.95 × 0.05 / 100) is 2 points more of uncertainty."""
    few = checked(FIGURE, fresh(0.95, images=100), share=0.001)
    spread = math.sqrt(0.01**2 * 0.25 + 0.9 * 0.95 * 0.05 / 100)
    assert few.high - 0.95 == pytest.approx(min(3.8834 * spread + 5e-4, 0.05), rel=1e-3)


def test_sound_software_passes():
    """2,000 checks of normal chips at a share of 1 %: 20 fail on average, sd 4.4."""
    import numpy as np

    rng = np.random.default_rng(0)
    fails = 0
    for _ in range(2000):
        told, new = rng.normal(0.9, 0.01, 20), rng.normal(0.9, 0.01, 5)
        figure = {**FIGURE, "mean": told.mean(), "sd": told.std(ddof=1)}
        fails += not checked(figure, fresh(new.mean()), share=0.01).inside
    assert fails <= 20 + 5 * 4.5  # half a per mille for sums of floats lets fewer fail


def test_figures_outside_are_named():
    [sentence] = outside([checked(FIGURE, fresh(0.8), share=0.001)])
    assert sentence.startswith("mean (mended, mean): 80.00% on fresh chips, outside")


RESULTS = {
    "paper": "charan2020",
    "figures": [
        {"what": "a", "study": "s", "step": AS_IS, "t_s": 0.0, "quantity": "drop_pp"},
        {"what": "b", "study": "s", "step": AS_IS, "t_s": 0.0, "quantity": "accuracy"},
        {"what": "c", "study": "s", "step": AS_IS, "t_s": 0.0, "quantity": "worst_drop_pp"},
        {"what": "d", "study": "s", "step": AS_IS, "t_s": 0.0, "quantity": "area_share"},
    ],
    "studies": {"s": {
        "data": {"images": 500},
        "steps": [{"name": AS_IS, "times": [
            {"t_s": 0.0, "mean": 0.9, "worst": 0.8, "sd": 0.02, "chips": 20},
        ]}],
    }},
}  # fmt: skip


def test_a_reference_holds_each_accuracy_once():
    figures = reference(RESULTS)["figures"]
    assert [(f["what"], f["quantity"]) for f in figures] == [("a", "mean"), ("c", "worst")]
    assert figures[0]["sd"] == 0.02
    assert figures[0]["images"] == 500


PAGES = Path(__file__).parents[3] / "docs" / "results"


@pytest.mark.parametrize("name", [n for n in list_papers() if reference_file(n).is_file()])
def test_every_reported_figure_is_one_of_a_study(name):
    """The reference is made by scripts/keep_reference.py from the results in docs/results."""
    told = json.loads((PAGES / f"{name}.json").read_text())
    assert json.loads(reference_file(name).read_text()) == reference(told)
    for figure in json.loads(reference_file(name).read_text())["figures"]:
        study = read_study(study_file(name, figure["study"])).study
        assert figure["step"] in {AS_IS, *(step.name for step in study.recover)}


def test_five_fresh_chips_are_run_of_the_papers_own_study(tmp_path, monkeypatch):
    seen = []

    def run(path, out, *, progress):
        study = read_study(path).study
        seen.append(study)
        at = {"t_s": 0.0, "mean": 0.95, "worst": 0.94, "chips": study.evaluate.chips}
        return {"steps": [{"name": "as it is", "times": [at]}], "data": {"images": 10_000}}

    figure = {**FIGURE, "study": "mnist-legacy", "step": "as it is", "images": 10_000}
    path = tmp_path / "reference.json"
    path.write_text(json.dumps({"figures": [figure, {**figure, "quantity": "worst"}]}))
    monkeypatch.setattr(checking, "reference_file", lambda name: path)
    monkeypatch.setattr(checking, "run_study", run)
    found = checking.check("charan2020", seed=77, progress=False)
    assert [c.quantity for c in found] == ["mean", "worst"]
    assert all(c.inside for c in found)
    [study] = seen
    original = read_study(study_file("charan2020", "mnist-legacy")).study
    assert (study.evaluate.chips, study.evaluate.seed) == (5, 77)
    assert study.hardware == original.hardware
    assert study.network == original.network


def test_nothing_reported_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(checking, "reference_file", lambda name: tmp_path / "none.json")
    with pytest.raises(mho.MhoError, match="nothing was reported"):
        checking.check("charan2020", progress=False)
    with pytest.raises(mho.MhoError, match="Did you mean 'mnist'"):
        checking.check("charan2020", dataset="minst", progress=False)
    assert load_paper("charan2020").datasets


def test_shipped_vectors_take_the_place_of_their_training(tmp_path, monkeypatch):
    """A step that trains is left out with all that follows it, unless its vectors are shipped."""
    name = "lenet5-single-device"
    steps = ["as it is", "drift scale", "VeRA+ random r = 1", "VeRA+ physical r = 1"]
    told = [{**FIGURE, "study": name, "step": step, "t_s": 1.0} for step in steps]
    path = tmp_path / "reference.json"
    path.write_text(json.dumps({"figures": told}))
    kept = {name: {steps[3]: Shipped(tmp_path / "v.safetensors", "a" * 64)}}
    monkeypatch.setattr(checking, "reference_file", lambda paper: path)
    monkeypatch.setattr(checking, "shipped_vectors", lambda paper: kept)
    seen = []

    def run(path, out, *, progress):
        seen.append(read_study(path).study)
        at = {"t_s": 1.0, "mean": 0.95, "worst": 0.94, "chips": 5}
        steps = [{"name": step.name, "times": [at]} for step in seen[-1].recover]
        return {"steps": [{"name": AS_IS, "times": [at]}, *steps], "data": {"images": 1000}}

    monkeypatch.setattr(checking, "run_study", run)
    found = checking.check("veraplus", studies=[name], progress=False)
    assert [c.step for c in found] == [steps[0], steps[1], steps[3]]
    [study] = seen
    assert [step.method for step in study.recover] == ["drift-scale", "known-vectors"]
    assert study.recover[1].settings["sha256"] == "a" * 64
    assert study.evaluate.times == (1.0,)
    with pytest.raises(mho.MhoError, match="Did you mean 'lenet5-single-device'"):
        checking.check("veraplus", studies=["lenet5-single-devise"], progress=False)


def test_a_network_that_is_not_here_is_said(tmp_path, monkeypatch):
    path = tmp_path / "reference.json"
    path.write_text(json.dumps({"figures": [{**FIGURE, "study": "lenet5-single-device"}]}))
    monkeypatch.setattr(checking, "reference_file", lambda paper: path)
    assert checking.left_out("veraplus") == []
    monkeypatch.setattr(checking, "missing_networks", lambda paper, studies: ["some-net"])
    [sentence] = checking.left_out("veraplus")
    assert "train it with: mho train some-net" in sentence
    with pytest.raises(mho.MhoError, match="nothing was reported"):
        checking.check("veraplus", progress=False)


@pytest.mark.parametrize("name", list_papers())
def test_what_a_check_leaves_out_is_a_study_of_the_paper(name):
    paper = load_paper(name)
    left_out = set(paper.check_leaves_out)
    assert left_out <= {e.study for e in paper.expect}
    checked_studies = {figure["study"] for figure in checking._checkable(name)}
    assert not checked_studies & left_out


def test_results_do_not_pass_for_data_of_the_same_name(tmp_path, monkeypatch):
    """Data sets are looked for beside the study first, and studies may be named like them."""
    seen = []
    monkeypatch.setattr(checking, "run_study", lambda path, out, progress: seen.append((path, out)))
    figure = {"study": "mnist", "step": AS_IS, "t_s": 0.0}
    paper = load_paper("charan2020")
    checking._fresh(paper, "charan2020", [figure], 1, tmp_path, lambda *_: None)
    [(path, out)] = seen
    assert read_study(path).study.data.name == "mnist"
    assert not out.is_relative_to(path.parent / "mnist")
