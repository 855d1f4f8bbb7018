"""A device law in words and figures: what ``mho device show`` and ``compare`` print."""

from __future__ import annotations

from typing import Any

import numpy as np

from mho.device.device import Device
from mho.device.drift import NoDrift
from mho.device.law import Law
from mho.device.moments import programming_moments, read_sd
from mho.units import seconds, time_text

_TIMES = ("1s", "1h", "1d", "1week", "1month", "1y", "10y")
_LAWS = ("levels", "programming", "die", "drift", "memory", "read_noise", "faults")


def window_text(device: Device) -> str:
    """Write the window for people.

    >>> import mho
    >>> window_text(mho.load_device("falcone2025"))
    '9–88.2 µS'
    """
    return f"{device.g_min_uS:g}–{device.g_max_uS:g} µS"


def law_text(law: Law) -> str:
    """Write one law on one line: its kind, then its numbers as they stand in the card.

    >>> from mho.device.levels import UniformLevels
    >>> law_text(UniformLevels(count=10))
    'uniform: count = 10'
    """
    values = law.model_dump(exclude_none=True)
    kind = values.pop("law", None)
    numbers = ", ".join(f"{key} = {_value_text(value)}" for key, value in values.items())
    return ": ".join(part for part in (kind, numbers) if part)


def describe(device: Device) -> list[tuple[str, str]]:
    """Return label and text of everything a device law says, in the order of a card."""
    valid, source = device.valid, device.source
    rows = [
        ("about", device.description),
        ("window", window_text(device)),
        *((name.replace("_", " "), law_text(getattr(device, name))) for name in _LAWS),
        ("temperature", "" if device.temperature is None else law_text(device.temperature)),
        ("ensemble", _ensemble_text(device)),
        ("valid for g", f"{valid.g_uS[0]:g}–{valid.g_uS[1]:g} µS"),
        ("valid for t", _span_text(valid.t_s)),
        ("measured for t", _span_text(valid.measured_t_s)),
        ("reference time", time_text(device.t0_s)),
        ("source", source.citation),
        ("doi", source.doi or ""),
        ("place", source.place or ""),
        ("note", source.note or ""),
    ]
    if device.fit is not None:
        rows += [(f"fit: {key}", _value_text(v)) for key, v in device.fit.model_dump().items()]
    return [(label, text) for label, text in rows if text]


def _ensemble_text(device: Device) -> str:
    ensemble = device.ensemble
    return "" if ensemble is None else f"{len(ensemble.members)} laws, {ensemble.law}"


def figures(device: Device) -> list[dict[str, Any]]:
    """Return the law's moments at the ends and the middle of its range, now and over time.

    Returns:
        One record a time with ``t_s``, ``extrapolated``, ``g_uS`` and, as lists over ``g_uS`` in
        µS, ``programming_bias_uS``, ``programming_sd_uS``, ``mean_shift_uS`` and ``spread_uS`` (of
        the drift), ``read_sd_uS``.
    """
    low, high = device.valid.g_uS
    g = np.array([low, (low + high) / 2, high])
    bias, programmed = programming_moments(device, g)
    return [
        {
            "t_s": t_s,
            "extrapolated": device.is_extrapolated(t_s),
            "g_uS": g.tolist(),
            "programming_bias_uS": bias.tolist(),
            "programming_sd_uS": programmed.tolist(),
            "mean_shift_uS": device.mean_shift(g, t_s).tolist(),
            "spread_uS": device.spread(g, t_s).tolist(),
            "read_sd_uS": read_sd(device, g, t_s).tolist(),
        }
        for t_s in times_to_show(device)
    ]


def times_to_show(device: Device) -> list[float]:
    """Return 0, the reference time and the familiar times inside the valid range, in s.

    >>> import mho
    >>> times_to_show(mho.load_device("wan2022"))
    [0.0, 1.0, 3600.0, 86400.0, 172800.0]
    """
    if device.valid.t_s is None or isinstance(device.drift, NoDrift):
        return [0.0]
    low, high = device.valid.t_s
    familiar = {t for t in map(seconds, _TIMES) if low <= t <= high}
    return sorted({0.0, device.t0_s, low, high} | familiar)


def figures_table(device: Device) -> tuple[list[str], list[list[object]]]:
    """Return the headings and rows of :func:`figures` for people."""
    records = figures(device)
    heads = ["t"]
    for g in records[0]["g_uS"]:
        heads += [f"sd at {g:.4g} µS", f"mean at {g:.4g} µS", f"read sd at {g:.4g} µS"]
    rows: list[list[object]] = []
    for record in records:
        row: list[object] = [time_text(record["t_s"]) + (" *" if record["extrapolated"] else "")]
        spread = np.hypot(record["programming_sd_uS"], record["spread_uS"])
        mean = np.add(record["programming_bias_uS"], record["mean_shift_uS"])
        for values in zip(spread, mean, record["read_sd_uS"], strict=True):
            row += [f"{round(float(value), 9) + 0.0:.4g}" for value in values]
        rows.append(row)
    return heads, rows


def _span_text(span: tuple[float, float] | None) -> str:
    if span is None:
        return ""
    if span == (0.0, 0.0):
        return "programming only: nothing is said about time"
    return f"{time_text(span[0])} – {time_text(span[1])}"


def _value_text(value: Any, limit: int = 8) -> str:
    if isinstance(value, float):
        return f"{value:.7g}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {_value_text(v)}" for k, v in value.items()) + "}"
    if isinstance(value, tuple | list):
        shown = [_value_text(item) for item in value[:limit]]
        more = [f"… {len(value) - limit} more"] if len(value) > limit else []
        return "[" + ", ".join([*shown, *more]) + "]"
    return str(value)
