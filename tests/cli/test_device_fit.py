"""``mho device fit`` and ``inspect`` on the real command line: good tables, and every bad one."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib

import numpy as np
import pandas as pd
import pytest


def mho(*words):
    return subprocess.run(
        [sys.executable, "-m", "mho", *map(str, words)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def table(cells=240, times=(0.0, 1.0, 100.0), seed=0):
    rng = np.random.default_rng(seed)
    level = np.arange(cells) % 4
    first = 10.0 + 10 * level + rng.normal(0, 0.3, cells)
    time = np.repeat(times, cells)
    g = np.tile(first, len(times)) + rng.normal(0, 0.2, time.size) * (time > 0)
    return pd.DataFrame(
        {"cell": np.tile(np.arange(cells), len(times)), "time_s": time, "g_uS": g,
         "level": np.tile(level, len(times))}
    )  # fmt: skip


def written(path, frame):
    frame.to_csv(path, index=False)
    return path


def refused(done, out, *says):
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    for part in says:
        assert part in done.stderr
    assert not list(out.parent.glob("card*"))  # nothing half written


def test_a_good_table_becomes_a_card(tmp_path):
    cells, card = written(tmp_path / "cells.csv", table()), tmp_path / "card.toml"
    done = mho("device", "fit", cells, "-o", card, "--members", 3, "--json", tmp_path / "f.json")
    assert done.returncode == 0, done.stderr
    assert "g_uS: conductance in uS (by its name)" in done.stdout
    assert "4 levels" in done.stdout
    values = tomllib.loads(card.read_text(encoding="utf-8"))
    assert values["fit"]["cells"] == 240
    assert len(values["ensemble"]["members"]) == 3
    figures = json.loads((tmp_path / "f.json").read_text(encoding="utf-8"))
    assert figures["cells"] == 240
    assert (tmp_path / "card.fit.json").is_file()
    page = mho("device", "report", card, "-o", tmp_path / "card.html")
    assert page.returncode == 0, page.stderr
    assert "follows 240 cells" in page.stdout or "no level has enough cells" in page.stdout
    assert "<svg" in (tmp_path / "card.html").read_text(encoding="utf-8")


def test_technology_c_needs_no_hand_editing(tmp_path, data_root):
    cells = data_root / "rram-relaxation" / "technology_c_relaxation.tsv.gz"
    seen = mho("device", "inspect", cells)
    assert seen.returncode == 0, seen.stderr
    (line,) = [text for text in seen.stdout.splitlines() if text.startswith("use: ")]
    words = line.removeprefix("use: mho ").split()
    words[words.index("-o") + 1] = str(tmp_path / "card.toml")
    done = mho(*words, "--members", 0)
    assert done.returncode == 0, done.stderr
    assert "32 levels" in done.stdout
    assert "16,292 cells" in done.stdout


def test_columns_and_units_as_words(tmp_path):
    frame = table().drop(columns="level")
    frame["time_s"] *= 1000
    cells = tmp_path / "cells.tsv"
    frame.to_csv(cells, sep="\t", index=False, header=False)
    done = mho(
        "device", "fit", cells, "-o", tmp_path / "card.toml", "--members", 0, "--units", "time=ms",
        "conductance=uS", "--columns", "cell=0", "time=1", "conductance=2",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    card = tomllib.loads((tmp_path / "card.toml").read_text(encoding="utf-8"))
    assert card["fit"]["times_s"] == [1, 100]
    assert card["fit"]["units"]["time"] == "ms"


def test_inspect_shows_a_problem_and_says_no(tmp_path):
    done = mho("device", "inspect", written(tmp_path / "a.csv", table().drop(columns="time_s")))
    assert done.returncode == 1
    assert "problem: a.csv: no column is the time" in done.stdout
    assert "Traceback" not in done.stderr


def changed(rows, column, value):
    frame = table()
    frame[column] = frame[column].astype(object)
    frame.loc[rows, column] = value
    return frame


def mixed_units():
    frame = table()
    frame.loc[500:519, "g_uS"] *= 1e3
    return frame


def two_devices():
    frame = pd.concat([table(), table(seed=1)], ignore_index=True)
    frame["cell"] += np.repeat([0, 1000], 720)
    frame.loc[frame["cell"] >= 1000, "g_uS"] *= 3
    return frame


BAD = {
    "a missing column": (table().drop(columns="g_uS"), ["no column is the conductance"]),
    "text in a number": (changed([7], "g_uS", "ten"), ["row 9", "'ten'", "correct or remove"]),
    "NaN": (changed([7, 8], "g_uS", np.nan), ["rows 9, 10", "missing or NaN", "--drop-missing"]),
    "negative conductance": (changed([7], "g_uS", -3.0), ["row 9", "negative, first -3 µS"]),
    "negative time": (changed([500], "time_s", -1.0), ["row 502", "time since programming"]),
    "duplicated reads": (
        pd.concat([table(), table().iloc[[3]]]), ["row 722", "cell 3", "--columns cycle="],
    ),
    "mixed units": (mixed_units(), ["rows 502, 503", "about 1e3 times above", "units are mixed"]),
    "units off by a million": (
        table().assign(g_uS=table()["g_uS"] * 1e6), ["no RRAM has", "--units conductance="],
    ),
    "two devices in one table": (two_devices(), ["two windows in one table", "for example rows"]),
    "two devices, by target": (
        two_devices().assign(target_uS=lambda f: 10.0 + 10 * f["level"]).drop(columns="level"),
        ["two windows in one table", "of 4 targets"],
    ),
    "too few cells for any law": (
        table().query("cell < 4"), ["rows 2, 3, 4, 5: 4 cell(s)", "measure more cells"],
    ),
    "times off by a million": (
        table(times=(0.0, 1e9, 1e11)), ["rows 482, 483", "say --units time=ms"],
    ),
    "no rows": (table().head(0), ["no rows of data"]),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_bad_tables_are_refused_with_place_and_remedy(tmp_path, what):
    frame, says = BAD[what]
    out = tmp_path / "card.toml"
    refused(mho("device", "fit", written(tmp_path / "bad.csv", frame), "-o", out), out, *says)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--columns", "cel=0"], ["unknown role 'cel'. Did you mean 'cell'?"]),
        (["--columns", "cell=celll"], ["no column 'celll'", "Did you mean 'cell'?"]),
        (["--units", "time=parsec"], ["unit of time 'parsec'"]),
        (["--temperature", "85"], ["no column is the temperature"]),
        (["--time-law", "falcon2025"], ["Did you mean 'falcone2025'?"]),
        (["--members", "-1"], ["members must be 0 or more"]),
        (["--wide"], ["--wide expects two or more columns named by their time"]),
    ],
)
def test_bad_options_are_refused(tmp_path, words, says):
    out = tmp_path / "card.toml"
    cells = written(tmp_path / "a.csv", table())
    refused(mho("device", "fit", cells, "-o", out, *words), out, *says)


def test_an_unwritable_card_is_refused_before_the_work(tmp_path):
    (tmp_path / "folder").mkdir()
    cells = written(tmp_path / "a.csv", table())
    refused(
        mho("device", "fit", cells, "-o", tmp_path / "folder"), tmp_path / "x" / "y", "is a folder"
    )


def backwards():
    frame = table().sort_values(["cell", "time_s"], ignore_index=True)
    frame.loc[[4, 5], "time_s"] = frame.loc[[5, 4], "time_s"].to_numpy()
    return frame


WEAK = {
    "times that go backwards": (backwards(), "times go backwards for 1 cell(s) (row 7)"),
    "one time only": (table(times=(0.0,)), "one time only (0 s)"),
    "one late time only": (table(times=(3600.0,)), "one time only (1 h)"),
    "one level only": (table().query("level == 1"), "one level only"),
    "few cells in a level": (
        table().query("level != 2 or cell < 60"), "fewer than 30 cells: 2 (15)",
    ),
    "a saturated meter": (
        table().assign(g_uS=table()["g_uS"].clip(upper=40.0)), "the meter seems saturated",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WEAK)
def test_weak_tables_are_fitted_with_a_warning_in_the_card(tmp_path, what):
    frame, says = WEAK[what]
    out = tmp_path / "card.toml"
    done = mho("device", "fit", written(tmp_path / "a.csv", frame), "-o", out, "--members", 0)
    assert done.returncode == 0, done.stderr
    assert says in done.stdout
    warnings = tomllib.loads(out.read_text(encoding="utf-8"))["fit"]["warnings"]
    assert any(says in text for text in warnings)
