"""Bit slicing: a weight spread over several cells of different significance."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from mho.crossbar.mapping import Encoded, FloatArray, ScaledMapping, largest
from mho.device.device import Device
from mho.device.levels import nearest_level


class BitSliced(ScaledMapping):
    """Several pairs of cells a weight, each holding some bits of it, in differential pairs.

    ``w = scale * sum_s 2^(bits (slices - 1 - s)) (g+_s - g-_s)``: the weight's magnitude is rounded
    to an integer of ``bits * slices`` bits and cut into digits, the highest first. Use it where a
    cell tells few levels apart: 4 slices of 2 bits make an 8-bit weight of cells with 4 levels.
    With an ADC each slice is converted on its own and the digits are added up digitally.

    Args:
        slices: How many pairs of cells a weight has.
        bits: Bits of one cell; the device should have ``2**bits`` levels or more.
        scale: One scale a layer, or one an output column.
        clip_sd: Weights beyond so many standard deviations saturate, see
            :class:`mho.DifferentialPair`.

    Example:
        >>> import mho, numpy as np
        >>> ideal = mho.load_device("ideal")
        >>> mapping = BitSliced(slices=2, bits=2)
        >>> encoded = mapping.encode(np.array([[0.4, -1.0]]), ideal)  # 6 of 15 is 12 in base 4
        >>> print(encoded.decode(encoded.g_target_uS))
        [[ 0.4 -1. ]]
    """

    law: Literal["bit-sliced"] = "bit-sliced"
    slices: Annotated[int, Field(ge=2, le=16)] = 4
    bits: Annotated[int, Field(ge=1, le=8)] = 2

    @property
    def exact(self) -> bool:
        """No: weights are rounded to the bits of all slices."""
        return False

    @property
    def cells_per_weight(self) -> int:
        """Two cells a slice."""
        return 2 * self.slices

    def encode(self, weight: FloatArray, device: Device, *, output_axis: int = 0) -> Encoded:
        """Turn a weight into slices of pairs, shape ``(2 * slices, *weight.shape)`` in µS."""
        weight = self.held(weight, output_axis=output_axis)
        low, high = device.window
        w_max = largest(weight, self.scale, output_axis)
        top = 2.0 ** (self.bits * self.slices) - 1
        rest = np.rint(np.abs(weight).astype(np.float64) / w_max * top)
        digit_top = 2.0**self.bits - 1
        wanted, polarity = [], []
        for significance in 2.0 ** (self.bits * np.arange(self.slices - 1, -1, -1)):
            digit, rest = np.divmod(rest, significance)
            g = low + digit / digit_top * (high - low)
            wanted += [np.where(weight > 0, g, low), np.where(weight < 0, g, low)]
            polarity += [significance, -significance]
        return Encoded(
            g_target_uS=nearest_level(
                np.stack(wanted).astype(np.float32), device.levels, device.window
            ),
            polarity=np.asarray(polarity, dtype=np.float32).reshape(-1, *(1,) * weight.ndim),
            scale=(w_max * digit_top / (top * (high - low))).astype(np.float32),
            offset=np.zeros_like(w_max),
            slices=self.slices,
        )
