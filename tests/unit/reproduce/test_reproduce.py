"""Reproductions: every expectation finds its figure, and the page shows both."""

import tomllib
from xml.etree import ElementTree

import pytest

import mho
from mho.reproduce import run as runner
from mho.reproduce.compare import compare
from mho.reproduce.curves import curve, curve_table
from mho.reproduce.paper import Curve, Expectation, list_papers, load_paper, study_file
from mho.reproduce.picture import curve_picture, panels
from mho.study.spec import AS_IS, read_study


def at(t_s, label, mean, worst):
    low, high = mean - 0.01, mean + 0.01
    return {"t_s": t_s, "label": label, "mean": mean, "ci_low": low, "ci_high": high,
            "worst": worst, "chips": 20}  # fmt: skip


COST = {"sram_bits": 0, "rom_bits": 80, "data_bits": 0, "extra_macs_share": 0.019,
        "area_share": 0.01, "rram_writes": 0}  # fmt: skip

FIGURES = {
    "baseline": {"accuracy": 0.99, "images": 100},
    "network": {"macs": 1000},
    "data": {"name": "mnist", "images": 100, "note": "original pixels"},
    "hardware": {"device": {"name": "d"}, "mapping": {"law": "single-device", "scale": "layer"}},
    "verdict": "It holds.",
    "seeds": {"chips": [0, 19], "training": 0},
    "versions": {"torch": "2"},
    "steps": [
        {"name": AS_IS, "knows": {"labels": False}, "times": [at(1, "1 s", 0.9, 0.8),
                                                              at(10, "10 s", 0.5, 0.3)]},
        {"name": "mended", "knows": {"labels": True, "true_time": True},
         "times": [at(1, "1 s", 0.985, 0.97), at(10, "10 s", 0.98, 0.95)],
         "schedule": [{"set": 0}, {"set": 1}], "least_sets": 2, "least_sets_confidence": 0.9987,
         "seconds": 90.0, "cost": {**COST, "energy_share": 0.02},
         "adds": {"rom_bits": 80, "sram_bits": 0, "data_bits": 0, "macs_per_inference": 19}},
        {"name": "calibrated", "knows": {}, "times": [at(1, "1 s", 0.9, 0.8)] * 2,
         "adds": {"rom_bits": 0, "sram_bits": 80, "data_bits": 7920}},
    ],
}  # fmt: skip


def expected(**changes):
    values = {"what": "x", "dataset": "mnist", "study": "s", "quantity": "accuracy", **changes}
    return Expectation.parse(values, where="test")


@pytest.mark.parametrize(
    ("quantity", "step", "time", "value"),
    [
        ("accuracy", AS_IS, None, 0.5),
        ("accuracy", AS_IS, "1 s", 0.9),
        ("worst", "mended", None, 0.95),
        ("drop_pp", "mended", 1, 0.5),
        ("worst_drop_pp", "mended", 1, 2.0),
        ("kept", "mended", None, 0.98 / 0.9),
        ("worst_kept", "mended", None, 0.95 / 0.9),
        ("kept_own", "mended", None, 0.98 / 0.985),
        ("worst_kept_own", "mended", None, 0.95 / 0.985),
        ("sets", "mended", None, 2),
        ("least_sets", "mended", None, 2),
        ("energy_share", "mended", None, 0.02),
        ("fit_minutes", "mended", None, 1.5),
        ("storage_bytes", "mended", None, 10),
        ("extra_operations", "mended", None, 0.019),
    ],
)
def test_quantities_by_hand(quantity, step, time, value):
    found = compare(expected(quantity=quantity, step=step, time=time), FIGURES)
    assert found.measured == pytest.approx(value)
    if found.ci_low is not None:
        assert found.ci_low < found.measured < found.ci_high


def test_storage_is_held_against_that_of_another_step_data_included():
    ratio = expected(quantity="storage_ratio", step="mended", against="calibrated")
    assert compare(ratio, FIGURES).measured == 100
    bare = {"steps": [{"name": "calibrated", "adds": {"rom_bits": 8, "sram_bits": 0,
                                                      "data_bits": 0}}]}  # fmt: skip
    assert compare(ratio, FIGURES, bare).measured == 0.1
    with pytest.raises(mho.MhoError, match="against names the other step of a storage_ratio"):
        expected(quantity="storage_ratio", step="mended")


