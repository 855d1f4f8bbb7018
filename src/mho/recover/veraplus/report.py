"""The schedule as plain data for people: what each set keeps, and at which times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mho.recover.veraplus.guarantee import for_all, lower_limit
from mho.recover.veraplus.holding import Held
from mho.recover.veraplus.schedule import Schedule
from mho.units import time_text

CLAIMS = ("bound_met", "kept_for_sure", "mean_kept_for_sure")
"""What each row says of the bound."""


def grid_rows(
    schedule: Schedule, held: Sequence[Held], drift_free: Held, keep: float, confidence: float
) -> list[dict[str, Any]]:
    """Return one row for each tested time.

    ``bound_met`` is what was measured. ``kept_for_sure`` and ``mean_kept_for_sure`` are what may be
    claimed of all chips: of the margin ``accuracy - keep * own drift-free accuracy``, the mean less
    3 sd, and the mean, are not negative, with the stated confidence for all times together.

    Args:
        schedule: Which set is in force when.
        held: What chips reach at each time, ascending.
        drift_free: What the same chips reach before they drift.
        keep: Share of the drift-free accuracy that was asked for.
        confidence: One-sided, of all claims of a kind together.
    """
    bound = keep * drift_free.mean
    each = for_all(confidence, len(held))

    def sure(h: Held, deviations: float) -> bool:
        pairs = zip(h.accuracies, drift_free.accuracies, strict=True)
        return lower_limit([now - keep * before for now, before in pairs], deviations, each) >= 0

    return [
        {
            "t_s": h.t_s,
            "set": schedule.set_at(h.t_s),
            "mean": h.mean,
            "sd": h.sd,
            "worst": min(h.accuracies),
            "bound": bound,
            "bound_met": h.lower(3) >= bound,
            "kept_for_sure": sure(h, 3),
            "mean_kept_for_sure": sure(h, 0),
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


def missed(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Say at how many times the bound was missed by chips that nothing was decided on, if any.

    Args:
        rows: The rows of :func:`grid_rows`.
    """
    below = [row for row in rows if not row["bound_met"]]
    if not below:
        return []
    lowest = min(below, key=lambda row: row["mean"] - 3 * row["sd"])
    return [
        f"On unseen chips mean - 3 sd lies below the bound at {len(below)} of {len(rows)} times, "
        f"most at {time_text(lowest['t_s'])}: {lowest['mean'] - 3 * lowest['sd']:.4f} against "
        f"{lowest['bound']:.4f}."
    ]
