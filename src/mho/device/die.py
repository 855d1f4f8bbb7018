"""Die offsets: what all cells of one die share, beside what each cell has of its own.

A chip is one die. Its offset is one number for all of its crossbars, drawn from the lot's, the
wafer's and the die's own spread; the programming law then says how cells differ inside a die.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from mho.device.law import Array, Law
from mho.device.wafers import Place
from mho.rng import Streams

Sd = Annotated[float, Field(ge=0)]


class NoDieOffset(Law):
    """Dies are alike."""

    law: Literal["none"] = "none"

    def shift(self, g: Array, die: Streams | Place) -> Array:
        """Return ``g`` (µS)."""
        return g


class AddedDieOffset(Law):
    """``g + offset``: one normal offset in µS for all cells of a die."""

    law: Literal["added"] = "added"
    lot_sd_uS: Sd = 0.0
    wafer_sd_uS: Sd = 0.0
    die_sd_uS: Sd = 0.0

    def shift(self, g: Array, die: Streams | Place) -> Array:
        """Return programmed conductances in µS on the die that these streams stand for."""
        sds = (self.lot_sd_uS, self.wafer_sd_uS, self.die_sd_uS)
        return np.asarray(np.maximum(g + np.asarray(_offset(die, sds), g.dtype), 0))


class MultipliedDieOffset(Law):
    """``g exp(offset)``: one normal offset of ln g for all cells of a die."""

    law: Literal["multiplied"] = "multiplied"
    lot_sd_ln: Sd = 0.0
    wafer_sd_ln: Sd = 0.0
    die_sd_ln: Sd = 0.0

    def shift(self, g: Array, die: Streams | Place) -> Array:
        """Return programmed conductances in µS on the die that these streams stand for."""
        sds = (self.lot_sd_ln, self.wafer_sd_ln, self.die_sd_ln)
        return np.asarray(g * np.asarray(math.exp(_offset(die, sds)), g.dtype))


DieOffset = Annotated[
    NoDieOffset | AddedDieOffset | MultipliedDieOffset, Field(discriminator="law")
]


def _offset(die: Streams | Place, sds: tuple[float, ...]) -> float:
    """Return the sum of one draw a level; a chip without a place is of a lot of its own."""
    if isinstance(die, Place):
        draws = [streams.normal((1,), "offset")[0] for streams in (die.lot, die.wafer, die.die)]
        return float(np.dot(sds, np.asarray(draws, dtype=np.float64)))
    return float(np.dot(sds, die.normal((len(sds),), "die").astype(np.float64)))
