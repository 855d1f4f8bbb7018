"""Read noise: what a read adds to a conductance, drawn anew at each read."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from mho.device.law import Array, Law
from mho.device.saturating import SaturatingReadNoise


class NoReadNoise(Law):
    """Reads are exact."""

    law: Literal["none"] = "none"

    def sd(self, g: Array, t_s: float) -> Array:
        """Return zeros (µS)."""
        return np.zeros_like(g)


class RelativeReadNoise(Law):
    """``sd = fraction * g``."""

    law: Literal["relative"] = "relative"
    fraction: Annotated[float, Field(ge=0)]

    def sd(self, g: Array, t_s: float) -> Array:
        """Return the sd of one read in µS, shape of ``g``."""
        return np.asarray(self.fraction, g.dtype) * np.abs(g)


class LogReadNoise(Law):
    """1/f noise growing with log g: ``sd = c log10(g) sqrt(ln((t + tau) / (2 tau)))`` in µS.

    Below 1 µS, where log10 turns negative, the sd is 0. Source: Falcone et al. 2025.
    """

    law: Literal["log-conductance"] = "log-conductance"
    coefficient_uS: Annotated[float, Field(ge=0)]
    tau_s: Annotated[float, Field(gt=0)]

    def sd(self, g: Array, t_s: float) -> Array:
        """Return the sd of one read in µS, shape of ``g``."""
        growth = math.sqrt(max(math.log((t_s + self.tau_s) / (2 * self.tau_s)), 0.0))
        return np.asarray(self.coefficient_uS * growth, g.dtype) * np.log10(np.maximum(g, 1))


class PowerReadNoise(Law):
    """1/f noise of PCM: ``sd = g q sqrt(ln((t + tau) / (2 tau)))``, ``q = min(a / x^b, q_max)``.

    With ``x = g / reference_uS``. Source: Nandakumar et al., ICECS 2019.
    """

    law: Literal["power"] = "power"
    a: Annotated[float, Field(ge=0)]
    b: float
    q_max: Annotated[float, Field(ge=0)]
    tau_s: Annotated[float, Field(gt=0)]
    reference_uS: Annotated[float, Field(gt=0)]

    def sd(self, g: Array, t_s: float) -> Array:
        """Return the sd of one read in µS, shape of ``g``."""
        x = np.maximum(g / self.reference_uS, 1e-6)
        q = np.minimum(self.a / x**self.b, self.q_max)
        growth = math.sqrt(max(math.log((t_s + self.tau_s) / (2 * self.tau_s)), 0.0))
        return np.asarray(np.maximum(g, 0) * q * growth, dtype=g.dtype)


ReadNoise = Annotated[
    NoReadNoise | RelativeReadNoise | LogReadNoise | PowerReadNoise | SaturatingReadNoise,
    Field(discriminator="law"),
]
