"""The verdict: does the network stay accurate on these devices, and what is the cheapest fix?

Pure logic on a study's plain results. A method *meets* the target where, at every time up to the
lifetime, its mean accuracy over chips is at least ``baseline - drop`` and the share of chips at
that accuracy is at least the yield asked for. It is *certain* where the lower ends of both
intervals say so too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mho.report.price import Price, decided_by, order_by_price, price_of, price_text
from mho.report.schema import Moment, Results, Step, ordered_steps, parse_results
from mho.report.words import after, amount, interval, percent, span
from mho.results import proportion


@dataclass(frozen=True)
class Judgement:
    """One method against the target.

    Args:
        step: The method.
        price: What it costs.
        end: Its result at the end of life (the latest time evaluated within the lifetime).
        hardest: Its result where it comes closest to failing.
        reaches: Whether it was evaluated up to the end of life.
        meets: Whether it meets the target at every time evaluated within the lifetime.
        certain: Whether the lower ends of the intervals meet it too.
    """

    step: Step
    price: Price
    end: Moment
    hardest: Moment
    reaches: bool
    meets: bool
    certain: bool


@dataclass(frozen=True)
class Verdict:
    """What the study says.

    Args:
        headline: One plain sentence.
        detail: How sure, and what limits it: a few short sentences, possibly none.
        judgements: One per method with results, in the order of the study.
        chosen: The cheapest method that meets the target, or None.
        best: The method with the highest mean accuracy at the end of life, or None.
        floor: The accuracy to keep, or None where no drop was given.
        chosen_by: What made the chosen one the cheapest, e.g. "added area"; may be ''.
    """

    headline: str
    detail: tuple[str, ...]
    judgements: tuple[Judgement, ...]
    chosen: Judgement | None
    best: Judgement | None
    floor: float | None
    chosen_by: str

    @property
    def text(self) -> str:
        """The whole verdict as one paragraph."""
        return " ".join((self.headline, *self.detail))

    @property
    def rivals(self) -> bool:
        """Whether more than one method meets the target."""
        return sum(_passes(judgement) for judgement in self.judgements) > 1


def verdict(results: Mapping[str, Any]) -> str:
    """Say what a study found, in plain words.

    Args:
        results: What ``results.json`` holds.

    Returns:
        One sentence with the finding, then how sure it is.

    Raises:
        ConfigError: The results are not of a format that this version reads.

    Example:
        >>> verdict({"format": 1, "baseline": {"accuracy": 0.98}, "steps": []})
        'No method was evaluated yet; the digital network reaches 98.0 %.'
    """
    return judge(parse_results(results)).text


def judge(results: Results) -> Verdict:
    """Judge every method of a study and choose the cheapest that meets its target."""
    floor = _floor(results)
    judgements = tuple(_judge_step(step, results, floor) for step in ordered_steps(results.steps))
    passing = [j for j in judgements if _passes(j)]
    prices = [j.price for j in passing]
    order = order_by_price(prices)
    chosen = passing[order[0]] if passing else None
    best = max(judgements, key=lambda j: j.end.mean, default=None)
    return Verdict(
        headline=_headline(results, judgements, chosen, best, floor),
        detail=tuple(_detail(results, judgements, chosen, best)),
        judgements=judgements,
        chosen=chosen,
        best=best,
        floor=floor,
        chosen_by=decided_by(prices, order[0]) if len(passing) > 1 else "",
    )


def chips_at(moment: Moment, floor: float) -> tuple[int, int] | None:
    """Count the chips at or above an accuracy: ``(how many, of how many)``; None if not known."""
    if moment.accuracies:
        passing = sum(accuracy >= floor - 1e-12 for accuracy in moment.accuracies)
        return passing, len(moment.accuracies)
    share = moment.yield_
    if share is not None and moment.chips and _same_target(share.target, floor):
        return round(share.share * moment.chips), moment.chips
    return None


def yield_interval(moment: Moment, floor: float) -> tuple[float, float] | None:
    """Return the interval of the share of chips at or above an accuracy; None if not known."""
    count = chips_at(moment, floor)
    share = moment.yield_
    if moment.accuracies and count is not None:
        found = proportion(*count, moment.confidence)
        return found.ci_low, found.ci_high
    if share is None or not _same_target(share.target, floor):
        return None
    if share.ci_low is None or share.ci_high is None:
        return None
    return share.ci_low, share.ci_high


def as_is(judgements: tuple[Judgement, ...]) -> Judgement | None:
    """Return the network mapped as it is, without any recovery; None if it was not evaluated."""
    return next((j for j in judgements if not j.step.recovers), None)


def _floor(results: Results) -> float | None:
    drop = results.target.accuracy_drop_pp
    # Counted accuracies and floats from a file: a hair below the floor is on it.
    return None if drop is None else max(results.baseline.accuracy - drop / 100, 0.0)


def _passes(judgement: Judgement) -> bool:
    return judgement.meets and judgement.reaches


def _judge_step(step: Step, results: Results, floor: float | None) -> Judgement:
    lifetime = results.target.lifetime_s
    limit = math.inf if lifetime is None else lifetime * (1 + 1e-6)
    within = [m for m in step.times if m.t_s <= limit] or [step.times[0]]
    last = max(results.times_s) if lifetime is None else lifetime
    reaches = within[-1].t_s >= last * (1 - 1e-6)
    hardest = min(within, key=lambda m: m.mean)
    meets = certain = floor is not None
    if floor is not None:
        wanted = results.target.yield_
        meets = all(_meets(m, floor, wanted) for m in within)
        certain = meets and all(_certain(m, floor, wanted) for m in within)
    price = price_of(step, results)
    return Judgement(step, price, within[-1], hardest, reaches, meets, certain)


def _meets(moment: Moment, floor: float, wanted: float | None) -> bool:
    if moment.mean < floor - 1e-9:
        return False
    count = chips_at(moment, floor)
    if not wanted or count is None:  # where no chip's own accuracy is known, the mean decides
        return True
    return count[0] >= wanted * count[1] - 1e-9


def _certain(moment: Moment, floor: float, wanted: float | None) -> bool:
    if moment.ci_low is None or moment.ci_low < floor - 1e-9:
        return False
    found = yield_interval(moment, floor)
    return not wanted or (found is not None and found[0] >= wanted - 1e-9)


def _same_target(target: float | None, floor: float) -> bool:
    return target is None or math.isclose(target, floor, abs_tol=1e-6)


def _headline(
    results: Results,
    judgements: tuple[Judgement, ...],
    chosen: Judgement | None,
    best: Judgement | None,
    floor: float | None,
) -> str:
    name, baseline = results.network.name, percent(results.baseline.accuracy)
    if best is None:
        return f"No method was evaluated yet; the digital network reaches {baseline}."
    plain = as_is(judgements)
    if floor is None:
        return _without_target(results, plain, best)
    drop = f"within {_points(results.target.accuracy_drop_pp or 0.0)}"
    life = results.target.lifetime_s
    lasting = f" for {span(life)}" if life else ""
    if chosen is None and plain is not None and len(judgements) == 1 and plain.reaches:
        return _nothing_tried(results, plain, floor, drop)
    if chosen is None:
        goal = f"{drop} of its digital {baseline}{lasting}"
        return _none_meets(f"{name} {goal}", plain, best, floor)
    chips = _on_chips(chosen.end, floor)
    if chosen is plain:
        return (
            f"{name} needs no recovery on these devices: mapped as it is, it has "
            f"{percent(chosen.end.mean)} {after(chosen.end.t_s)}, {drop} of its digital "
            f"{baseline}{chips}."
        )
    cost = price_text(chosen.price)
    rivals = sum(_passes(j) for j in judgements) > 1
    return (
        f"{_falls(results, plain, chosen.end.t_s)}{chosen.step.name} holds it at "
        f"{percent(chosen.end.mean)}, {drop}{chips}{f', for {cost}' if cost else ''} – the "
        f"{'cheapest' if rivals else 'only'} recovery tried that meets the target."
    )


def _falls(results: Results, plain: Judgement | None, t_s: float) -> str:
    """Begin a sentence with what happens to the network as it is."""
    name, baseline = results.network.name, results.baseline.accuracy
    if plain is None:
        return f"{name} has {percent(baseline)} as a digital network; "
    moment = plain.step.at(t_s) or plain.end
    now, before = percent(moment.mean), percent(baseline)
    if now == before:
        return f"Mapped as it is, {name} stays at {now} {after(moment.t_s)}; "
    verb = "falls" if moment.mean < baseline else "rises"
    return f"Mapped as it is, {name} {verb} from {before} to {now} {after(moment.t_s)}; "


def _nothing_tried(results: Results, plain: Judgement, floor: float, drop: str) -> str:
    count = chips_at(plain.end, floor)
    chips = "" if count is None or count[1] < 2 else f" with {count[0]} of {count[1]} chips {drop}"
    start = _falls(results, plain, plain.end.t_s).removesuffix("; ")
    return f"{start}{chips or ', which misses the target'}; no recovery was tried."


def _none_meets(goal: str, plain: Judgement | None, best: Judgement, floor: float) -> str:
    if not best.reaches:
        return (
            f"It is not known what keeps {goal}: the results end {after(best.end.t_s)}, "
            f"where the best, {best.step.name}, has {percent(best.end.mean)}."
        )
    count = chips_at(best.end, floor)
    chips = "" if count is None or count[1] < 2 else f" with {count[0]} of {count[1]} chips there"
    rest = "" if plain is None or best is plain else f"; as it is, {percent(plain.end.mean)} remain"
    when = f" {after(best.end.t_s)}" if best.end.t_s else ""
    return (
        f"Nothing tried keeps {goal}: the best, {best.step.name}, has "
        f"{percent(best.end.mean)}{when}{chips}{rest}."
    )


def _without_target(results: Results, plain: Judgement | None, best: Judgement) -> str:
    start = _falls(results, plain, best.end.t_s)
    if best is plain:
        return f"{start.removesuffix('; ')}."
    return f"{start}{best.step.name} does best of what was tried, with {percent(best.end.mean)}."


def _detail(
    results: Results,
    judgements: tuple[Judgement, ...],
    chosen: Judgement | None,
    best: Judgement | None,
) -> list[str]:
    shown = chosen or best
    if shown is None:
        return []
    sentences = [_how_sure(shown, results)]
    floor = _floor(results)
    if floor is None:
        sentences.append(
            "No target was set: add a [target] with accuracy_drop_pp, lifetime and yield to have "
            "the cheapest method named."
        )
    if chosen is not None and not chosen.certain:
        sentences.append(_not_certain(chosen, floor or 0.0, results.target.yield_))
    beyond = results.measured_to_s
    if shown.end.extrapolated and beyond is not None:
        where = f"Beyond {span(beyond)}" if beyond else "At all times"
        sentences.append(f"{where} the device law is continued, not measured.")
    return [sentence for sentence in sentences if sentence]


def _how_sure(shown: Judgement, results: Results) -> str:
    end, floor = shown.end, _floor(results)
    chips = f"{end.chips} chip{'s' if end.chips != 1 else ''}" if end.chips else ""
    if not chips:
        return ""
    if end.ci_low is None or end.ci_high is None:
        return f"That rests on {chips}, too few for an interval."
    sure = (
        f"How sure: {percent(end.confidence, 0)} interval of the mean "
        f"{interval(end.ci_low, end.ci_high)} % over {chips}"
    )
    if end.worst is not None:
        sure += f", the worst with {percent(end.worst)}"
    found = None if floor is None else yield_interval(end, floor)
    if found is not None:
        sure += f"; of all such chips, {interval(*found, 0)} % have at least {percent(floor)}"
    return f"{sure}."


def _not_certain(chosen: Judgement, floor: float, wanted: float | None) -> str:
    moments = [m for m in chosen.step.times if m.t_s <= chosen.end.t_s]
    if wanted and any(chips_at(m, floor) is None for m in moments):
        return "Not beyond doubt: no single chip is known, so neither is the yield."
    if any(m.ci_low is None or m.ci_low < floor - 1e-9 for m in moments):
        return f"Not beyond doubt: the interval of the mean reaches below {percent(floor)}."
    return f"Not beyond doubt: so few chips cannot prove a yield of {percent(wanted, 0)}."


def _on_chips(moment: Moment, floor: float) -> str:
    count = chips_at(moment, floor)
    if count is None or count[1] < 2:
        return ""
    if count[0] == count[1]:
        return f" on all {count[1]} chips"
    return f" on {count[0]} of {count[1]} chips"


def _points(value: float) -> str:
    return f"{amount(value)} point{'s' if value != 1 else ''}"
