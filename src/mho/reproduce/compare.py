"""Holding what was measured beside what was expected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mho.errors import ConfigError
from mho.reproduce.paper import Expectation
from mho.study.spec import AS_IS


@dataclass(frozen=True)
class Comparison:
    """One figure as expected and as measured.

    Attributes:
        what: The figure in words.
        study: The study that it comes from.
        step: The step of that study.
        t_s: Time since programming in s.
        quantity: What of it, see :data:`mho.reproduce.paper.Quantity`.
        measured: Its value here.
        ci_low: Lower end of its interval; for the worst chip there is none.
        ci_high: Upper end.
        chips: Number of chips.
        paper: The paper's value, or None.
        target: The value to reach or not to exceed, or None.
        met: Whether the target is met; None where there is none.
        note: Why the two may differ.
    """

    what: str
    study: str
    step: str
    t_s: float
    quantity: str
    measured: float
    ci_low: float | None
    ci_high: float | None
    chips: int
    paper: float | None
    target: float | None
    met: bool | None
    note: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def compare(
    expected: Expectation,
    figures: Mapping[str, Any],
    against: Mapping[str, Any] | None = None,
) -> Comparison:
    """Find a figure among a study's and hold it beside what is expected.

    Args:
        expected: The figure.
        figures: The study's figures, as :func:`mho.run_study` returns them.
        against: The figures of the study that a ratio is taken against; the same by default.

    Raises:
        ConfigError: The study has no such step or time.
    """
    step = _step(figures, expected.step)
    at = _at(step, expected.time, expected.what)
    if expected.quantity == "storage_ratio":
        other = _step(figures if against is None else against, expected.against)
        measured, ci_low, ci_high = _stored(other) / _stored(step), None, None
    elif expected.quantity in _ADDED:
        measured, ci_low, ci_high = _ADDED[expected.quantity](step, figures), None, None
    else:
        measured, ci_low, ci_high = _accuracies(at, step, figures)[expected.quantity]
    met = None
    if expected.at_least is not None:
        met = measured >= expected.at_least
    elif expected.at_most is not None:
        met = measured <= expected.at_most
    return Comparison(
        what=expected.what,
        study=expected.study,
        step=expected.step,
        t_s=float(at["t_s"]),
        quantity=expected.quantity,
        measured=measured,
        ci_low=ci_low,
        ci_high=ci_high,
        chips=int(at["chips"]),
        paper=expected.paper,
        target=expected.at_least if expected.at_least is not None else expected.at_most,
        met=met,
        note=expected.note or _sureness(expected, step),
    )


def _sureness(expected: Expectation, step: Mapping[str, Any]) -> str:
    """Say how sure it is that there can be no fewer sets."""
    if expected.quantity != "least_sets":
        return ""
    return f"With a confidence of {100 * _known(step, 'least_sets_confidence'):.2f} %."


def _accuracies(
    at: Mapping[str, Any], step: Mapping[str, Any], figures: Mapping[str, Any]
) -> dict[str, tuple[float, float | None, float | None]]:
    """Return every figure that is an accuracy, or made of some, with its interval."""
    baseline = float(figures["baseline"]["accuracy"])
    mean, low, high, worst = (float(at[k]) for k in ("mean", "ci_low", "ci_high", "worst"))
    drift_free = float(_step(figures, AS_IS)["times"][0]["mean"])
    own = float(step["times"][0]["mean"])
    return {
        "accuracy": (mean, low, high),
        "worst": (worst, None, None),
        "drop_pp": (100 * (baseline - mean), 100 * (baseline - high), 100 * (baseline - low)),
        "worst_drop_pp": (100 * (baseline - worst), None, None),
        "kept": (mean / drift_free, low / drift_free, high / drift_free),
        "worst_kept": (worst / drift_free, None, None),
        "kept_own": (mean / own, low / own, high / own),
        "worst_kept_own": (worst / own, None, None),
    }


_ADDED: dict[str, Callable[[Mapping[str, Any], Mapping[str, Any]], float]] = {
    "sets": lambda step, figures: float(len(step["schedule"] or ())),
    "least_sets": lambda step, figures: float(_known(step, "least_sets")),
    "energy_share": lambda step, figures: _known(step["cost"], "energy_share"),
    "fit_minutes": lambda step, figures: step["seconds"] / 60,
    "storage_bytes": lambda step, figures: step["adds"]["rom_bits"] / 8,
    "extra_operations": lambda step, figures: (
        step["adds"]["macs_per_inference"] / figures["network"]["macs"]
    ),
    "share_in_sram": lambda step, figures: step["adds"]["share_in_sram"],
    "area_share": lambda step, figures: step["cost"]["area_share"],
    "area_share_parts": lambda step, figures: step["cost"]["area_share_by_book"]["components-65nm"],
    "speed_least": lambda step, figures: step["cost"]["reprogram_s"][0] / _sram_s(step),
    "speed_most": lambda step, figures: step["cost"]["reprogram_s"][1] / _sram_s(step),
}
"""What a step adds to a chip, by quantity, from the step and all figures."""


def _known(values: Mapping[str, Any], key: str) -> float:
    found: float | None = values.get(key)
    if found is None:
        raise ConfigError(f"'{key}' was not worked out for this step: run its study anew.")
    return found


def _stored(step: Mapping[str, Any]) -> float:
    """Return all bits that a step keeps on the chip, data included."""
    adds = step["adds"]
    bits = float(adds["rom_bits"] + adds["sram_bits"] + adds["data_bits"])
    if not bits:
        raise ConfigError(f"step '{step['name']}' stores nothing: there is no ratio to take.")
    return bits


def _sram_s(step: Mapping[str, Any]) -> float:
    seconds: float = step["cost"]["sram_write_s"]
    if not seconds:
        raise ConfigError(f"step '{step['name']}' writes no SRAM: there is no speed to compare.")
    return seconds


def _step(figures: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    for step in figures["steps"]:
        if step["name"] == name:
            found: Mapping[str, Any] = step
            return found
    names = ", ".join(step["name"] for step in figures["steps"])
    raise ConfigError(f"the study has no step '{name}'; it has {names}.")


def _at(step: Mapping[str, Any], t_s: float | None, what: str) -> Mapping[str, Any]:
    times: list[Mapping[str, Any]] = step["times"]
    if t_s is None:
        return times[-1]
    for at in times:
        if abs(at["t_s"] - t_s) <= 1e-9 * t_s:
            return at
    raise ConfigError(f"'{what}': step '{step['name']}' was not evaluated at {t_s:g} s.")
