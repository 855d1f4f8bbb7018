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
"""


def test_the_vectors_of_a_finished_study_are_put_to_the_test(tmp_path, monkeypatch):
    source = tmp_path / "short.toml"
    source.write_text(STUDY)
    monkeypatch.setattr(module, "study_file", lambda paper, study: source)
    wanted = Robust(
        what="w", dataset="mnist-5k", study="short", step="lasting", times=("10 y",), chips=2,
        images=50,
    )  # fmt: skip
    with pytest.raises(mho.MhoError, match="holds no finished step 'lasting'; run its study"):
        robust("veraplus", wanted, tmp_path, progress=False)
    run_study(source, tmp_path / "short", progress=False)
    found = robust("veraplus", wanted, tmp_path, progress=False)
    by_case = {(row["clock"], row["drift"]): row["mean"] for row in found["rows"]}
    assert set(by_case) == {(c, 1.0) for c in (0.1, 0.3, 1.0, 3.0, 10.0)} | {(1.0, 0.7), (1.0, 1.3)}
    assert found["images"] == 50
    monkeypatch.setattr(module, "robustness", None)
    assert robust("veraplus", wanted, tmp_path, progress=False) == found, "done before"


ROWS = {
    "what": "w", "study": "s", "step": "lasting", "chips": 2, "images": 50,
    "rows": [
        {"clock": c, "drift": d, "t_s": 1.0, "label": label, "mean": 0.9, "ci_low": 0.88,
         "ci_high": 0.91, "worst": 0.8}
        for c, d in ((1.0, 1.0), (0.1, 1.0), (1.0, 1.3)) for label in ("1 d", "10 y")
    ],
}  # fmt: skip


def test_a_row_for_each_case_and_a_curve_for_clocks_and_for_drift():
    table = robust_table(ROWS)
    assert "| 0.1 | 1 | 10 y | 90.00 [88.0, 91.0] | 80.00 |" in table
    curves = robust_curves(ROWS)
    assert [p["values"] for p in curves["clock"]["points"]] == [
        {"clock, × true time": c, "time": t} for c in (0.1, 1.0) for t in ("1 d", "10 y")
    ]
    assert len(curves["drift"]["points"]) == 4
    for one in curves.values():
        svg = ElementTree.fromstring(str(curve_picture(one)))
        assert len([e for e in svg.iter() if e.get("class") == "line"]) == 2


@pytest.mark.parametrize("name", list_papers())
def test_every_step_that_is_put_to_the_test_has_vectors(name):
    for wanted in load_paper(name).robust:
        study = read_study(study_file(name, wanted.study)).study
        [step] = [step for step in study.recover if step.name == wanted.step]
        assert step.method == "vera-plus"
        assert study.data.name == wanted.dataset
