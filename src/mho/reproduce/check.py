"""Checking committed results: the shipped networks on fresh chips, against what was reported."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import tomli_w

from mho.errors import ConfigError, unknown
from mho.progress import Progress, progress_bar
from mho.reproduce.paper import Paper, load_paper, reference_file, study_file
from mho.study.run import run_study
from mho.study.spec import read_study

CHIPS = 5
"""Chips that are made anew."""
SEED = 10_000
"""Seed of the first of them: none of those that were reported."""
FALSE_ALARM = 0.01
"""Chance that sound software fails a check of all figures together, were accuracies normal."""
_FLOATS = 5e-4
"""Difference that other sums of another machine may make, as an accuracy."""
_TRAIN = ("distill", "noise-training", "vera-plus")
"""Methods that train networks: studies with them are not checked in minutes."""


@dataclass(frozen=True)
class Checked:
    """One reported accuracy and what fresh chips give.

    Attributes:
        what: The figure in words.
        study: Its study.
        step: The step of that study.
        t_s: Time since programming in s.
        quantity: ``"mean"`` over the chips, or the ``"worst"`` chip.
        reported: What was reported, an accuracy.
        low: Least that fresh chips may have.
        high: Most that they may have.
        measured: What they have.
        inside: Whether that lies between.
    """

    what: str
    study: str
    step: str
    t_s: float
    quantity: str
    reported: float
    low: float
    high: float
    measured: float
    inside: bool


def reference(results: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a check needs of a reproduction's results, as plain data.

    Args:
        results: What :func:`mho.reproduce.run.reproduce` returned, or its JSON.
    """
    kept: dict[tuple[str, str, float, str], dict[str, Any]] = {}
    for figure in results["figures"]:
        quantity = _kind(figure["quantity"])
        if quantity is None:
            continue
        place = (figure["study"], figure["step"], figure["t_s"], quantity)
        at = _at(results["studies"][figure["study"]], figure["step"], figure["t_s"])
        kept.setdefault(
            place,
            {
                "what": figure["what"],
                "study": place[0],
                "step": place[1],
                "t_s": place[2],
                "quantity": quantity,
                "mean": at["mean"],
                "worst": at["worst"],
                "sd": at["sd"] or 0.0,
                "chips": at["chips"],
                "images": results["studies"][figure["study"]]["data"]["images"],
            },
        )
    return {"format": 1, "paper": results["paper"], "figures": list(kept.values())}


def check(
    name: str,
    *,
    dataset: str | None = None,
    seed: int = SEED,
    progress: Progress | Literal[False] | None = None,
) -> list[Checked]:
    """Evaluate the shipped networks on five fresh chips and compare with what was reported.

    A mean must lie in ``reported ± t s sqrt(1/n + 1/5)`` with the reported chips' own spread ``s``,
    and the worst chip above ``mean - t' s sqrt(1 + 1/n)``; all intervals hold together with 99 %.
    Where only part of the test images is used, what their choice may change is added.

    Args:
        name: The paper.
        dataset: Only its figures on this data set.
        seed: Seed of the first chip.
        progress: As in :func:`mho.reproduce.run.reproduce`.

    Returns:
        Every figure that was checked.

    Raises:
        ConfigError: There is no such paper or data set, or nothing was reported yet.
        MhoError: Any of the errors of a study.
    """
    paper = load_paper(name)
    if dataset is not None and dataset not in paper.datasets:
        raise unknown("data set", dataset, paper.datasets, where=f"mho reproduce {name} --check")
    figures = [f for f in _reported(name) if dataset in (None, _dataset(name, f["study"]))]
    if not figures:
        raise ConfigError(
            f"mho reproduce {name} --check: nothing was reported"
            + ("" if dataset is None else f" on '{dataset}'")
            + " that can be checked without training; run it without --check."
        )
    studies = list(dict.fromkeys(f["study"] for f in figures))
    found: list[Checked] = []
    with tempfile.TemporaryDirectory() as folder, progress_bar("checking", progress) as report:
        for number, study in enumerate(studies):
            part = _named(report, number, len(studies), study)
            fresh = _fresh(paper, name, study, seed, Path(folder), part)
            found += [
                checked(f, fresh, share=FALSE_ALARM / len(figures))
                for f in figures
                if f["study"] == study
            ]
    return found


