"""The schedule as plain data for people: what each set keeps, and at which times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mho.recover.veraplus.holding import Held
from mho.recover.veraplus.schedule import Schedule


def grid_rows(schedule: Schedule, held: Sequence[Held], bound: float) -> list[dict[str, Any]]:
    """Return one row for each tested time.

    Args:
        schedule: Which set is in force when.
        held: What chips reach at each time, ascending.
        bound: The accuracy that ``mean - 3 sd`` was asked to keep.
    """
    return [
        {
            "t_s": h.t_s,
            "set": schedule.set_at(h.t_s),
            "mean": h.mean,
            "sd": h.sd,
            "worst": min(h.accuracies),
            "bound": bound,
            "bound_met": h.lower(3) >= bound,
        }
        for h in held
    ]


def schedule_rows(schedule: Schedule, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one row for each set: from when to when, and its worst time.

    Args:
        schedule: Which set is in force when.
        rows: The rows of :func:`grid_rows`.
    """
    ends = [*schedule.starts_s[1:], rows[-1]["t_s"]]
    found = []
    for number, (from_s, to_s) in enumerate(zip(schedule.starts_s, ends, strict=True)):
        inside = [row for row in rows if from_s <= row["t_s"] <= to_s]
        worst = min(inside, key=lambda row: row["mean"] - 3 * row["sd"])
        found.append(
            {
                "from_s": from_s,
                "to_s": to_s,
                "set": number,
                "mean": worst["mean"],
                "sd": worst["sd"],
                "bound": worst["bound"],
            }
        )
    return found
