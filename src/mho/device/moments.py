"""Mean and spread of what a device does, for tables, checks and exports; no cell is drawn."""

from __future__ import annotations

import numpy as np

from mho.device.device import Device
from mho.device.law import Array

_STEP = 0.01
_SCORES = np.arange(-8.0, 8.0 + _STEP / 2, _STEP)
_SHARES = np.exp(-(_SCORES**2) / 2) / np.exp(-(_SCORES**2) / 2).sum()


def programming_moments(device: Device, g_uS: Array) -> tuple[Array, Array]:
    """Return mean error and standard deviation right after programming, over cells without faults.

    The programming law is a function of the target and a standard normal score; its moments are
    the sums over a fine grid of scores, which also holds for laws with clipped ends.

    Args:
        device: The device law.
        g_uS: Target conductances in µS, any shape.

    Returns:
        Mean of ``g_programmed - g_target`` and sd of ``g_programmed`` in µS, shape of ``g_uS``.

    >>> import mho
    >>> mean, sd = programming_moments(mho.load_device("falcone2025"), np.array([50.0]))
    >>> round(float(sd[0]), 4)
    0.5757
    """
    g = np.asarray(g_uS, dtype=np.float64)
    targets = np.broadcast_to(g[..., None], (*g.shape, _SCORES.size))
    scores = np.broadcast_to(_SCORES, targets.shape)
    programmed = np.maximum(device.programming.program(targets, scores, device.window), 0)
    mean = (programmed * _SHARES).sum(-1)
    variance = ((programmed - mean[..., None]) ** 2 * _SHARES).sum(-1)
    return mean - g, np.sqrt(variance)


def read_sd(device: Device, g_uS: Array, t_s: float) -> Array:
    """Return the standard deviation of one read in µS at ``t_s``, shape of ``g_uS``.

    >>> import mho
    >>> float(read_sd(mho.load_device("wan2022"), np.array([30.0]), 1.0)[0])
    0.3
    """
    return device.read_noise.sd(np.asarray(g_uS, dtype=np.float64), t_s)
