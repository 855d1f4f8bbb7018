"""A price: one published number with its node, its standing and its source."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from mho.device.law import Law

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Mark = Literal["paper", "second-hand", "ours", "choice"]
"""How a number is known: stated in a publication; stated there by somebody else; worked out here
from such numbers; or chosen where the sources are silent."""


class Price(Law):
    """One number of a price book; its key in the book says what it is, and in which unit.

    Args:
        value: The number as published.
        node_nm: The technology node that it was published for, in nm; None for what does not scale.
        mark: How it is known.
        source: Where it stands: authors, venue, year, table or figure; or how it was derived.
    """

    value: Positive
    node_nm: Positive | None = None
    mark: Mark
    source: Annotated[str, Field(min_length=10)]

    def area_at(self, node_nm: float) -> float:
        """Return an area at another node: it grows with the square of the feature size."""
        return self.value if self.node_nm is None else self.value * (node_nm / self.node_nm) ** 2

    def energy_at(self, node_nm: float) -> float:
        """Return an energy at another node: it grows with the feature size.

        The supply hardly changes over the nodes in question, so energy follows capacitance and
        capacitance the length of things [choice].
        """
        return self.value if self.node_nm is None else self.value * (node_nm / self.node_nm)


class ConverterPrice(Law):
    """Area and energy of a converter against its resolution.

    Args:
        bits: Resolutions, increasing.
        area_um2: Area of one converter in µm².
        energy_pJ: Energy of one conversion in pJ.
        node_nm: Technology node in nm.
        mark: How the numbers are known.
        source: Where they stand.
    """

    bits: tuple[int, ...]
    area_um2: tuple[Positive, ...]
    energy_pJ: tuple[Positive, ...]
    node_nm: Positive
    mark: Mark
    source: Annotated[str, Field(min_length=10)]

    @model_validator(mode="after")
    def _same_length(self) -> ConverterPrice:
        if not len(self.bits) == len(self.area_um2) == len(self.energy_pJ) >= 2:
            raise ValueError("bits, area_um2 and energy_pJ must have the same length, at least 2")
        if list(self.bits) != sorted(set(self.bits)):
            raise ValueError("bits must increase")
        return self

    def area_at(self, node_nm: float, bits: int) -> float:
        """Return the area of one converter in µm²."""
        return self._at(bits, self.area_um2) * (node_nm / self.node_nm) ** 2

    def energy_at(self, node_nm: float, bits: int) -> float:
        """Return the energy of one conversion in pJ."""
        return self._at(bits, self.energy_pJ) * (node_nm / self.node_nm)

    def _at(self, bits: int, values: tuple[float, ...]) -> float:
        """Interpolate; beyond the table, continue with the factor a bit of its nearest end."""
        logs = np.log(values)
        if bits < self.bits[0]:
            logs, known = logs[:2], self.bits[:2]
        elif bits > self.bits[-1]:
            logs, known = logs[-2:], self.bits[-2:]
        else:
            return float(np.exp(np.interp(bits, self.bits, logs)))
        slope = (logs[1] - logs[0]) / (known[1] - known[0])
        return float(np.exp(logs[0] + slope * (bits - known[0])))
