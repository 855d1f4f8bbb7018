"""Curves: what is kept or reached along a sweep, by every method, as one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mho.reproduce.paper import Curve
from mho.study.spec import AS_IS


def curve(wanted: Curve, figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return a sweep's figures at the end of life as shares of the drift-free accuracy.

    Args:
        wanted: The curve.
        figures: What the sweep came to, as :func:`mho.run_study` returns it.

    Returns:
        Plain data: ``what``, ``study``, and ``points``: the swept values that were asked for, and
        by step ``mean``, ``ci_low`` and ``ci_high`` of the share kept; or of the accuracy, with the
        ``worst`` chip and the chips' ``sd``.
    """
    if wanted.quantity == "accuracy":
        points = [_reached(cell, wanted) for cell in figures["cells"]]
        steps = list(points[0]["accuracy"])
        return {
            "what": wanted.what,
            "study": wanted.study,
            "x": wanted.values[0],
            "axis": wanted.axis or wanted.values[0],
            "ticks": dict(wanted.ticks),
            "steps": steps,
            "alone": list(wanted.alone),
            "points": points,
        }
    return {
        "what": wanted.what,
        "study": wanted.study,
        "points": [_point(cell, wanted.values) for cell in figures["cells"]],
    }


def _reached(cell: Mapping[str, Any], wanted: Curve) -> dict[str, Any]:
    steps = {step["name"]: step["times"][-1] for step in cell["steps"]}
    return {
        "values": {name: cell["values"][name] for name in wanted.values},
        "chips": next(iter(steps.values()))["chips"],
        "accuracy": {
            name: {key: steps[name][key] for key in ("mean", "ci_low", "ci_high", "worst", "sd")}
            for name in wanted.steps or steps
        },
    }


def _point(cell: Mapping[str, Any], values: Sequence[str]) -> dict[str, Any]:
    steps = {step["name"]: step["times"] for step in cell["steps"]}
    drift_free = float(steps[AS_IS][0]["mean"])
    return {
        "values": {name: cell["values"][name] for name in values},
        "drift_free": drift_free,
        "kept": {
            name: {key: times[-1][key] / drift_free for key in ("mean", "ci_low", "ci_high")}
            for name, times in steps.items()
        },
    }


def curve_table(found: Mapping[str, Any]) -> str:
    """Write a curve as a Markdown table, a row for each point.

    Args:
        found: What :func:`curve` returned.
    """
    points = found["points"]
    if "accuracy" in points[0]:
        return _accuracy_table(found)
    names, steps = list(points[0]["values"]), list(points[0]["kept"])
    head = [*names, "drift-free, %", *(f"{step}, kept %" for step in steps)]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for point in points:
        cells = [_plain(point["values"][name]) for name in names]
        cells.append(f"{100 * point['drift_free']:.2f}")
        for step in steps:
            kept = point["kept"][step]
            low, high = (f"{100 * kept[end]:.1f}" for end in ("ci_low", "ci_high"))
            cells.append(f"{100 * kept['mean']:.2f} [{low}, {high}]")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _accuracy_table(found: Mapping[str, Any]) -> str:
    points = found["points"]
    names, steps = list(points[0]["values"]), list(points[0]["accuracy"])
    head = [*names, *(f"{step}, %" for step in steps), "chips"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for point in points:
        cells = [_plain(point["values"][name]) for name in names]
        for step in steps:
            at = point["accuracy"][step]
            low, high = (f"{100 * at[end]:.1f}" for end in ("ci_low", "ci_high"))
            cells.append(f"{100 * at['mean']:.2f} [{low}, {high}], worst {100 * at['worst']:.1f}")
        lines.append("| " + " | ".join([*cells, str(point["chips"])]) + " |")
    return "\n".join(lines) + "\n"


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
