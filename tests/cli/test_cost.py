"""``mho cost`` on the real command line."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from mho.cli import main


def mho(*words):
    return subprocess.run(
        [sys.executable, "-m", "mho", *map(str, words)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_a_network_is_priced_by_both_books(tmp_path):
    out = tmp_path / "cost.json"
    done = mho("cost", "network", "lenet5", "--budget-area", "0.0786", "--json", out)
    assert done.returncode == 0, done.stderr
    assert "7.86% of area holds 4.53% of the weights by neurosim-charan2020" in done.stdout
    assert "of the weights by components-65nm" in done.stdout
    written = json.loads(out.read_text())
    assert written["cost"]["cells"] == 2 * written["cost"]["weights"]
    assert written["cost"]["area_share"] == 0
    assert written["share_for_area"]["neurosim-charan2020"] == pytest.approx(0.0453, abs=1e-4)


def test_prices_come_with_their_sources(capsys):
    assert main(["cost", "prices"]) == 0
    assert "Calibrated on the one area" in capsys.readouterr().out
    assert main(["cost", "prices", "components-65nm"]) == 0
    assert "ISSCC" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["network", "lenet"], "Did you mean 'lenet5'"),
        (["network", "lenet5", "--device", "charan2021"], "Did you mean 'charan2020'"),
        (["network", "lenet5", "--mapping", "single"], "Did you mean 'single-device'"),
        (["network", "lenet5", "--book", "component-65nm"], "Did you mean 'components-65nm'"),
        (["network", "lenet5", "--rows", "0"], "'rows'"),
        (["network", "lenet5", "--rows", "many"], "--rows"),
        (["network", "lenet5", "--budget-area", "-1"], "must be a positive number; got -1"),
        (["prices", "neurosim"], "Did you mean 'neurosim-charan2020'"),
        (["network"], "Missing argument"),
        (["netwerk", "lenet5"], "Did you mean 'network'"),
        (["bundle", "no-such-folder"], "no-such-folder"),
    ],
)
def test_mistakes_are_one_sentence(words, sentence, capsys):
    assert main(["cost", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert len(err.splitlines()) == 1
    assert sentence in err
