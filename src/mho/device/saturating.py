"""Saturating spread: ``sd = a (1 - exp(-g / b))``, as charge-trap cells (SONOS) show it.

The same curve describes programming, drift and read noise of these cells with different numbers.
Source of the form: Agrawal et al., IEDM 2022.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from mho.device.law import Array, Law
from mho.device.levels import Window

_Size = Annotated[float, Field(ge=0)]
_Scale = Annotated[float, Field(gt=0)]


def saturating_sd(g: Array, a_uS: float, b_uS: float) -> Array:
    """Evaluate ``a (1 - exp(-g / b))`` in µS, shape of ``g``; a negative g counts as 0.

    >>> float(saturating_sd(np.array([0.0, 1e9]), 0.2, 1.8)[1])
    0.2
    """
    return a_uS * -np.expm1(-np.maximum(g, 0) / b_uS)


class SaturatingSpread(Law):
    """Normal programming error with ``sd = a (1 - exp(-g_target / b))``."""

    law: Literal["saturating"] = "saturating"
    a_uS: _Size
    b_uS: _Scale

    def program(self, g_target: Array, score: Array, window: Window) -> Array:
        """Return programmed conductances in µS, shape of ``g_target``."""
        sd = saturating_sd(g_target, self.a_uS, self.b_uS)
        return np.asarray(g_target + sd * score, dtype=g_target.dtype)


class SaturatingReadNoise(Law):
    """Normal read noise with ``sd = a (1 - exp(-g / b))``, the same at every time."""

    law: Literal["saturating"] = "saturating"
    a_uS: _Size
    b_uS: _Scale

    def sd(self, g: Array, t_s: float) -> Array:
        """Return the sd of one read in µS, shape of ``g``."""
        return np.asarray(saturating_sd(g, self.a_uS, self.b_uS), dtype=g.dtype)


class SaturatingDrift(Law):
    """Normal change that lifts the *total* spread to ``a(t) (1 - exp(-g / b(t)))``.

    The source lists the spread of all cells at each time, with what programming left in it. The
    drift adds what is missing, ``sd² = total(t)² - total(0)²``, independent of the programming
    error. Between listed times a and b are interpolated linearly in t; after the last they stay.

    Args:
        times_s: Times since programming in s; the first is 0.
        a_uS: ``a`` at these times in µS.
        b_uS: ``b`` at these times in µS.
    """

    law: Literal["saturating"] = "saturating"
    frozen_only: ClassVar[bool] = False
    times_s: Annotated[tuple[float, ...], Field(min_length=2)]
    a_uS: tuple[_Size, ...]
    b_uS: tuple[_Scale, ...]

    @model_validator(mode="after")
    def _consistent(self) -> SaturatingDrift:
        if not len(self.times_s) == len(self.a_uS) == len(self.b_uS):
            raise ValueError("times_s, a_uS and b_uS must have the same length")
        if self.times_s[0] != 0 or any(b <= a for a, b in pairwise(self.times_s)):
            raise ValueError("times_s must start at 0 and ascend strictly")
        return self

    def change(self, g: Array, t_s: float, score: Array) -> Array:
        """Return the change in µS at ``t_s`` of cells with these scores, shape of ``g``."""
        a, b = (float(np.interp(t_s, self.times_s, v)) for v in (self.a_uS, self.b_uS))
        programmed = saturating_sd(g, self.a_uS[0], self.b_uS[0])
        added = np.maximum(saturating_sd(g, a, b) ** 2 - programmed**2, 0)
        return np.asarray(np.sqrt(added) * score, dtype=g.dtype)
