"""A reproduction as a page for people: Markdown, expected beside measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mho.reproduce.causes import causes_table
from mho.reproduce.compare import Comparison
from mho.reproduce.curves import curve_table
from mho.reproduce.paper import Paper
from mho.reproduce.prices import price_table
from mho.reproduce.robust import robust_table
from mho.units import time_text

_WORDS = {
    "accuracy": "accuracy, %",
    "worst": "worst chip, %",
    "drop_pp": "points below the digital network",
    "worst_drop_pp": "points below it, worst chip",
    "kept": "kept of drift-free, %",
    "worst_kept": "kept of drift-free, worst chip, %",
    "kept_own": "kept of its own drift-free, %",
    "worst_kept_own": "kept of its own drift-free, worst chip, %",
    "sets": "compensation sets",
    "least_sets": "fewest compensation sets there can be",
    "storage_bytes": "bytes of read-only storage",
    "storage_ratio": "times as much stored",
    "energy_share": "energy added, %",
    "fit_minutes": "minutes of fitting",
    "extra_operations": "operations added, %",
    "share_in_sram": "weights in SRAM, %",
    "area_share": "area added, % (book of the paper)",
    "area_share_parts": "area added, % (book of parts)",
    "speed_least": "times faster, fastest RRAM write",
    "speed_most": "times faster, slowest RRAM write",
}
_COUNTS = ("sets", "least_sets", "storage_bytes", "speed_least", "speed_most")


def document(
    paper: Paper,
    comparisons: Sequence[Comparison],
    studies: Mapping[str, Mapping[str, Any]],
    facts: Mapping[str, str],
    curves: Sequence[Mapping[str, Any]] = (),
    diagnoses: Sequence[Mapping[str, Any]] = (),
    hardships: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Write the page.

    Args:
        paper: The paper.
        comparisons: Its figures.
        studies: The figures of each study, by name.
        facts: When, by which version, on what machine.
        curves: What is kept along sweeps.
        diagnoses: What makes networks collapse.
        hardships: What wrong clocks and other drift than the card's do.
    """
    parts = [
        f"# {paper.title}\n",
        f"doi {paper.doi}. {paper.why}\n",
        "\n".join(f"- {key}: {value}" for key, value in facts.items()) + "\n",
        "## Expected and measured\n",
        _table(comparisons),
    ]
    for found in hardships:
        parts.append(f"## {found['what']}\n")
        parts += [f"![{x}]({picture})\n" for x, picture in found["pictures"].items()]
        parts.append(robust_table(found))
    for found in diagnoses:
        parts += [f"## {found['what']}\n", causes_table(found)]
    for found in curves:
        drawn = [f"![{what}]({file})\n" for what, file in found.get("pictures", {}).items()]
        parts += [f"## {found['what']}\n", *drawn, curve_table(found)]
    for name, figures in studies.items():
        parts += [f"## Study `{name}`\n", f"{figures['verdict']}\n", _steps(figures)]
        parts += [table] if (table := price_table(figures["steps"])) else []
    return "\n".join(parts)


def _table(comparisons: Sequence[Comparison]) -> str:
    lines = ["| figure | unit | paper | to reach | measured here | chips | met |", "|" + "---|" * 7]
    for c in comparisons:
        cells = [
            f"{c.what} ({c.step}, {time_text(c.t_s)})",
            _WORDS[c.quantity],
            _value(c.quantity, c.paper),
            _value(c.quantity, c.target),
            f"**{_value(c.quantity, c.measured)}**{_interval(c)}",
            str(c.chips),
            "–" if c.met is None else ("yes" if c.met else "**no**"),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    notes = [f"- {c.what}: {c.note}" for c in comparisons if c.note]
    return "\n".join(lines) + "\n" + ("\n" + "\n".join(notes) + "\n" if notes else "")


def _steps(figures: Mapping[str, Any]) -> str:
    times = [at["label"] for at in figures["steps"][0]["times"]]
    lines = [
        f"{figures['data']['name']}, {figures['data']['images']:,} images. "
        f"{figures['data']['note']} "
        f"Digital network: {100 * figures['baseline']['accuracy']:.2f} %. "
        f"Device {figures['hardware']['device']['name']}, {_mapping(figures)}.\n",
        "| step | " + " | ".join(times) + " | worst chip at the end | may know |",
        "|" + "---|" * (len(times) + 3),
    ]
    for step in figures["steps"]:
        cells = [
            f"{100 * at['mean']:.2f} [{100 * at['ci_low']:.2f}, {100 * at['ci_high']:.2f}]"
            for at in step["times"]
        ]
        knows = ", ".join(k.replace("_", " ") for k, v in step["knows"].items() if v)
        lines.append(
            f"| {step['name']} | {' | '.join(cells)} | {100 * step['times'][-1]['worst']:.2f} | "
            f"{knows or 'nothing'} |"
        )
    return "\n".join(lines) + "\n"


def _mapping(figures: Mapping[str, Any]) -> str:
    mapping = figures["hardware"]["mapping"]
    if isinstance(mapping, Mapping):
        scale = mapping.get("scale")
        return f"mapping {mapping['law']}" + (f", scale per {scale}" if scale else "")
    return f"mapping {mapping}"


def _value(quantity: str, value: float | None) -> str:
    if value is None:
        return "–"
    if quantity in _COUNTS:
        return f"{value:,.0f}"
    if quantity in ("storage_ratio", "fit_minutes"):
        return f"{value:,.1f}"
    return f"{value:.2f}" if quantity.endswith("pp") else f"{100 * value:.2f}"


def _interval(c: Comparison) -> str:
    if c.ci_low is None or c.ci_high is None:
        return ""
    return f" [{_value(c.quantity, c.ci_low)}, {_value(c.quantity, c.ci_high)}]"
