"""Running a reproduction: its studies, resumable, then the comparison and its page."""

from __future__ import annotations

import datetime
import json
import os
import platform
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import mho
from mho.commit import running_commit
from mho.files import atomic_write, writable_folder
from mho.progress import Progress
from mho.reproduce.causes import causes
from mho.reproduce.choose import choose, studies_of
from mho.reproduce.compare import compare
from mho.reproduce.curves import curve
from mho.reproduce.document import document
from mho.reproduce.networks import train_missing
from mho.reproduce.paper import Paper, load_paper, study_file
from mho.reproduce.picture import curve_picture, panels
from mho.reproduce.robust import robust, robust_curves
from mho.study.folder import RESULTS
from mho.study.run import run_study


def reproduce(
    name: str,
    *,
    dataset: str | None = None,
    studies: Sequence[str] = (),
    finished: bool = False,
    out: str | Path | None = None,
    progress: Progress | Literal[False] | None = None,
) -> dict[str, Any]:
    """Run a paper's headline results on our data and hold them beside the paper's.

    Each of its studies is an ordinary one in a folder of its own, so what is finished is never done
    again: run it again after a kill and it goes on.

    Args:
        name: ``"charan2020"`` or ``"veraplus"``.
        dataset: Only the figures on this data set; all by default.
        studies: Only the figures of these studies; all by default.
        finished: Run nothing: write the page from the studies that are finished in the folder, and
            say which are not.
        out: Folder for the results; ``results/reproduce/NAME`` by default.
        progress: None shows a bar on a terminal, False nothing; or a function of
            (done, total, text).

    Returns:
        Plain data: ``figures`` (expected and measured), ``curves``, ``robustness``,
        ``diagnoses``, ``studies``, ``facts``. The same is written to ``NAME.json`` and, for people,
        ``NAME.md`` in the folder.

    Raises:
        ConfigError: There is no such paper, data set or study, or nothing is finished.
        StoreError: The folder cannot be written to.
        MhoError: Any of the errors of a study.
    """
    whole = load_paper(name)
    folder = writable_folder(Path("results") / "reproduce" / name if out is None else Path(out))
    paper = choose(
        whole, name, dataset=dataset, studies=studies, finished_in=folder if finished else None
    )
    if not finished:
        train_missing(name, studies_of(paper), progress=progress)

    def ran(study: str) -> dict[str, Any]:
        """Return a study's figures: kept ones, or those of running it (again)."""
        if finished:
            kept = (folder / study / RESULTS).read_text(encoding="utf-8")
            figures: dict[str, Any] = json.loads(kept)
            return figures
        return run_study(study_file(name, study), folder / study, progress=progress)

    needed = dict.fromkeys(s for e in paper.expect for s in (e.study, e.against_study) if s)
    found = {study: {**ran(study), "report": f"{study}/report.html"} for study in needed}
    comparisons = [
        compare(e, found[e.study], found.get(e.against_study or e.study)) for e in paper.expect
    ]
    curves = [_drawn(curve(c, ran(c.study)), folder, name) for c in paper.curves]
    hardships = [
        _both_drawn(robust(name, r, folder, progress=progress), folder, name) for r in paper.robust
    ]
    diagnoses = [causes(name, d, folder, progress=progress) for d in paper.diagnoses]
    facts = _facts(paper, found)
    if left_out := [study for study in studies_of(whole) if study not in studies_of(paper)]:
        facts["studies left out"] = ", ".join(left_out)
    plain = {
        "format": 1,
        "paper": name,
        "title": paper.title,
        "doi": paper.doi,
        "facts": facts,
        "figures": [c.to_dict() for c in comparisons],
        "curves": curves,
        "robustness": hardships,
        "diagnoses": diagnoses,
        "studies": found,
    }
    atomic_write(folder / f"{name}.json", json.dumps(plain, indent=1, allow_nan=False) + "\n")
    page = document(paper, comparisons, found, facts, curves, diagnoses, hardships)
    atomic_write(folder / f"{name}.md", page)
    return {**plain, "page": str(folder / f"{name}.md")}


def _drawn(found: dict[str, Any], folder: Path, name: str) -> dict[str, Any]:
    """Draw a curve of accuracies beside the page, and say where."""
    if "x" not in found:
        return found
    pictures = {}
    for others, panel in panels(found).items():
        words = re.sub(r"[^a-z0-9]+", "-", others.lower()).strip("-")
        pictures[panel["what"]] = "-".join(filter(None, (name, found["study"], words))) + ".svg"
        atomic_write(folder / pictures[panel["what"]], str(curve_picture(panel)) + "\n")
    return {**found, "pictures": pictures}


def _both_drawn(found: dict[str, Any], folder: Path, name: str) -> dict[str, Any]:
    """Draw what wrong clocks and other drift do beside the page, and say where."""
    pictures = {}
    for key, curves in robust_curves(found).items():
        pictures[curves["x"]] = f"{name}-{found['study']}-{key}.svg"
        atomic_write(folder / pictures[curves["x"]], str(curve_picture(curves)) + "\n")
    return {**found, "pictures": pictures}


def _facts(paper: Paper, studies: dict[str, Any]) -> dict[str, str]:
    chips = {tuple(figures["seeds"]["chips"]) for figures in studies.values()}
    versions = {
        f"{name} {version}"
        for figures in studies.values()
        for name, version in figures["versions"].items()
    }
    facts = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "mho": mho.__version__ + (f", commit {commit}" if (commit := running_commit()) else ""),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
        "data sets": ", ".join(paper.datasets),
        "chips": ", ".join(f"seeds {first} to {last}" for first, last in sorted(chips)),
        "versions": ", ".join(sorted(versions)),
    }
    return {name: fact for name, fact in facts.items() if fact}
