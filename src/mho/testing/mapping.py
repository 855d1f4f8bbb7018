"""What a mapping promises."""

from __future__ import annotations

import numpy as np

from mho.crossbar.mapping import Mapping
from mho.device.device import Device, Source, ValidRange
from mho.device.levels import UniformLevels
from mho.rng import Streams


def check_mapping(mapping: Mapping) -> None:
    """Examine a mapping.

    The promises: conductances lie in the device's window and, where it has levels, on them; an
    ideal device gives the weights back to float rounding (unless ``exact`` is false); weights of
    any shape, all equal, all zero or tiny map to finite numbers; reading is linear and keeps
    leading axes; the mapping survives a trip through JSON.

    Args:
        mapping: The mapping.

    Raises:
        AssertionError: A promise is broken; the message says which.

    Example:
        >>> import mho
        >>> check_mapping(mho.DifferentialPair(scale="column"))
    """
    device = Device(
        name="exam",
        g_min_uS=2,
        g_max_uS=50,
        t0_s=0,
        valid=ValidRange(g_uS=(0, 50)),
        source=Source(citation="the exam of mho.testing"),
    )
    for weight in _weights():
        for axis in (0, 1):
            _check_weight(mapping, device, weight, axis)
    _check_levels(mapping, device.replace(levels=UniformLevels(count=6)))
    again = type(mapping).model_validate_json(mapping.model_dump_json())
    assert again == mapping, "a mapping must survive a trip through JSON"


def _weights() -> list[np.ndarray]:
    streams = Streams(0, "exam")
    shapes = ((3, 4), (5, 1), (2, 3, 3, 3))
    drawn = [streams.normal(shape, "weight", i) / 2 for i, shape in enumerate(shapes)]
    zero = np.zeros((2, 2), dtype=np.float32)
    return [*drawn, zero, zero + 0.25, -np.abs(drawn[0]), drawn[0] * np.float32(1e-30)]


def _check_weight(mapping: Mapping, device: Device, weight: np.ndarray, axis: int) -> None:
    encoded = mapping.encode(weight, device, output_axis=axis)
    g = encoded.g_target_uS
    shape = (mapping.cells_per_weight, *weight.shape)
    assert g.shape == shape, f"g_target_uS must have the shape (cells, *weight) = {shape}"
    assert np.isfinite(g).all(), "wanted conductances must be finite"
    slack = 1e-4 * device.g_max_uS
    inside = (g >= min(device.g_min_uS, 0.01 * device.g_max_uS) - slack).all()
    assert inside, "wanted conductances must not lie below the window"
    assert (g <= device.g_max_uS + slack).all(), "wanted conductances must not exceed the window"
    back = encoded.decode(g)
    stacked = encoded.decode(np.stack([g, g]))
    assert stacked.shape == (2, *weight.shape), "decode() must keep leading axes"
    assert np.array_equal(stacked[1], back), "decode() must treat leading axes alike"
    if mapping.exact:
        span = max(float(np.abs(weight).max()), 1e-37)
        error = float(np.abs(back - weight).max()) / span
        assert error < 1e-5, f"an ideal device must give the weights back; error {error:.1e}"
    moved = encoded.decode(g + 1) + encoded.decode(g - 1) - 2 * back
    rough = 1e-4 * float(np.abs(encoded.decode(g + 1)).max() + np.abs(back).max() + 1e-30)
    assert float(np.abs(moved).max()) <= rough, "reading must be linear in the conductances"


def _check_levels(mapping: Mapping, device: Device) -> None:
    if not mapping.exact:
        return
    g = mapping.encode(_weights()[0], device).g_target_uS
    states = device.levels.positions(device.window)
    assert states is not None
    away = np.abs(g[..., None] - states).min(-1).max()
    assert away < 1e-4 * device.g_max_uS, "wanted conductances must be levels of the device"
