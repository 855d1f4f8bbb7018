"""All cells of one level at once: their distribution at one time, without a random draw.

A law turns scores into conductances. Here a distribution is a row of *typical cells* at equal steps
of the normal score, far into the tails; programming, drift and read noise widen it one after the
other. Quantiles and tail probabilities come out smooth and the same each time.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mho.device.device import Device
from mho.device.drift import NoDrift
from mho.device.law import Array
from mho.device.programming import ExactProgramming
from mho.device.read_noise import NoReadNoise

_POINTS = 401  # typical cells kept of a distribution
_SCORES = 101  # scores that one more cause gives each of them
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
    g = np.full(_POINTS, float(g_target_uS))
    if programs:
        score = _normal(_POINTS)[0]
        g = np.sort(np.maximum(device.programming.program(g, score, device.window), 0))
    if drifts:
        g = _widened(g, lambda x, z: np.maximum(x + device.drift.change(x, t_s, z), 0))
    if reads:
        g = _widened(g, lambda x, z: x + device.read_noise.sd(x, t_s) * z)
    return Cells(g, _normal(_POINTS)[2])


def _widened(g: Array, law: Callable[[Array, Array], Array]) -> Array:
    """Give every typical cell every score of one more cause, and return the typical cells of that.

    Each cell's scores are moved by their own part of a step, so that the values of a narrow
    distribution do not fall on one another.
    """
    _, weight, share = _normal(_POINTS)
    score = _normal(_SCORES)[0]
    moved = score + (score[1] - score[0]) * (0.618034 * np.arange(_POINTS) % 1 - 0.5)[:, None]
    values = law(np.broadcast_to(g[:, None], moved.shape), moved).ravel()
    masses = weight[:, None] * np.exp(-(moved**2) / 2)
    order = np.argsort(values, kind="stable")
    sizes = masses.ravel()[order]
    below = (np.cumsum(sizes) - sizes / 2) / sizes.sum()
    return np.interp(share, below, values[order])


@functools.cache
def _normal(size: int) -> tuple[Array, Array, Array]:
    """Return equally spaced normal scores, the share of each, and the share of all below each."""
    score = np.linspace(-_REACH, _REACH, size)
    weight = np.exp(-(score**2) / 2)
    below = np.array([0.5 * math.erfc(-z / math.sqrt(2)) for z in score])
    return score, weight / weight.sum(), below
