"""``mho reproduce --check`` on the real command line: shipped vectors on fresh chips."""

from __future__ import annotations

import json
import os
import subprocess
import sys

STUDY = "lenet5-differential-pair"


def mho(*words, **environment):
    return subprocess.run(
        [sys.executable, "-m", "mho", *map(str, words)],
        capture_output=True, text=True, timeout=200, check=False,
        env={**os.environ, **environment},
    )  # fmt: skip


def test_shipped_vectors_keep_what_was_reported(data_root, tmp_path):
    """By chance a check fails once in a hundred seeds; this seed is one of the others."""
    file = tmp_path / "check.json"
    done = mho(
        "reproduce", "veraplus", "--check", "--study", STUDY, "--seed", 4321, "--json", file,
        MHO_DATA=str(data_root),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(file.read_text())["figures"]
    assert {figure["study"] for figure in figures} == {STUDY}
    assert {"as it is", "VeRA+ physical r = 1"} <= {figure["step"] for figure in figures}
    assert all(figure["inside"] for figure in figures)
