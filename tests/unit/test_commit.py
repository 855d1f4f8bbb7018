"""Which commit is running."""

import re
import subprocess

from mho import commit


def test_a_checkout_knows_its_commit():
    found = commit.running_commit()
    assert found is None or re.fullmatch("[0-9a-f]{12}[+]?", found)


def test_without_git_nothing_is_claimed(monkeypatch):
    def missing(*words, **options):
        raise FileNotFoundError("git")

    monkeypatch.setattr(subprocess, "run", missing)
    assert commit.running_commit() is None
