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

from mho.errors import ConfigError
from mho.progress import Progress, progress_bar
from mho.reproduce.choose import choose, studies_of
from mho.reproduce.networks import missing_networks
from mho.reproduce.paper import Paper, load_paper, reference_file, study_file
from mho.reproduce.vectors import shipped_vectors
from mho.study.run import run_study
from mho.study.spec import AS_IS, read_study

CHIPS = 5
"""Chips that are made anew."""
SEED = 10_000
"""Seed of the first of them: none of those that were reported."""
FALSE_ALARM = 0.01
"""Chance that sound software fails a check of all figures together, were accuracies normal."""
_FLOATS = 5e-4
"""Difference that other sums of another machine may make, as an accuracy."""
_TRAIN = ("distill", "noise-training", "level-lora", "level-dora")
"""Methods that train off line: their steps are not checked, which takes minutes."""
_VECTORS = "vera-plus"
"""The method whose vectors are shipped; without them its steps are not checked."""


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
    studies: Sequence[str] = (),
    seed: int = SEED,
    progress: Progress | Literal[False] | None = None,
) -> list[Checked]:
    """Evaluate the shipped networks on five fresh chips and compare with what was reported.

    A mean must lie in ``reported ± t s sqrt(1/n + 1/5)`` with the reported chips' own spread ``s``,
    and the worst chip above ``mean - t' s sqrt(1 + 1/n)``; all intervals hold together with 99 %.
    Where only part of the test images is used, what their choice may change is added. Nothing is
    trained: students, and VeRA+ vectors with their schedules, are those that were shipped.

    Args:
        name: The paper.
        dataset: Only its figures on this data set.
        studies: Only figures of these studies; all by default.
        seed: Seed of the first chip.
        progress: As in :func:`mho.reproduce.run.reproduce`.

    Returns:
        Every figure that was checked.

    Raises:
        ConfigError: There is no such paper or data set, or nothing was reported yet.
        MhoError: Any of the errors of a study.
    """
    paper = choose(load_paper(name), name, dataset=dataset, studies=studies)
    figures = [f for f in _checkable(name) if f["study"] in studies_of(paper)]
    if not figures:
        raise ConfigError(
            f"mho reproduce {name} --check: nothing was reported"
            + ("" if dataset is None else f" on '{dataset}'")
            + " that can be checked without training; run it without --check."
        )
    asked = {s: [f for f in figures if f["study"] == s] for s in studies_of(paper)}
    asked = {study: some for study, some in asked.items() if some}
    found: list[Checked] = []
    with tempfile.TemporaryDirectory() as folder, progress_bar("checking", progress) as report:
        for number, (study, some) in enumerate(asked.items()):
            part = _named(report, number, len(asked), study)
            fresh = _fresh(paper, name, some, seed, Path(folder), part)
            found += [checked(f, fresh, share=FALSE_ALARM / len(figures)) for f in some]
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


def left_out(name: str) -> list[str]:
    """Return a sentence for every study that was reported and cannot be checked here.

    Args:
        name: The paper.
    """
    reported = dict.fromkeys(figure["study"] for figure in _reported(name))
    absent = {study: missing_networks(name, [study]) for study in reported}
    return [
        f"{study} was not checked: the weights of '{networks[0]}' are not shipped; train it with: "
        f"mho train {networks[0]}"
        for study, networks in absent.items()
        if networks
    ]


def _fresh(
    paper: Paper,
    name: str,
    figures: Sequence[Mapping[str, Any]],
    seed: int,
    folder: Path,
    progress: Progress,
) -> Mapping[str, Any]:
    """Run what the figures of a study need, on fresh chips and as many images as minutes allow."""
    study = figures[0]["study"]
    values = dict(read_study(study_file(name, study)).values)
    data = dict(values["data"])
    if (images := paper.check_images.get(data["name"])) is not None:
        data["test_images"] = min(images, data.get("test_images", images))
    evaluate = {k: v for k, v in dict(values.get("evaluate", {})).items() if k != "stop"}
    if "times" in evaluate:
        evaluate["times"] = sorted({figure["t_s"] for figure in figures})
    values |= {
        "data": data,
        "evaluate": {**evaluate, "chips": CHIPS, "seed": seed},
        "recover": _steps_for(name, study, {figure["step"] for figure in figures}),
    }
    path = folder / f"{study}.toml"
    path.write_text(tomli_w.dumps(values), encoding="utf-8")
    # Not beside the file: there results of a study "mnist" would pass for data set "mnist".
    return run_study(path, folder / "results" / study, progress=progress)


def _steps_for(name: str, study: str, wanted: set[str]) -> list[dict[str, Any]]:
    """Return the steps that lead to some, with shipped vectors in place of their training."""
    file, shipped = read_study(study_file(name, study)), shipped_vectors(name)
    kept: list[dict[str, Any]] = []
    for step in reversed(file.study.recover):
        if step.name not in wanted:
            continue
        wanted |= {step.after}
        settings = dict(step.settings)
        method = step.method
        if method == _VECTORS:
            method, vectors = "known-vectors", shipped[study][step.name]
            settings = {"vectors": str(vectors.path), "sha256": vectors.sha256}
        own = {"method": method, "name": step.name, "after": step.after, "seed": step.seed}
        if step.examples is not None:
            own["examples"] = step.examples
        kept.insert(0, {**own, **settings})
    return kept


def _reported(name: str) -> list[dict[str, Any]]:
    path = reference_file(name)
    if not path.is_file():
        return []
    figures: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["figures"]
    return figures


def _checkable(name: str) -> Iterator[dict[str, Any]]:
    """Yield the reported figures that take minutes, no training, no weights that are not here."""
    shipped, steps, here = shipped_vectors(name), dict[str, set[str]](), dict[str, bool]()
    left_out = load_paper(name).check_leaves_out
    for figure in _reported(name):
        study = figure["study"]
        if study in left_out:
            continue
        if study not in steps:
            steps[study] = _untrained(name, study, set(shipped.get(study, {})))
            here[study] = not missing_networks(name, [study])
        if here[study] and figure["step"] in steps[study]:
            yield figure


def _untrained(name: str, study: str, vectors: set[str]) -> set[str]:
    """Return the steps of a study that can be made without training."""
    found = {AS_IS}
    for step in read_study(study_file(name, study)).study.recover:
        trains = step.method in _TRAIN or (step.method == _VECTORS and step.name not in vectors)
        if step.after in found and not trains:
            found.add(step.name)
    return found


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
