"""Programming noise: the error that write(-verify) leaves, drawn once per programming.

Each law turns a wanted conductance and one standard normal score per cell into the conductance
that the cell has right after programming. A score is a number, not a draw: the same cell keeps its
score when the law changes, so laws can be compared on the same chips.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from mho.device.curve import polynomial
from mho.device.law import Array, Law
from mho.device.levels import Window
from mho.device.quantiles import QuantileSpread
from mho.device.saturating import SaturatingSpread
from mho.device.shaped import GammaSpread, RelativeSpread, ShapedSpread


class ExactProgramming(Law):
    """The cell takes the wanted conductance."""

    law: Literal["exact"] = "exact"

    def program(self, g_target: Array, score: Array, window: Window) -> Array:
        """Return ``g_target`` (µS)."""
        return g_target


class ConstantSpread(Law):
    """Normal error with the same standard deviation at every level: ``g = g_target + sd * z``."""

    law: Literal["constant"] = "constant"
    sd_uS: Annotated[float, Field(ge=0)]

    def program(self, g_target: Array, score: Array, window: Window) -> Array:
        """Return programmed conductances in µS, shape of ``g_target``."""
        return g_target + np.asarray(self.sd_uS, g_target.dtype) * score


class PolynomialSpread(Law):
    """Normal error, ``sd = c0 + c1 x + c2 x² + …`` in µS with ``x = g_target / reference_uS``.

    A negative polynomial counts as 0.
    """

    law: Literal["polynomial"] = "polynomial"
    coefficients_uS: Annotated[tuple[float, ...], Field(min_length=1)]
    reference_uS: Annotated[float, Field(gt=0)] = 1.0

    def sd(self, g_target: Array) -> Array:
        """Return the standard deviation in µS, shape of ``g_target``."""
        x = g_target / self.reference_uS
        return np.maximum(polynomial(x, self.coefficients_uS), 0)

    def program(self, g_target: Array, score: Array, window: Window) -> Array:
        """Return programmed conductances in µS, shape of ``g_target``."""
        return (g_target + self.sd(g_target) * score).astype(g_target.dtype)


class LognormalSpread(Law):
    """Lognormal spread centred on the target in the log domain: ``g = g_target * exp(sd_ln * z)``.

    ``sd_ln`` is the standard deviation of ln(conductance): 0.5 is the "50 %" of Charan et al. 2020.
    Cells that would leave the window stop at its edge where ``clip_to_window`` is true.
    """

    law: Literal["lognormal"] = "lognormal"
    sd_ln: Annotated[float, Field(ge=0)]
    clip_to_window: bool = True

    def program(self, g_target: Array, score: Array, window: Window) -> Array:
        """Return programmed conductances in µS, shape of ``g_target``."""
        g = g_target * np.exp(np.asarray(self.sd_ln, g_target.dtype) * score)
        return np.clip(g, *window) if self.clip_to_window else g


class TabulatedSpread(Law):
    """Normal error with bias and sd by level, interpolated linearly in g and constant outside."""

    law: Literal["tabulated"] = "tabulated"
    g_uS: Annotated[tuple[float, ...], Field(min_length=1)]
    bias_uS: tuple[float, ...]
    sd_uS: tuple[Annotated[float, Field(ge=0)], ...]

    @model_validator(mode="after")
    def _same_length(self) -> TabulatedSpread:
        if not len(self.g_uS) == len(self.bias_uS) == len(self.sd_uS):
            raise ValueError("g_uS, bias_uS and sd_uS must have the same length")
        return self

    def program(self, g_target: Array, score: Array, window: Window) -> Array:
        """Return programmed conductances in µS, shape of ``g_target``."""
        bias = np.interp(g_target, self.g_uS, self.bias_uS)
        sd = np.interp(g_target, self.g_uS, self.sd_uS)
        return (g_target + bias + sd * score).astype(g_target.dtype)


ProgrammingNoise = Annotated[
    ExactProgramming
    | ConstantSpread
    | PolynomialSpread
    | LognormalSpread
    | TabulatedSpread
    | QuantileSpread
    | ShapedSpread
    | RelativeSpread
    | GammaSpread
    | SaturatingSpread,
    Field(discriminator="law"),
]
