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
    "accuracy": Entry(
        "mho.cli.accuracy",
        "Find the mean accuracy of a study's network to a wanted certainty, with few passes.",
    ),
    "bundle": Entry(
        "mho.cli.bundle", "Inspect, verify and export the bundles that a device would load."
    ),
    "cost": Entry(
        "mho.cli.cost", "Price networks and bundles in area, storage, energy and operations."
    ),
    "demo": Entry(
        "mho.cli.demo",
        "Run the whole story on real MNIST digits, in minutes on a laptop, ending in a report.",
    ),
    "device": Entry("mho.cli.device", "Show, check, fit, simulate and compare device laws."),
    "diagnose": Entry(
        "mho.cli.diagnose",
        "Say what destroys the accuracy of a study's network, effect by effect and layer by layer.",
    ),
    "doctor": Entry("mho.cli.doctor", "Show what this machine has: versions, cores, extras, data."),
    "merge": Entry(
        "mho.cli.merge",
        "Put the results of one study from several folders together; each trial counts once.",
    ),
    "plan": Entry(
        "mho.cli.plan",
        "Find the cheapest recovery that meets a target; run it again to go on where it stopped.",
    ),
    "report": Entry("mho.cli.report", "Write a study's results as one self-contained HTML page."),
    "reproduce": Entry(
        "mho.cli.reproduce",
        "Reproduce a paper's headline results; run it again to go on where it stopped.",
    ),
    "results": Entry(
        "mho.cli.results", "Show the results of a study as a table, or write it as CSV or Parquet."
    ),
    "run": Entry(
        "mho.cli.run", "Run a study from its file; run it again to go on where it stopped."
    ),
    "status": Entry("mho.cli.status", "Say how far a study has come, and whether it is running."),
    "train": Entry(
        "mho.cli.train",
        "Train a reference network by a recipe; run it again to go on after an interruption.",
    ),
}
