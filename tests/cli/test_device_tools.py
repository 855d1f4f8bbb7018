"""``mho device levels | simulate | compare | export`` on the real command line."""

from __future__ import annotations

import csv
import json
import subprocess
import sys

import pytest

from mho.cli.main import main


def mho(*words):
    return subprocess.run(
        [sys.executable, "-m", "mho", *map(str, words)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def refused(capsys, words, *says):
    """The same entry point, in this process: starting Python ten times over proves no more."""
    code = main([str(word) for word in words])
    error = capsys.readouterr().err
    assert code == 2
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    for part in says:
        assert part in error


def done_well(done):
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_levels_says_what_ten_levels_mean(tmp_path):
    out = done_well(mho("device", "levels", "charan2020", "--own", "--json", tmp_path / "a.json"))
    assert "63.7 %" in out
    record = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["times"][0]
    assert record["levels"] == 10
    assert sum(record["confusion"][3]) == pytest.approx(1.0)


def test_levels_now_and_after_ten_years_and_a_card_with_them(tmp_path):
    card, figures = tmp_path / "levels.toml", tmp_path / "a.json"
    words = ("--error-rate", "0.001", "--time", "1s", "--time", "10y", "-o", card)
    out = done_well(mho("device", "levels", "falcone2025", *words, "--json", figures))
    assert "10 y *" in out
    times = json.loads(figures.read_text(encoding="utf-8"))["times"]
    assert times[0]["levels"] > times[1]["levels"] > 1
    assert max(record["worst"] for record in times) <= 0.001
    shown = done_well(mho("device", "levels", card, "--own", "--time", "10y"))
    assert f"10 y *{times[1]['levels']:>9}" in shown


def test_levels_where_the_user_puts_them(tmp_path, capsys):
    figures = tmp_path / "a.json"
    words = ("device", "levels", "wan2022", "--at", "0,20,40", "--time", "1s", "--json", figures)
    assert main([str(word) for word in words]) == 0
    record = json.loads(figures.read_text(encoding="utf-8"))
    assert record["placement"] == "stated"
    assert record["times"][0]["g_uS"] == [0, 20, 40]
    capsys.readouterr()
    refused(capsys, ("device", "levels", "wan2022", "--at", "0,a"), "--at expects", "'0,a'")
    refused(capsys, ("device", "levels", "wan2022", "--at", "9,5"), "ascending order")
    refused(capsys, ("device", "levels", "wan2022", "--at", "5,90"), "valid from 0 to 40 µS")
    refused(capsys, ("device", "levels", "wan2022", "--at", "5,9", "--own"), "one of them")


def test_a_hierarchy_is_simulated_fitted_and_mapped(tmp_path):
    """Wafers and dies drawn on the command line are found again by the fit, within intervals."""
    law, cells, card = (tmp_path / name for name in ("law.toml", "cells.csv.gz", "card.toml"))
    text = done_well(mho("device", "show", "falcone2025", "--card"))
    die = '[die]\nlaw = "added"\nwafer_sd_uS = 2.0\ndie_sd_uS = 1.0'
    law.write_text(text.replace('[die]\nlaw = "none"', die), encoding="utf-8")
    words = ("--cells", 4000, "--times", "1s,1h", "--dies", 25, "--wafers", 8, "--levels", 4)
    done_well(mho("device", "simulate", law, *words, "-o", cells, "--seed", 3))
    done_well(mho("device", "fit", cells, "-o", card, "--members", 0))
    fit = json.loads(card.with_suffix(".fit.json").read_text(encoding="utf-8"))
    for source, true in (("die", 1.0), ("wafer", 2.0)):
        _, low, high = fit["variance"]["sds"][source]
        assert low < true < high  # a fixed seed: one in ten would miss
    assert len(fit["maps"]) == 8
    page = tmp_path / "card.html"
    done_well(mho("device", "report", card, "-o", page))
    assert "wafer 8: mean programming error" in page.read_text(encoding="utf-8")


def test_simulated_cells_are_a_table(tmp_path):
    path, figures = tmp_path / "cells.csv", tmp_path / "a.json"
    words = ("--cells", 30, "--times", "1s,1h,1d", "--levels", 4, "-o", path, "--json", figures)
    assert "90 reads of 30 cells" in done_well(mho("device", "simulate", "falcone2025", *words))
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 90
    assert {float(row["target_uS"]) for row in rows} == {9.0, 35.4, 61.8, 88.2}
    assert json.loads(figures.read_text(encoding="utf-8"))["rows"] == 90


def test_compare_shows_both(tmp_path):
    out = done_well(mho("device", "compare", "falcone2025", "wan2022", "--json", tmp_path / "a"))
    assert "9–88.2 µS" in out
    assert "0–40 µS" in out
    record = json.loads((tmp_path / "a").read_text(encoding="utf-8"))
    assert "window" in record["differs"]
    assert "memory" not in record["differs"]


@pytest.mark.parametrize(
    ("to", "holds"), [("aihwkit", "BaseNoiseModel"), ("crosssim", "EmptyDevice")]
)
def test_export_writes_code_and_says_what_is_lost(to, holds, tmp_path):
    path = tmp_path / "law.py"
    out = done_well(mho("device", "export", "falcone2025", "--to", to, "-o", path))
    assert "not expressed: a cell's path" in out
    assert holds in path.read_text(encoding="utf-8")


def test_export_prints_where_no_file_is_named():
    done = mho("device", "export", "wan2022", "--to", "neurosim", "--levels", 4, "--time", "1d")
    assert done_well(done).splitlines()[0] == "states,mean,std"
    assert "t = 1 d alone" in done.stderr


def test_mistakes_end_in_one_sentence_and_leave_nothing(tmp_path, capsys):
    card = "falcone2025"
    out = tmp_path / "out"
    refused(capsys, ("device", "levels", card, "--error-rate", "1"), "error_rate")
    refused(capsys, ("device", "levels", card, "--own"), "analogue levels")
    refused(capsys, ("device", "levels", card, "--time", "20y"), "valid from 1 s to 10 y")
    refused(capsys, ("device", "simulate", card, "--times", "20y", "-o", out), "valid from")
    refused(capsys, ("device", "simulate", card, "--times", "1s,later", "-o", out), "'later'")
    refused(capsys, ("device", "simulate", card, "--times", "1s", "--cells", 0, "-o", out), "0")
    refused(
        capsys, ("device", "simulate", card, "--times", "1s", "--wafers", 2, "-o", out), "--dies"
    )
    refused(capsys, ("device", "compare", card, "falcon"), "'falcone2025'")
    refused(capsys, ("device", "export", "charan2020", "--to", "neurosim", "-o", out), "levels = 8")
    refused(
        capsys, ("device", "export", card, "--to", "aihwkit", "--time", "1y", "-o", out), "--time"
    )
    refused(capsys, ("device", "export", card, "--to", "crosbar"), "crosssim")
    assert list(tmp_path.iterdir()) == []