def test_the_fewest_sets_say_how_sure_they_are():
    found = compare(expected(quantity="least_sets", step="mended"), FIGURES)
    assert found.note == "With a confidence of 99.87 %."
    with pytest.raises(mho.MhoError, match="'least_sets' was not worked out"):
        compare(expected(quantity="least_sets", step="calibrated"), FIGURES)


@pytest.mark.parametrize(
    ("bound", "met"),
    [
        ({"at_least": 0.97}, True),
        ({"at_least": 0.99}, False),
        ({"at_most": 0.5}, False),
        ({}, None),
    ],
)
def test_targets_are_met_or_not(bound, met):
    assert compare(expected(step="mended", **bound), FIGURES).met is met


def test_a_missing_step_or_time_is_named():
    with pytest.raises(mho.MhoError, match="has no step 'mendd'; it has as it is, mended"):
        compare(expected(step="mendd"), FIGURES)
    with pytest.raises(mho.MhoError, match="was not evaluated at 5 s"):
        compare(expected(time=5), FIGURES)


@pytest.mark.parametrize("name", list_papers())
def test_every_expectation_points_at_a_step_of_a_sound_study(name):
    for e in load_paper(name).expect:
        study = read_study(study_file(name, e.study)).study
        assert e.step in {AS_IS, *(step.name for step in study.recover)}
        assert study.data.name == e.dataset
        if e.against:
            other = read_study(study_file(name, e.against_study or e.study)).study
            assert e.against in {step.name for step in other.recover}
        if e.time is not None:
            assert e.time in study.evaluate.times


@pytest.mark.parametrize("name", list_papers())
def test_every_curve_shows_values_that_its_study_sweeps(name):
    for c in load_paper(name).curves:
        file = read_study(study_file(name, c.study))
        assert set(c.values) <= {axis.name for axis in file.sweep.axes}
        assert file.study.data.name == c.dataset


SWEPT = {
    "cells": [
        {"values": {"spread": 1.0, "mapping": "single-device"},
         "steps": [
             {"name": AS_IS, "times": [at(1, "1 s", 0.9, 0.8), at(10, "10 s", 0.45, 0.3)]},
             {"name": "mended", "times": [at(1, "1 s", 0.9, 0.8), at(10, "10 s", 0.81, 0.7)]},
         ]},
    ],
}  # fmt: skip


def test_curves_are_shares_of_what_is_kept_without_drift():
    wanted = Curve(what="w", dataset="mnist", study="s", values=("mapping", "spread"))
    found = curve(wanted, SWEPT)
    assert found["points"][0]["kept"]["mended"]["mean"] == pytest.approx(0.9)
    assert found["points"][0]["drift_free"] == 0.9
    table = curve_table(found)
    assert "| mapping | spread | drift-free, % | as it is, kept % | mended, kept % |" in table
    assert "| single-device | 1 | 90.00 | 50.00 [48.9, 51.1] | 90.00 [88.9, 91.1] |" in table


@pytest.mark.parametrize("name", list_papers())
def test_studies_of_a_paper_have_names_of_their_own(name):
    paper = load_paper(name)
    studies = {e.study for e in (*paper.expect, *paper.curves)}
    names = {tomllib.loads(study_file(name, s).read_text())["name"] for s in studies}
    assert len(names) == len(studies)


def test_the_page_shows_what_was_expected_beside_what_was_measured(tmp_path, monkeypatch):
    paper = load_paper("charan2020")
    one = paper.expect[0].model_copy(update={"step": "mended"})
    monkeypatch.setattr(runner, "run_study", lambda *args, **kwargs: FIGURES)
    monkeypatch.setattr(
        runner,
        "load_paper",
        lambda name: paper.model_copy(update={"expect": (one,), "curves": (), "diagnoses": ()}),
    )
    found = runner.reproduce("charan2020", out=tmp_path, progress=False)
    page = (tmp_path / "charan2020.md").read_text()
    assert "| 31.76 | 40.00 | **98.00** [97.00, 99.00] | 20 | **no** |" in page
    assert "labels, true time" in page
    assert found["figures"][0]["met"] is False
    assert (tmp_path / "charan2020.json").is_file()


