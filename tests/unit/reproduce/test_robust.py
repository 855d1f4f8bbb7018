"""Wrong clocks and other drift: the vectors of a finished study, a table and two pictures."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

import mho
from mho.reproduce import robust as module
from mho.reproduce.paper import Robust, list_papers, load_paper, study_file
from mho.reproduce.picture import curve_picture
from mho.reproduce.robust import robust, robust_curves, robust_table
from mho.study.run import run_study
from mho.study.spec import read_study

STUDY = """
name = "short"

[data]
name = "mnist-5k"
train_images = 200
test_images = 60

[network]
name = "lenet5-mnist5k"

[hardware]
device = "falcone2025"
mapping = "single-device"

[evaluate]
times = ["1 s", "10 y"]
chips = 2

[[recover]]
name = "lasting"
method = "vera-plus"
steps = 0
max_sets = 2
grid_per_decade = 1
testing_chips = 2
held_out_most = 20

[[recover]]
name = "shifted"
method = "drift-shift"
after = "as it is"
"""


def test_the_vectors_of_a_finished_study_are_put_to_the_test(tmp_path, monkeypatch):
    source = tmp_path / "short.toml"
    source.write_text(STUDY)
    monkeypatch.setattr(module, "study_file", lambda paper, study: source)
    wanted = Robust(
        what="w", dataset="mnist-5k", study="short", steps=("lasting", "shifted"), times=("10 y",),
        chips=2, images=50,
    )  # fmt: skip
    with pytest.raises(mho.MhoError, match="holds no finished step 'lasting'; run its study"):
        robust("veraplus", wanted, tmp_path, progress=False)
    run_study(source, tmp_path / "short", progress=False)
    found = robust("veraplus", wanted, tmp_path, progress=False)
    cases = {(row["step"], row["clock"], row["drift"]) for row in found["rows"]}
    clocks = {("lasting", clock, 1.0) for clock in (0.1, 0.3, 1.0, 3.0, 10.0)}
    drifts = {(step, 1.0, d) for step in ("lasting", "shifted") for d in (0.7, 1.0, 1.3)}
    assert cases == clocks | drifts, "what reads no clock is not run with wrong ones"
    assert found["images"] == 50
    monkeypatch.setattr(module, "robustness", None)
    assert robust("veraplus", wanted, tmp_path, progress=False) == found, "done before"


ROWS = {
    "what": "w", "study": "s", "steps": ["lasting", "shifted"], "chips": 2, "images": 50,
    "rows": [
        {"step": step, "clock": c, "drift": d, "t_s": 1.0, "label": label, "mean": 0.9,
         "ci_low": 0.88, "ci_high": 0.91, "worst": 0.8}
        for step, c, d in (("lasting", 1.0, 1.0), ("lasting", 0.1, 1.0), ("lasting", 1.0, 1.3),
                           ("shifted", 1.0, 1.0), ("shifted", 1.0, 1.3))
        for label in ("1 d", "10 y")
    ],
}  # fmt: skip


def test_a_row_for_each_case_and_a_curve_for_clocks_and_for_drift():
    table = robust_table(ROWS)
    assert "| lasting | 0.1 | 1 | 10 y | 90.00 [88.0, 91.0] | 80.00 |" in table
    curves = robust_curves(ROWS)
    assert [p["values"] for p in curves["clock"]["points"]] == [
        {"clock, × true time": c, "time": t} for c in (0.1, 1.0) for t in ("1 d", "10 y")
    ]
    assert curves["clock"]["steps"] == ["lasting"]
    assert all(set(p["accuracy"]) == {"lasting"} for p in curves["clock"]["points"])
    assert len(curves["drift"]["points"]) == 4
    assert all(set(p["accuracy"]) == {"lasting", "shifted"} for p in curves["drift"]["points"])
    for one, lines in (("clock", 2), ("drift", 4)):
        svg = ElementTree.fromstring(str(curve_picture(curves[one])))
        assert len([e for e in svg.iter() if e.get("class") == "line"]) == lines


@pytest.mark.parametrize("name", list_papers())
def test_every_step_that_is_put_to_the_test_is_in_its_study(name):
    for wanted in load_paper(name).robust:
        study = read_study(study_file(name, wanted.study)).study
        methods = {step.name: step.method for step in study.recover}
        assert {*wanted.steps} <= {*methods}
        assert "vera-plus" in {methods[step] for step in wanted.steps}, "whose clock may be wrong"
        assert study.data.name == wanted.dataset
