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
    """Run a step's vectors with wrong clocks and other drift, unless that was done before.

    Args:
        paper: Name of the paper.
        wanted: Which step of which study.
        folder: Where the studies and this result are kept.
        progress: As in :func:`mho.reproduce.run.reproduce`.

    Returns:
        Plain data: ``what``, ``study``, ``step``, ``chips``, ``images`` and the ``rows`` of
        :func:`mho.recover.veraplus.robustness`.
    """
    source = study_file(paper, wanted.study)

    def make() -> dict[str, Any]:
        file = read_study(source)
        parts = Parts(file.study, file.base, file.where)
        network = _after(file.study.recover, wanted.step, parts, folder / wanted.study)
        images = min(wanted.images, len(parts.test))
        return {
            "what": wanted.what,
            "study": wanted.study,
            "step": wanted.step,
            "chips": wanted.chips,
            "images": images,
            "rows": robustness(
                network,
                parts.test.take(images, file.study.data.seed),
                wanted.times,
                chips=wanted.chips,
                progress=None if progress is False else progress,
            ),
        }

    return once(folder / f"{wanted.study}-robustness.json", wanted, source, make)


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
        f"`{found['step']}` of `{found['study']}`: {found['chips']} chips, {found['images']:,} "
        "test images; the vectors are those of a right clock and the card's drift.\n",
        "| clock, × true time | drift, × the card's | time | accuracy, % | worst chip, % |",
        "|" + "---|" * 5,
    ]
    for row in found["rows"]:
        low, high = (f"{100 * row[end]:.1f}" for end in ("ci_low", "ci_high"))
        lines.append(
            f"| {row['clock']:g} | {row['drift']:g} | {row['label']} | "
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
    return {
        key: {
            "what": f"{found['what']}: {title}",
            "x": title,
            "ticks": {},
            "steps": [found["step"]],
            "alone": [],
            "points": [
                {
                    "values": {title: row[key], "time": row["label"]},
                    "accuracy": {found["step"]: {"mean": row["mean"], "sd": _half(row)}},
                }
                for row in sorted(found["rows"], key=lambda row: float(row[key]))
                if row["drift" if key == "clock" else "clock"] == 1
            ],
        }
        for key, title in titles.items()
    }


def _half(row: Mapping[str, Any]) -> float:
    """Return half the width of a row's interval."""
    return float(row["ci_high"] - row["ci_low"]) / 2
