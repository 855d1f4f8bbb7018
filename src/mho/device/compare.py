"""Two device laws side by side."""

from __future__ import annotations

from typing import Any

import numpy as np

from mho.device.describe import describe, times_to_show
from mho.device.device import Device
from mho.device.moments import programming_moments, read_sd
from mho.errors import OutOfRangeError

_PLACES = (0.0, 0.5, 1.0)


def compare_texts(a: Device, b: Device) -> list[tuple[str, str, str]]:
    """Return label and both texts of everything the two laws say.

    >>> import mho
    >>> rows = compare_texts(mho.load_device("falcone2025"), mho.load_device("wan2022"))
    >>> [row for row in rows if row[0] == "window"]
    [('window', '9–88.2 µS', '0–40 µS')]
    """
    of_a, of_b = dict(describe(a)), dict(describe(b))
    labels = list(dict.fromkeys([*of_a, *of_b]))
    return [(label, of_a.get(label, "–"), of_b.get(label, "–")) for label in labels]


def compare_figures(a: Device, b: Device) -> list[dict[str, Any]]:
    """Return spread, mean change and read noise of both, as shares of their own window.

    Windows differ, and a network sees shares of the window: 1 µS is much in 0–40 µS and little in
    50–225 µS. A device that says nothing about a time has None there.

    Returns:
        One record a time and place in the window (0 is g_min, 1 is g_max), with ``a`` and ``b``:
        ``spread``, ``mean`` and ``read_sd`` as shares of the window.
    """
    times = sorted({*times_to_show(a), *times_to_show(b)})
    return [
        {"t_s": t, "place": place, "a": _shares(a, place, t), "b": _shares(b, place, t)}
        for t in times
        for place in _PLACES
    ]


def _shares(device: Device, place: float, t_s: float) -> dict[str, float] | None:
    try:
        device.check_time(t_s)
    except OutOfRangeError:
        return None
    width = device.g_max_uS - device.g_min_uS
    g = np.array([device.g_min_uS + place * width])
    bias, programmed = programming_moments(device, g)
    spread = np.hypot(programmed, device.spread(g, t_s))
    mean = bias + device.mean_shift(g, t_s)
    return {
        "spread": float(spread[0] / width),
        "mean": float(mean[0] / width),
        "read_sd": float(read_sd(device, g, t_s)[0] / width),
    }
