"""The command ``mho``: one file a command, imported only when that command is called."""

from __future__ import annotations

from mho.cli.main import main

__all__ = ["main"]
