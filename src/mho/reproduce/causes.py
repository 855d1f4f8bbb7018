"""Why a network collapses on a paper's hardware: its diagnosis, effect by effect, as one table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from mho.diagnosis import diagnose
from mho.progress import Progress
from mho.reproduce.kept import once
from mho.reproduce.paper import Diagnosed, study_file
from mho.study.build import Parts
from mho.study.spec import read_study


def causes(
    paper: str,
    wanted: Diagnosed,
    folder: Path,
    *,
    progress: Progress | Literal[False] | None = None,
) -> dict[str, Any]:
    """Diagnose the network of a study, unless that was done before.

    Args:
        paper: Name of the paper.
        wanted: What is diagnosed.
        folder: Where the diagnosis is kept, to be found again.
        progress: As in :func:`mho.reproduce.run.reproduce`.

    Returns:
        Plain data: ``what``, ``study``, and the diagnosis as of
        :meth:`mho.diagnosis.result.Diagnosis.to_dict`.
    """
    source = study_file(paper, wanted.study)
    file = read_study(source)
    parts = Parts(file.study, file.base, file.where)

    def make() -> dict[str, Any]:
        """Diagnose the study's network."""
        diagnosis = diagnose(
            parts.network, parts.test, chips=wanted.chips, images=wanted.images, progress=progress
        )
        return {"what": wanted.what, "study": wanted.study, "diagnosis": diagnosis.to_dict()}

    kept = folder / f"{wanted.study}-diagnosis.json"
    return once(kept, wanted, source, parts.network.digest, make)


def causes_table(found: Mapping[str, Any]) -> str:
    """Write a diagnosis as Markdown: each effect alone and left out, and what was tried instead.

    Args:
        found: What :func:`causes` returned.
    """
    of = found["diagnosis"]
    lines = [
        f"{of['network']}, {len(of['chips'])} chips, {of['images']:,} test images. "
        f"{of['verdict']}\n",
        "| effect | alone, % | without it, % |",
        "|---|---|---|",
        f"| none: the digital network | {100 * of['baseline']:.2f} | – |",
    ]
    for effect in of["effects"]:
        lines.append(
            f"| {effect['what']} | {_percent(effect['alone'])} | {_percent(effect['without'])} |"
        )
    lines.append(f"| all together | {_percent(of['together'])} | – |")
    lines += [f"| all, but {t['what']} | {_percent(t['outcome'])} | – |" for t in of["tried"]]
    return "\n".join(lines) + "\n"


def _percent(outcome: Mapping[str, Any] | None) -> str:
    return "–" if outcome is None else f"{100 * outcome['accuracy']:.2f}"
