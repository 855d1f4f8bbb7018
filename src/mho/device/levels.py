"""Programmable conductance states: how many there are and where they lie in the window."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, TypeAlias

import numpy as np
from pydantic import Field, field_validator

from mho.device.law import Array, Law

Window: TypeAlias = tuple[float, float]
"""``(g_min, g_max)`` in µS."""


class AnalogueLevels(Law):
    """Any conductance in the window can be programmed."""

    law: Literal["analogue"] = "analogue"

    def positions(self, window: Window) -> Array | None:
        """Return None: there are no distinct states."""
        return None


class UniformLevels(Law):
    """``count`` states, equally spaced from g_min to g_max, both included."""

    law: Literal["uniform"] = "uniform"
    count: Annotated[int, Field(ge=2, le=65_536)]

    def positions(self, window: Window) -> Array | None:
        """Return the states in µS, ascending, shape ``(count,)``."""
        return np.linspace(window[0], window[1], self.count)


class ListedLevels(Law):
    """States at listed conductances (ascending, µS)."""

    law: Literal["listed"] = "listed"
    g_uS: Annotated[tuple[float, ...], Field(min_length=2)]

    @field_validator("g_uS")
    @classmethod
    def _ascending(cls, g_uS: tuple[float, ...]) -> tuple[float, ...]:
        if any(b <= a for a, b in pairwise(g_uS)):
            raise ValueError("levels must ascend strictly")
        return g_uS

    def positions(self, window: Window) -> Array | None:
        """Return the states in µS, ascending, shape ``(count,)``."""
        return np.asarray(self.g_uS)


Levels = Annotated[AnalogueLevels | UniformLevels | ListedLevels, Field(discriminator="law")]


def nearest_level(g_uS: Array, levels: Levels, window: Window) -> Array:
    """Move each wanted conductance to the nearest programmable state (the lower one at a tie).

    Args:
        g_uS: Wanted conductances in µS, any shape.
        levels: The device's states.
        window: ``(g_min, g_max)`` in µS; analogue levels are clipped to it.

    Returns:
        Conductances in µS of the same shape and dtype.

    >>> nearest_level(np.array([0.2, 3.4]), UniformLevels(count=3), (0.0, 4.0)).tolist()
    [0.0, 4.0]
    """
    states = levels.positions(window)
    if states is None:
        return np.clip(g_uS, *window)
    if isinstance(levels, UniformLevels):
        step = (window[1] - window[0]) / (levels.count - 1)
        index = np.ceil((np.clip(g_uS, *window) - window[0]) / step - 0.5)
        return np.asarray(window[0] + index * step, dtype=g_uS.dtype)
    midpoints = (states[1:] + states[:-1]) / 2
    return states[np.searchsorted(midpoints, g_uS)].astype(g_uS.dtype)
