"""What if the device is not as it was trained for: a wrong clock, or drift unlike the card's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from mho.data import Data
from mho.errors import ConfigError
from mho.evaluation.evaluate import evaluate
from mho.network.applied import Applied
from mho.network.mapped import MappedNetwork
from mho.recover.base import Progress
from mho.recover.veraplus.attachment import VeraBranch
from mho.units import Time, time_text

CLOCKS = (0.1, 0.3, 1.0, 3.0, 10.0)
"""What a device takes the time to be, over the true time."""
SEVERITIES = (0.7, 1.0, 1.3)
"""Drift over the card's, mean and spread alike."""


def with_clock(network: MappedNetwork, clock: float) -> MappedNetwork:
    """Return the network on devices whose clock runs wrong.

    Args:
        network: A network with VeRA+.
        clock: What the device takes the time to be, over the true time.

    Raises:
        ConfigError: The network has no VeRA+.
    """
    if not _reads_a_clock(network):
        raise ConfigError("only VeRA+ reads a clock; fit mho.recover.VeraPlus first.")
    return replace(network, applied=tuple(_clocked(applied, clock) for applied in network.applied))


def _reads_a_clock(network: MappedNetwork) -> bool:
    return any(isinstance(applied.attachment, VeraBranch) for applied in network.applied)


def _clocked(applied: Applied, clock: float) -> Applied:
    if not isinstance(applied.attachment, VeraBranch):
        return applied
    return replace(applied, attachment=applied.attachment.with_clock(clock))


def with_other_drift(
    network: MappedNetwork, *, mean: float = 1.0, spread: float = 1.0
) -> MappedNetwork:
    """Return the network, its recoveries unchanged, on cells that drift unlike their card.

    Args:
        network: A network with recoveries.
        mean: Factor on the mean drift.
        spread: Factor on its standard deviation.
    """
    hardware = network.hardware
    device = hardware.device.with_drift_severity(mean=mean, spread=spread)
    other = network.with_hardware(hardware.model_copy(update={"device": device}))
    return replace(other, applied=network.applied)


def robustness(
    network: MappedNetwork,
    data: Data,
    times: Iterable[Time],
    *,
    clocks: Iterable[float] = CLOCKS,
    severities: Iterable[float] = SEVERITIES,
    chips: int = 20,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Evaluate a compensated network with wrong clocks, and with drift unlike the card's.

    Args:
        network: A network with recoveries.
        data: Test data.
        times: Times since programming.
        clocks: Factors of the clock, with drift as on the card; none where no VeRA+ reads it.
        severities: Factors of the drift, with a right clock.
        chips: Chips, the same for all.
        progress: Called as ``progress(done, total, text)``.

    Returns:
        Plain rows: ``clock``, ``drift``, ``t_s``, ``mean``, ``ci_low``, ``ci_high``, ``worst``.
    """
    wanted = list(times)
    cases = [(clock, 1.0) for clock in clocks] if _reads_a_clock(network) else []
    cases += [(1.0, severity) for severity in severities if (1.0, severity) not in cases]
    rows = []
    for done, (clock, severity) in enumerate(cases):
        if progress is not None:
            progress(done, len(cases), f"clock × {clock:g}, drift × {severity:g}")
        case = network if clock == 1 else with_clock(network, clock)
        if severity != 1:
            case = with_other_drift(case, mean=severity, spread=severity)
        found = evaluate(case, data, wanted, chips=chips, progress=False)
        for t_s in found.times_s:
            at = found.at(t_s)
            rows.append(
                {"clock": clock, "drift": severity, "t_s": t_s, "label": time_text(t_s),
                 "mean": at.mean, "ci_low": at.ci_low, "ci_high": at.ci_high, "worst": at.worst}
            )  # fmt: skip
    return rows
