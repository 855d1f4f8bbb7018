"""Running studies: what is finished is never done again, whatever happened in between."""

import json

import numpy as np
import pytest

import mho
from mho.errors import BundleError, ConfigError
from mho.report.schema import parse_results
from mho.results import Store
from mho.study.run import run_study


@pytest.fixture
def run(study, tmp_path):
    return lambda **options: run_study(study, tmp_path / "out", progress=False, **options)


def trials(folder):
    with Store(folder / "results.sqlite") as store:
        return store.trials()


def by_name(figures):
    return {step["name"]: step for step in figures["steps"]}


def test_figures_agree_with_the_same_work_by_hand(run, study):
    """LeNet-5 scaled by 0.9 on chips 0 to 2, from the functions that users call."""
    figures = run()
    hardware = mho.Hardware(
        device=mho.load_device("charan2020").with_drift_of(mho.load_device("falcone2025"))
    )
    network = mho.map_network(mho.zoo.load("lenet5-mnist5k"), hardware)
    test = mho.data.load("mnist-5k", "test").take(100, 0)
    plain = mho.evaluate(network, test, ["1s", "10y"], 3)
    scaled = {name: t * 0.9 for name, t in network.model.state_dict().items()}
    student = mho.evaluate(network.with_weights(scaled), test, ["1s", "10y"], 3)
    steps = by_name(figures)
    for name, expected in (("as it is", plain), ("scaled", student)):
        found = np.array([time["accuracies"] for time in steps[name]["times"]]).T
        assert np.array_equal(found, expected.accuracies)
    gain = student.paired(plain, "10y")
    noted = next(p for p in steps["scaled"]["paired"] if p["t_s"] == 315360000.0)
    assert (noted["against"], noted["mean"]) == ("as it is", pytest.approx(gain.mean))
    assert figures["baseline"]["accuracy"] == mho.evaluation.digital_accuracy(network, test)


def test_results_follow_the_schema_and_are_written_whole(run, study, tmp_path):
    figures = run()
    assert json.loads((tmp_path / "out" / "results.json").read_text()) == figures
    checked = parse_results(figures)
    assert [step.name for step in checked.steps] == [
        "as it is", "scaled", "scaled twice", "other branch",
    ]  # fmt: skip
    assert checked.steps[2].composed == ("scale", "scale")
    assert checked.steps[3].composed == ("scale",)
    assert checked.steps[0].knows.labels is False
    assert checked.steps[1].knows.labels is True
    assert figures["study"]["toml"] == study.read_text()
    assert figures["seeds"] == {"chips": [0, 2], "training": 0}
    floor = figures["baseline"]["accuracy"] - 0.1
    assert figures["steps"][0]["times"][0]["yield"]["target"] == pytest.approx(floor)
    assert figures["verdict"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.startswith("<!doctype html>")
    assert figures["verdict"].split(";")[0].split(":")[0][:20] in page


def test_what_is_done_is_not_done_again(run, fits, tmp_path):
    first = run()
    assert fits() == ["0.9 100 0", "0.5 40 3", "1.1 100 0"]
    before = trials(tmp_path / "out")
    second = run()
    assert len(fits()) == 3
    assert trials(tmp_path / "out") == before
    assert {**second, "created": ""} == {**first, "created": ""}


def test_a_changed_key_runs_only_what_depends_on_it(run, edit, fits, tmp_path):
    run()
    edit("factor = 0.5", "factor = 0.6")
    run()
    assert fits()[3:] == ["0.6 40 3"]
    edit("factor = 0.9", "factor = 0.8")
    run()
    assert fits()[4:] == ["0.8 100 0", "0.6 40 3"]
    edit("chips = 3", "chips = 4")
    run()
    assert len(fits()) == 6
    tasks = {trial.task for trial in trials(tmp_path / "out")}
    assert len(tasks) == 4 + 1 + 2
    edit("factor = 0.8", "factor = 0.9")
    run()
    assert len(fits()) == 6  # both of these were there before


class StopAt:
    """Progress that presses Ctrl-C at its n-th report."""

    def __init__(self, n):
        self.left = n

    def __call__(self, done, total, text):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def test_a_run_that_was_stopped_goes_on(run, fits, study, tmp_path):
    """Ctrl-C at several reports of progress, one run after another."""
    whole = run_study(study, tmp_path / "whole", progress=False)
    work = len(fits())
    for stop_at in (1, 2, 4, 4, 4):
        with pytest.raises(KeyboardInterrupt):
            run_study(study, tmp_path / "out", progress=StopAt(stop_at))
    figures = run()
    assert trials(tmp_path / "out") == trials(tmp_path / "whole")
    for mine, theirs in zip(figures["steps"], whole["steps"], strict=True):
        assert {**mine, "seconds": 0} == {**theirs, "seconds": 0}
    assert len(fits()) <= 2 * work


def test_an_edited_artefact_is_refused(run, tmp_path):
    run()
    bundle = next((tmp_path / "out" / "artefacts").glob("*/tensors.safetensors"))
    content = bytearray(bundle.read_bytes())
    content[-1] ^= 1
    bundle.write_bytes(content)
    with pytest.raises(BundleError, match=r"artefact '.*' cannot be used: .*Delete it and") as why:
        run()
    assert "the bundle again" not in str(why.value)  # an artefact is made again, not copied


def test_an_unfinished_artefact_is_made_again(run, fits, tmp_path):
    run()
    for note in (tmp_path / "out" / "artefacts").glob("*.json"):
        note.unlink()
    run()
    assert len(fits()) == 6


def test_no_checkpoint_is_left(run, tmp_path):
    run()
    names = [f.name for f in (tmp_path / "out" / "artefacts").iterdir()]
    assert len(names) == 6
    assert not any("checkpoint" in name for name in names)


def test_a_mistake_leaves_no_folder(edit, tmp_path):
    study = edit("factor = 0.9", "facto = 0.9")
    with pytest.raises(ConfigError, match="unknown key 'facto'"):
        run_study(study, tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()


def test_the_default_folder_is_named_after_the_study(study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    figures = run_study(study, progress=False)
    assert (tmp_path / "results" / "tiny" / "results.json").is_file()
    assert figures["report"] == "results/tiny/report.html"
