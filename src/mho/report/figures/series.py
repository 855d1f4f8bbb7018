"""Which method has which colour: the same on every figure of a page."""

from __future__ import annotations

from dataclasses import dataclass

from mho.report.schema import Step
from mho.report.verdict import Verdict, as_is

COLOURS = 8
"""How many methods are told apart by colour; more would only pretend to be."""


@dataclass(frozen=True)
class Series:
    """One method as it is drawn.

    Args:
        step: The method and its results.
        colour: Number of its colour, or None where it is drawn in grey.
    """

    step: Step
    colour: int | None

    @property
    def css(self) -> str:
        """The class of its colour."""
        return "other" if self.colour is None else f"s{self.colour}"


def assign_colours(verdict: Verdict) -> tuple[Series, ...]:
    """Give each method its colour, in the order of the study.

    With more methods than colours, those that the verdict speaks of come first, then the best at
    the end of life; the rest is drawn in grey.
    """
    judged = verdict.judgements
    coloured = list(range(len(judged)))
    if len(judged) > COLOURS:
        told = [j for j in (as_is(judged), verdict.chosen, verdict.best) if j is not None]
        ranked = [*told, *sorted(judged, key=lambda j: (not j.meets, -j.end.mean))]
        wanted = dict.fromkeys(judged.index(j) for j in ranked)
        coloured = sorted(list(wanted)[:COLOURS])
    colour_of = {index: colour for colour, index in enumerate(coloured)}
    return tuple(Series(j.step, colour_of.get(i)) for i, j in enumerate(judged))
