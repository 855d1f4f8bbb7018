"""Shapes: standardised distributions (mean 0, sd 1) that a cell's score is turned into.

A shape is a quantile function of the score: the cell at score 1 of a normal law is the cell at the
84 % quantile of any other shape. Values come from a fine table per shape, so draws cost little.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Annotated, ClassVar, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mho.device.law import Array, Law

Table: TypeAlias = npt.NDArray[np.float64]

_GRID = np.linspace(-7.0, 7.0, 1401)


class NormalShape(Law):
    """Normal: the error is the score."""

    shape: Literal["normal"] = "normal"

    def error(self, score: Array) -> Array:
        """Return standardised errors, shape of ``score``."""
        return score


class _TabulatedShape(Law):
    """A shape whose quantile function is tabulated once for its parameters."""

    parameters: ClassVar[tuple[str, ...]] = ()

    def error(self, score: Array) -> Array:
        """Return standardised errors, shape of ``score``; beyond score 7 the last slope goes on."""
        name = str(type(self).model_fields["shape"].default)
        values = _quantiles(name, *(float(getattr(self, p)) for p in self.parameters))
        position = (score - _GRID[0]) * (1 / (_GRID[1] - _GRID[0]))
        low = np.clip(position.astype(np.int32), 0, len(_GRID) - 2)
        left = values[low]
        return np.asarray(left + (position - low) * (values[low + 1] - left), dtype=score.dtype)


class StudentShape(_TabulatedShape):
    """Student t with ``df`` degrees of freedom: heavy tails on both sides."""

    shape: Literal["student-t"] = "student-t"
    parameters: ClassVar[tuple[str, ...]] = ("df",)
    df: Annotated[float, Field(gt=2, le=1e6)]


class SkewNormalShape(_TabulatedShape):
    """Skew-normal with slant ``alpha``: one tail longer than the other."""

    shape: Literal["skew-normal"] = "skew-normal"
    parameters: ClassVar[tuple[str, ...]] = ("alpha",)
    alpha: Annotated[float, Field(ge=-100, le=100)]


class ExponentialPowerShape(_TabulatedShape):
    """``exp(-|x|^beta)``: Laplace at 1, normal at 2, flat with sharp edges at large ``beta``.

    A write-verify that stops as soon as a cell lies inside its range leaves such a flat top.
    """

    shape: Literal["exponential-power"] = "exponential-power"
    parameters: ClassVar[tuple[str, ...]] = ("beta",)
    beta: Annotated[float, Field(ge=0.5, le=100)]


class LogisticShape(_TabulatedShape):
    """Logistic: tails a little heavier than normal; of ln g it makes a log-logistic law."""

    shape: Literal["logistic"] = "logistic"


Shape = Annotated[
    NormalShape | StudentShape | SkewNormalShape | ExponentialPowerShape | LogisticShape,
    Field(discriminator="shape"),
]


@lru_cache(maxsize=256)
def _quantiles(name: str, parameter: float = 0.0) -> Table:
    """Return the standardised quantile function on the grid of scores, from both tails inwards."""
    upper = _upper_quantiles(name, parameter, _GRID[_GRID >= 0])
    if name == "skew-normal":
        lower = -_upper_quantiles(name, -parameter, _GRID[_GRID > 0])[::-1]
    else:
        lower = -upper[1:][::-1]
    return np.concatenate([lower, upper])


def _upper_quantiles(name: str, parameter: float, score: Table) -> Table:
    """Return the quantiles at scores >= 0, computed from the upper tail for its accuracy."""
    from scipy import special, stats

    tail = special.ndtr(-score)
    if name == "student-t":
        scale = math.sqrt((parameter - 2) / parameter)
        return np.asarray(stats.t.isf(tail, parameter) * scale)
    if name == "exponential-power":
        scale = math.exp(0.5 * (math.lgamma(1 / parameter) - math.lgamma(3 / parameter)))
        return np.asarray(special.gammainccinv(1 / parameter, 2 * tail) ** (1 / parameter) * scale)
    if name == "logistic":
        return np.asarray((np.log1p(-tail) - np.log(tail)) * math.sqrt(3) / math.pi)
    delta = parameter / math.sqrt(1 + parameter**2)
    mean = delta * math.sqrt(2 / math.pi)
    return np.asarray((stats.skewnorm.isf(tail, parameter) - mean) / math.sqrt(1 - mean**2))
