"""A fitted card's uncertainty through a study into its results and its report."""

from __future__ import annotations

import contextlib
import io
import json

import pytest

import mho
from mho.cli.main import main

STUDY = """
name = "open"
[data]
name = "mnist-5k"
test_images = 64
[network]
name = "lenet5-mnist5k"
[hardware]
device = "{card}"
mapping = "single-device"
[evaluate]
times = ["1 d", "10 y"]
chips = 4
law_uncertainty = {law_uncertainty}
"""


def run(*words):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(word) for word in words])
    return code, out.getvalue(), err.getvalue()


@pytest.fixture
def studied(tmp_path):
    """Run one study of the measured device, with or without the law's uncertainty."""

    def study(law_uncertainty, extrapolate=True):
        device = mho.load_device("levy2024-c").replace(extrapolate=extrapolate)
        card, path = tmp_path / "card.toml", tmp_path / f"{law_uncertainty}.toml"
        mho.save_device(device, card)
        path.write_text(STUDY.format(card=card, law_uncertainty=law_uncertainty))
        return run("run", path, "-o", tmp_path / law_uncertainty), tmp_path / law_uncertainty

    return study


def test_ten_years_carry_what_the_data_do_not_know(studied):
    accuracies = {}
    for word in ("true", "false"):
        (code, _, error), out = studied(word)
        assert code == 0, error
        results = json.loads((out / "results.json").read_text(encoding="utf-8"))
        times = results["steps"][0]["times"]
        assert [moment["extrapolated"] for moment in times] == [False, True]
        accuracies[word] = times[1]["accuracies"]
        assert "beyond the measured range" in (out / "report.html").read_text(encoding="utf-8")
    assert accuracies["true"] != accuracies["false"]


def test_ten_years_are_refused_where_the_card_does_not_extrapolate(studied):
    (code, _, error), _ = studied("true", extrapolate=False)
    assert code == 2
    assert "extrapolate = true" in error
    assert error.count("\n") == 1
