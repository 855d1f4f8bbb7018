"""All cells of one level at once: their distribution at one time, without a random draw.

A law turns scores into conductances. Here every combination of scores on a grid is one *typical
cell* with a weight, so that quantiles and tail probabilities are smooth and the same each time.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mho.device.device import Device
from mho.device.drift import NoDrift
from mho.device.law import Array
from mho.device.programming import ExactProgramming
from mho.device.read_noise import NoReadNoise

_CELLS = 40_000
_REACH = 7.0  # scores beyond seven standard deviations are left out: 3e-12 of all cells


class Cells(NamedTuple):
    """Conductances in µS in ascending order, and the share of all cells up to each."""

    g_uS: Array
    shares: Array

    def below(self, x_uS: float) -> float:
        """Return the share of cells with ``g < x``; half of those at x itself."""
        return float(np.interp(x_uS, self.g_uS, self.shares))

    def quantile(self, share: float) -> float:
        """Return the conductance in µS below which this share of cells lies."""
        return float(np.interp(share, self.shares, self.g_uS))


def cells_at(device: Device, g_target_uS: float, t_s: float) -> Cells:
    """Return what is read at ``t_s`` of cells programmed to one target; stuck cells are left out.

    Args:
        device: The device law.
        g_target_uS: Target conductance in µS.
        t_s: Time since programming in s.

    Returns:
        The distribution of one read: programming error, drift and read noise together.

    Example:
        >>> import mho
        >>> cells = cells_at(mho.load_device("milo2021"), 100.0, 0.0)
        >>> round(cells.quantile(0.5), 3), round(cells.below(100 - 3.8716), 3)
        (100.0, 0.159)
    """
    device.check_time(t_s)
    programs = not isinstance(device.programming, ExactProgramming)
    drifts = t_s > 0 and not isinstance(device.drift, NoDrift)
    reads = not isinstance(device.read_noise, NoReadNoise)
    count = programs + drifts + reads
    size = int(_CELLS ** (1 / max(count, 1)))
    score, weight = _grid(size)
    still, whole = np.zeros(1), np.ones(1)
    first, second, third = (
        (score, weight) if on else (still, whole) for on in (programs, drifts, reads)
    )
    g = np.full((first[0].size, second[0].size, third[0].size), float(g_target_uS))
    z1, z2, z3 = np.broadcast_arrays(*np.ix_(first[0], second[0], third[0]))
    if programs:
        g = np.maximum(device.programming.program(g, z1, device.window), 0)
    if drifts:
        g = np.maximum(g + device.drift.change(g, t_s, z2), 0)
    if reads:
        g = g + device.read_noise.sd(g, t_s) * z3
    weights = first[1][:, None, None] * second[1][:, None] * third[1]
    order = np.argsort(g, axis=None, kind="stable")
    shares = weights.ravel()[order]
    return Cells(g.ravel()[order], np.cumsum(shares) - shares / 2)


def _grid(size: int) -> tuple[Array, Array]:
    score = np.linspace(-_REACH, _REACH, size)
    weight = np.exp(-(score**2) / 2)
    return score, weight / weight.sum()
