"""A drift law that another one continues beyond the times it was measured at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from mho.device.law import Array, Law

if TYPE_CHECKING:
    from mho.device.drift import Drift


class ContinuedDrift(Law):
    """The inner law up to ``from_s``; beyond it, the inner law's last shape grows as ``beyond``.

    With m and s the middle (score 0) and the half-width (scores -1 to 1) of ``beyond``::

        change(t) = m0 + m(t) - m(from) + s(t) / s(from) * (inner(from) - m0)

    where ``m0`` is the middle of the inner law at ``from_s``. Use it to ask what families that fit
    about equally well would make of ten years.

    Args:
        inner: The law where it was measured.
        beyond: The law whose growth continues it.
        from_s: Where the inner law ends, in s.
    """

    law: Literal["continued"] = "continued"
    frozen_only: ClassVar[bool] = False
    inner: Drift
    beyond: Drift
    from_s: Annotated[float, Field(gt=0)]

    def change(self, g: Array, t_s: float, score: Array) -> Array:
        """Return the change in µS at ``t_s`` of cells with these scores, shape of ``g``."""
        if t_s <= self.from_s:
            return self.inner.change(g, t_s, score)
        base = self.inner.change(g, self.from_s, score)
        centre = self.inner.change(g, self.from_s, np.zeros_like(g))
        first, narrow = self._middle_and_width(g, self.from_s)
        middle, wide = self._middle_and_width(g, t_s)
        growth = np.where(narrow > 0, wide / np.where(narrow > 0, narrow, 1), 1)
        return np.asarray(centre + (middle - first) + growth * (base - centre), dtype=g.dtype)

    def _middle_and_width(self, g: Array, t_s: float) -> tuple[Array, Array]:
        one = np.ones_like(g)
        middle = self.beyond.change(g, t_s, np.zeros_like(g))
        width = (self.beyond.change(g, t_s, one) - self.beyond.change(g, t_s, -one)) / 2
        return middle, width
