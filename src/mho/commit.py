"""Which commit of mho is running, where that can be told."""

from __future__ import annotations

import subprocess
from pathlib import Path


def running_commit() -> str | None:
    """Return the commit of the checkout that mho runs from, or None where it was installed.

    ``+`` behind it says that files were changed since.
    """
    here = Path(__file__).parent

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(here), *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        if not git("ls-files", "--", Path(__file__).name):
            return None  # some other project's checkout, with mho installed inside it
        return git("rev-parse", "--short=12", "HEAD") + (
            "+" if git("status", "--porcelain") else ""
        )
    except (OSError, subprocess.CalledProcessError):
        return None
