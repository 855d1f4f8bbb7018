"""Which commands there are, and where each one lives.

The one-line help stands here so that ``mho --help`` imports no command; a test keeps it equal to
the command's own.
"""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """A command: the module whose ``app`` it is, and its one-line help."""

    module: str
    help: str


COMMANDS: dict[str, Entry] = {
    "cost": Entry(
        "mho.cli.cost", "Price networks and bundles in area, storage, energy and operations."
    ),
    "device": Entry("mho.cli.device", "Show, check, fit, simulate and compare device laws."),
    "doctor": Entry("mho.cli.doctor", "Show what this machine has: versions, cores, extras, data."),
    "train": Entry(
        "mho.cli.train",
        "Train a reference network by a recipe; run it again to go on after an interruption.",
    ),
}
