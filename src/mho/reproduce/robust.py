"""What a compensated network keeps with a wrong clock, or on cells that drift unlike their card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from mho.errors import ConfigError
from mho.network.mapped import MappedNetwork
from mho.progress import Progress
from mho.recover.veraplus import robustness
from mho.reproduce.kept import once
from mho.reproduce.paper import Robust, study_file
from mho.study.artefacts import Artefacts, key_of
from mho.study.build import Parts
from mho.study.folder import Folder
from mho.study.spec import AS_IS, StepSpec, read_study


def robust(
    paper: str,
    wanted: Robust,
    folder: Path,
    *,
    progress: Progress | Literal[False] | None = None,
) -> dict[str, Any]:
    """Run steps with wrong clocks and other drift, unless that was done before.

    Args:
        paper: Name of the paper.
        wanted: Which steps of which study.
        folder: Where the studies and this result are kept.
        progress: As in :func:`mho.reproduce.run.reproduce`.

    Returns:
        Plain data: ``what``, ``study``, ``steps``, ``chips``, ``images`` and the ``rows`` of
        :func:`mho.recover.veraplus.robustness`, each with its ``step``.
    """
    source = study_file(paper, wanted.study)
    file = read_study(source)
    parts = Parts(file.study, file.base, file.where)

    def make() -> dict[str, Any]:
        """Evaluate with wrong clocks and other drift."""
        images = min(wanted.images, len(parts.test))
        test = parts.test.take(images, file.study.data.seed)
        rows = [
            {"step": step, **row}
            for step in wanted.steps
            for row in robustness(
                _after(file.study.recover, step, parts, folder / wanted.study),
                test,
                wanted.times,
                chips=wanted.chips,
                progress=None if progress is False else progress,
            )
        ]
        return {
            "what": wanted.what,
            "study": wanted.study,
            "steps": list(wanted.steps),
            "chips": wanted.chips,
            "images": images,
            "rows": rows,
        }

    kept = folder / f"{wanted.study}-robustness.json"
    return once(kept, wanted, source, parts.network.digest, make)


def _after(steps: tuple[StepSpec, ...], name: str, parts: Parts, folder: Path) -> MappedNetwork:
    """Return the network after a step, as the finished study keeps it."""
    if name == AS_IS:
        return parts.network
    [step] = [step for step in steps if step.name == name]
    before = _after(steps, step.after, parts, folder)
    threads = parts.study.engine.training_threads
    key = key_of(before, parts.recovery(step), parts.examples_for(step), step.seed, threads)
    found = Artefacts(Folder(folder).artefacts).get(key, parts.network)
    if found is None:
        raise ConfigError(f"{folder} holds no finished step '{name}'; run its study first.")
    return found.network


def robust_table(found: Mapping[str, Any]) -> str:
    """Write it as a Markdown table, a row for each case and time.

    Args:
        found: What :func:`robust` returned.
    """
    lines = [
        f"Study `{found['study']}`: {found['chips']} chips, {found['images']:,} test images; "
        "vectors are those of a right clock and the card's drift.\n",
        "| step | clock, × true time | drift, × the card's | time | accuracy, % | worst chip, % |",
        "|" + "---|" * 6,
    ]
    for row in found["rows"]:
        low, high = (f"{100 * row[end]:.1f}" for end in ("ci_low", "ci_high"))
        lines.append(
            f"| {row['step']} | {row['clock']:g} | {row['drift']:g} | {row['label']} | "
            f"{100 * row['mean']:.2f} [{low}, {high}] | {100 * row['worst']:.2f} |"
        )
    return "\n".join(lines) + "\n"


def robust_curves(found: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the rows as two curves of accuracies, over the clock and over the drift.

    Each is what :func:`mho.reproduce.picture.curve_picture` draws, with a line for each time.

    Args:
        found: What :func:`robust` returned.
    """
    titles = {"clock": "clock, × true time", "drift": "drift, × the card's"}
    curves = {}
    for key, title in titles.items():
        rows = [row for row in found["rows"] if row["drift" if key == "clock" else "clock"] == 1]
        of_key = {row["step"] for row in rows if row[key] != 1}
        points: dict[tuple[float, str], dict[str, Any]] = {}
        for row in sorted(rows, key=lambda row: float(row[key])):
            if row["step"] in of_key:
                values = {title: row[key], "time": row["label"]}
                place = points.setdefault(
                    (row[key], row["label"]), {"values": values, "accuracy": {}}
                )
                place["accuracy"][row["step"]] = {"mean": row["mean"], "sd": _half(row)}
        curves[key] = {
            "what": f"{found['what']}: {title}",
            "x": title,
            "axis": title,
            "ticks": {},
            "steps": [step for step in found["steps"] if step in of_key],
            "alone": [],
            "points": list(points.values()),
        }
    return curves


def _half(row: Mapping[str, Any]) -> float:
    """Return half the width of a row's interval."""
    return float(row["ci_high"] - row["ci_low"]) / 2
