"""What a device law promises."""

from __future__ import annotations

import numpy as np

from mho.device.device import Device
from mho.device.drift import NoDrift, drift_moments
from mho.errors import OutOfRangeError
from mho.rng import Streams

_CELLS = 4000
_ERRORS = 5.0
"""Standard errors allowed: with a law's few dozen moments a false alarm is below 1 in 10,000."""


def check_device(device: Device) -> None:
    """Examine a device law.

    The promises: the same seed gives the same cells; more times, or times in another order, change
    no number; conductances are finite and never negative, at the window's edges too; right after
    programming nothing has drifted; the drift of sampled cells has the mean and spread that the law
    states; a time outside the valid range is refused; and the law survives a trip through JSON.

    Args:
        device: The law.

    Raises:
        AssertionError: A promise is broken; the message says which.

    Example:
        >>> import mho
        >>> check_device(mho.load_device("falcone2025"))
    """
    g = np.linspace(*_valid_window(device), 7, dtype=np.float32)
    times_s = _times(device)
    cells = device.sample(g, times_s, seed=1)
    assert cells.shape == (len(times_s), 7), "sample() must return (times, *cells)"
    assert np.isfinite(cells).all(), "conductances must be finite, at the window's edges too"
    assert (cells >= 0).all(), "conductances must never be negative"
    assert np.array_equal(cells, device.sample(g, times_s, seed=1)), "a seed must name its cells"
    backwards = device.sample(g, times_s[::-1], seed=1)[::-1]
    assert np.array_equal(cells, backwards), "the order of times must change no number"
    for i, t_s in enumerate(times_s):
        alone = device.sample(g, [t_s], seed=1)[0]
        assert np.array_equal(cells[i], alone), f"asking other times changed the cells at {t_s} s"
    _check_moments(device, g, times_s)
    _check_refusal(device, g)
    again = Device.model_validate_json(device.model_dump_json())
    assert again == device, "a law must survive a trip through JSON"


def _valid_window(device: Device) -> tuple[float, float]:
    low, high = device.valid.g_uS
    return max(low, device.g_min_uS), min(high, device.g_max_uS)


def _times(device: Device) -> list[float]:
    """Return right after programming, and times over the valid range."""
    if device.valid.t_s is None:
        return [0.0, 1.0, 1e3, 1e8]
    low, high = device.valid.t_s
    return [0.0] if high == 0 else [0.0, *np.geomspace(low, high, 4).tolist()]


def _check_moments(device: Device, g: np.ndarray, times_s: list[float]) -> None:
    """Compare the change of sampled cells with the law's own mean and spread."""
    if isinstance(device.drift, NoDrift):
        return
    law = device.replace(programming={"law": "exact"}, faults={}, levels={"law": "analogue"})
    for target in g[1:-1]:
        wanted = np.full(_CELLS, target, dtype=np.float32)
        change = law.conductances(wanted, times_s, Streams(2, "exam")) - wanted
        for t_s, moved in zip(times_s, change, strict=True):
            mean, spread = (float(m) for m in drift_moments(law.drift, np.array(target), t_s))
            if target + mean < 6 * spread:
                continue  # cells stop at 0 µS, which the moments do not know
            slack = _ERRORS * spread / np.sqrt(_CELLS) + 1e-5 * float(target)
            place = f"at {target:g} µS and {t_s:g} s"
            assert abs(float(moved.mean()) - mean) < slack, f"mean drift {place} is not the law's"
            tolerance = _ERRORS * 1.5 * spread / np.sqrt(_CELLS) + 1e-5 * float(target)
            wrong = abs(float(moved.std()) - spread)
            assert wrong < tolerance, f"spread {place} is not the law's"


def _check_refusal(device: Device, g: np.ndarray) -> None:
    if device.valid.t_s is None or device.extrapolate:
        return
    try:
        device.sample(g, [device.valid.t_s[1] * 10 + 1])
    except OutOfRangeError:
        return
    raise AssertionError("a time beyond the valid range must be refused")
