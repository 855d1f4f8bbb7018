"""``mho device`` on the real command line: list, show and check."""

from __future__ import annotations

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


def test_list_names_every_preset(tmp_path):
    done = mho("device", "list", "--json", tmp_path / "presets.json")
    assert done.returncode == 0, done.stderr
    presets = json.loads((tmp_path / "presets.json").read_text(encoding="utf-8"))["presets"]
    assert {"ideal", "charan2020", "falcone2025", "wan2022"} <= {p["name"] for p in presets}
    for preset in presets:
        assert preset["name"] in done.stdout


def test_show_prints_numbers_ranges_and_source(tmp_path):
    done = mho("device", "show", "falcone2025", "--json", tmp_path / "a.json")
    assert done.returncode == 0, done.stderr
    for part in ("9–88.2 µS", "-0.08900206", "arXiv:2502.04524", "1 s – 10 y", "10 y *"):
        assert part in done.stdout
    written = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert written["device"]["name"] == "falcone2025"
    assert written["figures"][1]["spread_uS"] == pytest.approx([0.41183342] * 3)


def test_a_shown_card_is_a_card(tmp_path):
    card = tmp_path / "mine.toml"
    card.write_text(mho("device", "show", "wan2022", "--card").stdout, encoding="utf-8")
    done = mho("device", "check", card, "--json", tmp_path / "check.json")
    assert done.returncode == 0, done.stderr
    assert "a valid device card, 'wan2022'" in done.stdout
    written = json.loads((tmp_path / "check.json").read_text(encoding="utf-8"))
    assert written == {"card": str(card), "device": "wan2022", "valid": True, "remarks": []}


def test_check_says_what_a_card_leaves_open():
    done = mho("device", "check", "charan2020")
    assert done.returncode == 0
    assert "levels overlap" in done.stdout
    assert "no drift law" in done.stdout


def test_mistakes_end_in_one_sentence(tmp_path, capsys):
    refused(capsys, ("device", "show", "falcon2025"), "'falcon2025'", "Did you mean 'falcone2025'?")
    refused(capsys, ("device", "shw", "falcone2025"), "unknown command 'shw'", "'show'")
    refused(capsys, ("device", "show", "falcone2025", "--jsn", "a"), "'--json'")
    refused(capsys, ("device", "check", tmp_path / "absent.toml"), "absent.toml does not exist")
    (tmp_path / "broken.toml").write_text("a = 1\nb = = 2\n", encoding="utf-8")
    refused(capsys, ("device", "check", tmp_path / "broken.toml"), "line 2")
    text = mho("device", "show", "wan2022", "--card").stdout
    (tmp_path / "typo.toml").write_text(text.replace("readout =", "redout ="), encoding="utf-8")
    refused(capsys, ("device", "check", tmp_path / "typo.toml"), "memory.redout", "'readout'")


def test_an_unwritable_json_is_refused_before_anything_is_shown(tmp_path):
    (tmp_path / "file").write_text("")
    done = mho("device", "list", "--json", tmp_path / "file" / "a.json")
    assert done.returncode == 2
    assert "cannot write" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
