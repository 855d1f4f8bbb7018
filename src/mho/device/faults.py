"""Faults: cells stuck at one end of the window, whatever was written."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from mho.device.law import Array, Law
from mho.device.levels import Window


class Faults(Law):
    """Shares of cells that are stuck: at LRS (g_max) and at HRS (g_min)."""

    stuck_at_lrs: Annotated[float, Field(ge=0, le=1)] = 0.0
    stuck_at_hrs: Annotated[float, Field(ge=0, le=1)] = 0.0

    @model_validator(mode="after")
    def _shares(self) -> Faults:
        if self.stuck_at_lrs + self.stuck_at_hrs > 1:
            raise ValueError("stuck_at_lrs + stuck_at_hrs must not exceed 1")
        return self

    @property
    def any(self) -> bool:
        """Whether there are faults at all."""
        return self.stuck_at_lrs + self.stuck_at_hrs > 0

    def impose(self, g: Array, score: Array, window: Window) -> Array:
        """Return conductances (µS) with stuck cells at the window's ends.

        Args:
            g: Conductances in µS, last axes of the shape of ``score``.
            score: One uniform number in [0, 1) per cell.
            window: ``(g_min, g_max)`` in µS.
        """
        low, high = (np.asarray(edge, g.dtype) for edge in window)
        g = np.where(score < self.stuck_at_lrs, high, g)
        return np.where(score >= 1 - self.stuck_at_hrs, low, g) if self.stuck_at_hrs else g
