"""``mho report`` on the real command line."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from mho.cli import main

MOMENT = {"t_s": 1.0, "mean": 0.975, "ci_low": 0.97, "ci_high": 0.98, "q05": 0.96, "worst": 0.96,
          "chips": 2, "accuracies": [0.96, 0.99]}  # fmt: skip
RESULTS = {
    "format": 1,
    "study": {"name": "made up", "toml": "name = 'made up'\n"},
    "baseline": {"accuracy": 0.98, "images": 100},
    "network": {"name": "LeNet-5"},
    "target": {"accuracy_drop_pp": 1.0, "lifetime_s": 1.0, "yield": 0.5},
    "steps": [
        {"name": "as it is", "method": "nothing", "times": [{"t_s": 1.0, "mean": 0.5}]},
        {"name": "distilled", "method": "distill", "composed": ["distill"], "times": [MOMENT]},
    ],
}


def mho(*words):
    return subprocess.run(
        [sys.executable, "-m", "mho", *map(str, words)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """A results folder with synthetic results."""
    (tmp_path / "results.json").write_text(json.dumps(RESULTS))
    return tmp_path


@pytest.fixture
def refused(capsys):
    """Run a command that must fail; return its one sentence."""

    def run(*words):
        assert main(list(map(str, words))) == 2
        out, err = capsys.readouterr()
        assert out == ""
        (sentence,) = err.strip().splitlines()
        assert sentence.startswith("error: ")
        return sentence

    return run


def test_a_folder_becomes_a_page_beside_its_results(folder):
    done = mho("report", folder, "--json", folder / "said.json")
    assert done.returncode == 0, done.stderr
    assert "distilled holds it at 97.5 %" in done.stdout
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "made up" in page
    said = json.loads((folder / "said.json").read_text())
    assert said["report"] == str(folder / "report.html")
    assert said["verdict"].startswith("Mapped as it is, LeNet-5 falls from 98.0 % to 50.0 %")
    assert said["steps"] == RESULTS["steps"]


def test_a_file_becomes_the_page_that_was_asked_for(folder, capsys):
    page = folder / "new" / "page.html"
    assert main(["report", str(folder / "results.json"), "-o", str(page)]) == 0
    assert page.is_file()
    assert not (folder / "report.html").exists()
    assert f"report: {page}" in capsys.readouterr().out


def test_the_same_results_give_the_same_page(folder):
    assert main(["report", str(folder)]) == 0
    first = (folder / "report.html").read_bytes()
    assert main(["report", str(folder)]) == 0
    assert (folder / "report.html").read_bytes() == first


def test_the_page_needs_no_torch(folder):
    code = (
        "import sys; from mho.cli import main; "
        f"assert main(['report', {str(folder)!r}]) == 0; assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_results_that_are_not_there(tmp_path):
    done = mho("report", tmp_path / "nowhere")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: no results at")
    assert "Traceback" not in done.stderr


def test_a_folder_without_results(tmp_path, refused):
    assert "run the study again to go on" in refused("report", tmp_path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"format": 1, "steps": [', "this is not JSON (line 1, column"),
        ("\xff\xfe", "this is not JSON"),
        ("[" * 100_000, "this is not JSON"),
        ("[1, 2, 3]", "not a results file of mho"),
        ('{"format": 0, "baseline": {"accuracy": 1}}', "results have format 0"),
        ('{"format": 99}', "install a newer mho"),
        ('{"format": 1, "baseline": {"accuracy": 1}, "steps": "many"}', "'steps'"),
    ],
)
def test_garbled_results_are_refused_and_nothing_is_written(tmp_path, refused, content, words):
    file = tmp_path / "results.json"
    file.write_bytes(content.encode("latin-1"))
    assert words in refused("report", tmp_path, "--json", tmp_path / "out.json")
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


def test_an_output_that_is_a_folder(folder, refused):
    assert "it is a folder" in refused("report", folder, "-o", folder)


def test_an_output_below_a_file(folder, refused):
    target = folder / "results.json" / "page.html"
    assert "part of the path is a file" in refused("report", folder, "-o", target)


def test_an_output_that_nobody_may_write(folder, refused):
    assert "cannot write" in refused("report", folder, "-o", "/proc/self/page.html")


def test_a_misspelt_option_is_answered(folder, refused):
    assert "Did you mean '--json'" in refused("report", folder, "--jsn", "x")
