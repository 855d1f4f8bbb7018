"""A plan in words: one paragraph, and a page of tables."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from mho.planning.space import Recipe
from mho.units import time_text


def verdict(plan: Mapping[str, Any]) -> str:
    """Say in one paragraph what to do and how sure that is.

    Args:
        plan: The plan as plain data.
    """
    target = plan["target"]
    until = "" if target["lifetime_s"] is None else f" for {time_text(target['lifetime_s'])}"
    goal = (
        f"at most {target['accuracy_drop_pp']:g} points lost{until} on {target['yield']:.0%} of "
        "the chips"
    )
    searched = (
        f"{len(plan['screened'])} of {plan['space']:,} recipes were screened on "
        f"{plan['screening']['chips']} chips and held-out training images, "
        f"{len(plan['finalists'])} judged on the test data and other chips."
    )
    chosen = plan["recipe"]
    if chosen is None:
        best = max(plan["finalists"], key=lambda one: one["yield"]["share"])
        return (
            f"No recipe that was tried meets the target: {goal}. The nearest, "
            f"{recipe_text(best)}, keeps {best['yield']['passed']} of {best['yield']['chips']} "
            f"chips. {searched} Allow more SRAM or longer distillation, or ask for less."
        )
    found = chosen["yield"]
    sure = (
        "which shows the yield asked for"
        if found["ci_low"] >= target["yield"]
        else f"so the yield is {found['ci_low']:.0%} or more: judge on more chips (final_chips) to "
        f"show {target['yield']:.0%}"
    )
    return (
        f"Cheapest recipe found for {goal}: {recipe_text(chosen)}: "
        f"{chosen['area_um2'] / 1e6:.3f} mm², {chosen['area_share']:.2%} of the chip added. "
        f"{found['passed']} of {found['chips']} fresh chips keep it, {sure}. {searched}"
    )


def recipe_text(one: Mapping[str, Any]) -> str:
    """Return a measured recipe's name for people."""
    return str(Recipe.parse(dict(one["recipe"]), where="plan"))


def finalist_rows(finalists: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Return the table of finalists: recipe, price, accuracy and yield with its interval."""
    return [
        [
            recipe_text(one),
            f"{one['area_um2'] / 1e6:.4f}",
            f"{one['area_share']:.2%}",
            "–" if one["energy_pJ"] is None else f"{one['energy_pJ'] / 1e6:.3f}",
            f"{100 * (one['baseline'] - statistics.mean(one['accuracies'])):.2f}",
            f"{100 * (one['baseline'] - min(one['accuracies'])):.2f}",
            f"{one['yield']['passed']}/{one['yield']['chips']} "
            f"({one['yield']['ci_low']:.0%}–{one['yield']['ci_high']:.0%})",
        ]
        for one in sorted(finalists, key=lambda one: float(one["area_um2"]))
    ]


FINALIST_COLUMNS = ["recipe", "mm²", "added", "µJ", "points lost", "worst", "yield"]


def front_rows(front: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Return the table of the front, as it was screened."""
    return [
        [
            recipe_text(one),
            f"{one['area_um2'] / 1e6:.4f}",
            f"{one['area_share']:.2%}",
            f"{one['storage_bits']:,}",
            f"{100 * (one['baseline'] - statistics.mean(one['accuracies'])):.2f}",
            f"{one['drop_pp_at_yield']:.2f}",
        ]
        for one in front
    ]


FRONT_COLUMNS = ["recipe", "mm²", "added", "bits", "points lost", "at the yield"]


def page(plan: Mapping[str, Any]) -> str:
    """Write the plan as Markdown.

    Args:
        plan: The plan as plain data.
    """
    return "\n".join(
        [
            f"# Plan of `{plan['study']}`",
            "",
            plan["verdict"],
            "",
            "## Finalists",
            "",
            "Judged on the test data and on chips that the search never saw. Intervals of the "
            "yield hold together at 95 %.",
            "",
            *_table(FINALIST_COLUMNS, finalist_rows(plan["finalists"])),
            "",
            "## Front",
            "",
            "What no screened recipe beats in both price and accuracy. As screened: few chips, "
            "training images, and chosen for looking best, so a little too good.",
            "",
            *_table(FRONT_COLUMNS, front_rows(plan["front"])),
            "",
        ]
    )


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        "| " + " | ".join(columns) + " |",
        "|" + "---|" * len(columns),
        *("| " + " | ".join(row) + " |" for row in rows),
    ]