def checked(figure: Mapping[str, Any], fresh: Mapping[str, Any], *, share: float) -> Checked:
    """Compare one figure.

    Args:
        figure: What was reported, of :func:`reference`.
        fresh: The figures of its study on fresh chips.
        share: Chance of a false alarm.
    """
    at = _at(fresh, figure["step"], figure["t_s"])
    low, high = _interval(figure, at["chips"], fresh["data"]["images"], share)
    measured = float(at[figure["quantity"]])
    return Checked(
        what=figure["what"],
        study=figure["study"],
        step=figure["step"],
        t_s=figure["t_s"],
        quantity=figure["quantity"],
        reported=figure[figure["quantity"]],
        low=low,
        high=high,
        measured=measured,
        inside=low <= measured <= high,
    )


def _interval(
    figure: Mapping[str, Any], chips: int, images: int, share: float
) -> tuple[float, float]:
    from scipy import stats

    n, sd, mean = figure["chips"], figure["sd"], figure["mean"]
    missing = max(1 - images / figure["images"], 0.0)  # of a finite number of images
    of_images = missing * mean * (1 - mean) / images
    if figure["quantity"] == "mean":
        t = float(stats.t.ppf(1 - share / 2, n - 1))
        half = t * math.sqrt(sd**2 * (1 / n + 1 / chips) + of_images) + _FLOATS
        return max(mean - half, 0.0), min(mean + half, 1.0)
    t = float(stats.t.ppf(1 - share / chips, n - 1))
    return max(mean - t * math.sqrt(sd**2 * (1 + 1 / n) + of_images) - _FLOATS, 0.0), 1.0


def _fresh(
    paper: Paper, name: str, study: str, seed: int, folder: Path, progress: Progress
) -> Mapping[str, Any]:
    """Run a study on fresh chips, and on as many images as minutes allow."""
    values = dict(read_study(study_file(name, study)).values)
    data = dict(values["data"])
    if (images := paper.check_images.get(data["name"])) is not None:
        data["test_images"] = images
    evaluate = {k: v for k, v in dict(values.get("evaluate", {})).items() if k != "stop"}
    values |= {"data": data, "evaluate": {**evaluate, "chips": CHIPS, "seed": seed}}
    path = folder / f"{study}.toml"
    path.write_text(tomli_w.dumps(values), encoding="utf-8")
    return run_study(path, folder / study, progress=progress)


def _reported(name: str) -> Iterator[dict[str, Any]]:
    """Yield the reported figures whose studies train no network."""
    path = reference_file(name)
    if not path.is_file():
        return
    for figure in json.loads(path.read_text(encoding="utf-8"))["figures"]:
        steps = read_study(study_file(name, figure["study"])).study.recover
        if not any(step.method in _TRAIN for step in steps):
            yield figure


def _dataset(name: str, study: str) -> str:
    return read_study(study_file(name, study)).study.data.name


def _kind(quantity: str) -> str | None:
    if quantity in ("accuracy", "drop_pp", "kept"):
        return "mean"
    return "worst" if quantity in ("worst", "worst_drop_pp", "worst_kept") else None


def _at(figures: Mapping[str, Any], step: str, t_s: float) -> Mapping[str, Any]:
    for one in figures["steps"]:
        if one["name"] == step:
            for at in one["times"]:
                if abs(at["t_s"] - t_s) <= 1e-9 * t_s:
                    found: Mapping[str, Any] = at
                    return found
    raise ConfigError(f"the results have no step '{step}' at {t_s:g} s.")


def _named(report: Progress, number: int, total: int, study: str) -> Progress:
    return lambda done, of, text: report(number + done / max(of, 1), total, f"{study}: {text}")


def outside(found: Sequence[Checked]) -> list[str]:
    """Return a sentence for every figure that lies outside its interval."""
    return [
        f"{c.what} ({c.step}, {c.quantity}): {c.measured:.2%} on fresh chips, outside "
        f"{c.low:.2%} to {c.high:.2%} around the reported {c.reported:.2%}."
        for c in found
        if not c.inside
    ]


def plain(found: Sequence[Checked]) -> dict[str, Any]:
    """Return a check as plain data."""
    return {"figures": [asdict(c) for c in found], "outside": outside(found)}