def test_unknown_papers_and_data_sets_name_the_nearest():
    with pytest.raises(mho.MhoError, match="Did you mean 'charan2020'"):
        runner.reproduce("charan")
    with pytest.raises(mho.MhoError, match="Did you mean 'mnist'"):
        runner.reproduce("charan2020", dataset="minst")


def reached(mean):
    return {"mean": mean, "ci_low": mean - 0.01, "ci_high": mean + 0.01, "worst": mean - 0.02,
            "chips": 10, "sd": 0.01}  # fmt: skip


BUDGETS = {
    "cells": [
        {"values": {"share": share, "rule": rule},
         "steps": [{"name": "distilled", "times": [reached(0.9)]},
                   {"name": "adapted", "times": [reached(0.9 + share)]}]}
        for share in (0.01, 0.05) for rule in ("top", "any")
    ],
}  # fmt: skip


def test_curves_of_accuracy_are_drawn_a_line_a_rule():
    wanted = Curve(
        what="Which rule?", dataset="mnist", study="s", values=("share", "rule"),
        quantity="accuracy", alone=("distilled",), ticks={"0.01": "1 %"}, axis="in SRAM",
    )  # fmt: skip
    found = curve(wanted, BUDGETS)
    table = curve_table(found)
    assert "| 0.01 | top | 90.00 [89.0, 91.0], worst 88.0 | 91.00 [90.0, 92.0]" in table
    svg = str(curve_picture(found))
    root = ElementTree.fromstring(svg)
    texts = [t.text for t in root.iter() if t.tag.endswith("text")]
    assert {"distilled", "top", "any", "in SRAM", "1 %", "0.05"} <= set(texts)
    plain = str(curve_picture(curve(wanted.model_copy(update={"axis": None}), BUDGETS)))
    assert ">share<" in plain
    assert ">share<" not in svg
    lines = [p for p in root.iter() if p.get("class") == "line"]
    assert len(lines) == 3
    assert sum(p.get("class") == "band" for p in root.iter()) == 3  # of the chips


def test_more_lines_than_colours_are_drawn_apart():
    """Six steps by two mappings are twelve lines: a picture for each mapping."""
    names = [f"step {k}" for k in range(6)]
    found = {
        "what": "How bad?", "study": "s", "x": "spread", "axis": "spread", "ticks": {},
        "alone": [], "steps": names,
        "points": [
            {"values": {"spread": spread, "mapping": mapping},
             "accuracy": {name: {"mean": 0.9, "sd": 0.01} for name in names}}
            for mapping in ("pair", "single") for spread in (1, 2)
        ],
    }  # fmt: skip
    drawn = panels(found)
    assert list(drawn) == ["pair", "single"]
    for mapping, panel in drawn.items():
        assert panel["what"] == f"How bad?: {mapping}"
        root = ElementTree.fromstring(str(curve_picture(panel)))
        texts = {t.text for t in root.iter() if t.tag.endswith("text")}
        assert {*names} <= texts, "names without the mapping, which the title tells"
        assert len([p for p in root.iter() if p.get("class") == "line"]) == 6
    assert list(panels({**found, "steps": names[:2], "points": [
        {**point, "accuracy": {name: point["accuracy"][name] for name in names[:2]}}
        for point in found["points"]
    ]})) == [""]  # fmt: skip


def test_long_names_of_lines_find_room():
    found = {
        "what": "w", "study": "s", "x": "t", "axis": "t", "ticks": {}, "alone": [],
        "steps": ["n" * 60],
        "points": [{"values": {"t": t}, "accuracy": {"n" * 60: {"mean": 0.9, "sd": 0}}}
                   for t in (1, 2)],
    }  # fmt: skip
    root = ElementTree.fromstring(str(curve_picture(found)))
    width = float(root.get("viewBox").split()[2])
    [label] = [t for t in root.iter() if t.tag.endswith("text") and t.text == "n" * 60]
    assert float(label.get("x")) + 60 * 6.5 < width
