"""What a valid card leaves open: remarks for its author, never a refusal."""

from __future__ import annotations

import numpy as np

from mho.device.device import Device
from mho.device.drift import NoDrift
from mho.device.moments import programming_moments
from mho.device.programming import ExactProgramming
from mho.device.read_noise import NoReadNoise
from mho.units import time_text


def remarks(device: Device) -> list[str]:
    """Say in plain sentences where a device law is silent or where its use needs care.

    Args:
        device: A device law; it has been validated when it was built.

    Returns:
        Sentences, none where there is nothing to say.

    >>> import mho
    >>> remarks(mho.load_device("charan2020"))[0]
    'it has no drift law: ask for t = 0 s only, or take the drift of another device.'
    """
    return [text for rule in (_time, _window, _read, _overlap) if (text := rule(device))]


def _time(device: Device) -> str | None:
    if isinstance(device.drift, NoDrift):
        if device.valid.t_s is None:
            return "it has no drift law and no valid.t_s: its cells stay as programmed for ever."
        return (
            f"it has no drift law: ask for t = {time_text(device.t0_s)} only, or take the drift of "
            "another device."
        )
    measured, valid = device.valid.measured_t_s, device.valid.t_s
    if measured is None:
        return "valid.measured_t_s is missing: nobody can see which times are extrapolated."
    if valid is not None and valid[1] > measured[1]:
        return (
            f"times after {time_text(measured[1])} were not measured: results from there to "
            f"{time_text(valid[1])} are marked as extrapolated."
        )
    return None


def _window(device: Device) -> str | None:
    low, high = device.valid.g_uS
    if low > device.g_min_uS or high < device.g_max_uS:
        return (
            f"the window {device.g_min_uS:g}–{device.g_max_uS:g} µS is wider than valid.g_uS "
            f"({low:g}–{high:g} µS): weights are mapped to conductances that were never measured."
        )
    return None


def _read(device: Device) -> str | None:
    if isinstance(device.read_noise, NoReadNoise) and not isinstance(
        device.programming, ExactProgramming
    ):
        return "it has no read noise: reads are exact."
    return None


def _overlap(device: Device) -> str | None:
    states = device.levels.positions(device.window)
    if states is None or len(states) < 2:
        return None
    _, sd = programming_moments(device, states)
    gaps = np.diff(states)
    ratio = (sd[1:] + sd[:-1]) / 2 / gaps
    worst = int(np.argmax(ratio))
    if ratio[worst] < 0.25:
        return None
    return (
        f"levels overlap: around {states[worst]:.4g} µS neighbours are {gaps[worst]:.3g} µS apart "
        f"and the programming spread is {(sd[worst] + sd[worst + 1]) / 2:.3g} µS "
        "(see 'mho device levels')."
    )
