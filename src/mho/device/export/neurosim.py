"""A table of memory states for NeuroSim 1.5: mean and standard deviation of each state in S."""

from __future__ import annotations

import numpy as np

from mho.device.cells import cells_at
from mho.device.device import Device
from mho.device.drift import NoDrift
from mho.device.law import Array
from mho.device.memory import Redrawn
from mho.device.simulate import targets_of
from mho.errors import ConfigError
from mho.units import time_text


def neurosim_states(
    device: Device, *, t_s: float, levels: int | None = None
) -> tuple[str, list[str]]:
    """Write the states of a device at one time as NeuroSim's ``mem_states.csv``.

    Args:
        device: The device law.
        t_s: Time since programming in s: NeuroSim's table is one moment.
        levels: So many uniform states; None takes the device's own.

    Returns:
        The text of the CSV file (columns states, mean, std; in S), and what it cannot express.

    Raises:
        ConfigError: The number of states is not a power of two.
        OutOfRangeError: The time lies outside the valid range.
    """
    states = targets_of(device, levels)
    if states.size & (states.size - 1):
        near = 2 ** int(np.log2(states.size))
        raise ConfigError(
            f"NeuroSim's states are bits of a cell, so their number must be a power of two; device "
            f"'{device.name}' has {states.size}. Give levels = {near} or {2 * near}."
        )
    rows = [f"{k},{mean * 1e-6:.6e},{sd * 1e-6:.6e}" for k, (mean, sd) in enumerate(
        _moments(device, g, t_s) for g in states
    )]  # fmt: skip
    return "\n".join(["states,mean,std", *rows]) + "\n", _limits(device, t_s)


def _moments(device: Device, g_uS: float, t_s: float) -> tuple[float, float]:
    """Return mean and sd in µS of what is read, stuck cells included."""
    cells = cells_at(device, g_uS, t_s)
    mean, square = (_average(x, cells.shares) for x in (cells.g_uS, cells.g_uS**2))
    faults = device.faults
    parts: Array = np.array([faults.stuck_at_lrs, faults.stuck_at_hrs])
    whole = 1 - parts.sum()
    edges = np.array([device.g_max_uS, device.g_min_uS])
    mean, square = whole * mean + parts @ edges, whole * square + parts @ edges**2
    return float(mean), float(np.sqrt(max(square - mean**2, 0.0)))


def _average(values: Array, shares: Array) -> float:
    return float((values[1:] + values[:-1]) / 2 @ np.diff(shares))


def _limits(device: Device, t_s: float) -> list[str]:
    limits = [
        "- the shape of the spread: NeuroSim draws every state from a normal law",
        "- read noise apart from programming: it is part of each state's std and drawn once",
        "- chips: cells come from the global generator, so no seed names a chip",
    ]
    if not isinstance(device.drift, NoDrift):
        limits.insert(0, f"- time: the table holds t = {time_text(t_s)} alone")
        if not isinstance(device.memory, Redrawn):
            limits.append("- a cell's path: the tables of two times have no cell in common")
    if device.faults.any:
        limits.append("- stuck cells apart: they widen the std of each state")
    return limits
