"""Temperature: how much faster cells drift when they are hot."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from mho.device.law import Array, Law

if TYPE_CHECKING:
    from mho.device.drift import Drift

BOLTZMANN_eV = 8.617333262e-5
"""Boltzmann's constant in eV/K (CODATA 2018)."""
ZERO_C = 273.15
"""0 °C in K."""


class Arrhenius(Law):
    """One activation energy: time runs ``exp(E/k (1/T0 - 1/T))`` times as fast at T as at T0.

    Args:
        activation_energy_eV: E.
        interval_eV: Its 95 % interval.
        reference_C: T0, the temperature that the drift law was measured at, in °C.
        measured_C: Lowest and highest temperature measured, in °C.
        time_law: Where the growth over time was taken from that E rests on.
    """

    law: Literal["arrhenius"] = "arrhenius"
    activation_energy_eV: float
    interval_eV: tuple[float, float]
    reference_C: Annotated[float, Field(gt=-ZERO_C)]
    measured_C: tuple[float, float]
    time_law: str = "this table"

    @model_validator(mode="after")
    def _ordered(self) -> Arrhenius:
        if not self.interval_eV[0] <= self.activation_energy_eV <= self.interval_eV[1]:
            raise ValueError("activation_energy_eV must lie inside interval_eV")
        if not -ZERO_C < self.measured_C[0] <= self.measured_C[1]:
            raise ValueError("measured_C needs -273.15 < low <= high")
        return self

    def acceleration(self, to_C: float, *, energy_eV: float | None = None) -> float:
        """Return how many seconds at the reference one second at ``to_C`` is worth.

        >>> law = Arrhenius(activation_energy_eV=0.5, interval_eV=(0.4, 0.6), reference_C=85,
        ...                 measured_C=(85, 260))
        >>> round(law.acceleration(220), 1)
        84.3
        """
        energy = self.activation_energy_eV if energy_eV is None else energy_eV
        cold, hot = 1 / (self.reference_C + ZERO_C), 1 / (to_C + ZERO_C)
        return math.exp(energy / BOLTZMANN_eV * (cold - hot))

    def equivalent(self, t_s: float, from_C: float, to_C: float) -> tuple[float, float, float]:
        """Return how long at ``to_C`` does what ``t_s`` at ``from_C`` does, with its interval.

        Args:
            t_s: Time at ``from_C`` in s.
            from_C: Temperature of the bake in °C.
            to_C: Temperature asked about in °C.

        Returns:
            Time in s, and its 95 % interval from that of the activation energy.
        """
        energies = (self.activation_energy_eV, *self.interval_eV)
        times = [
            t_s * self.acceleration(from_C, energy_eV=e) / self.acceleration(to_C, energy_eV=e)
            for e in energies
        ]
        return times[0], min(times[1:]), max(times[1:])

    def is_extrapolated(self, temperature_C: float) -> bool:
        """Whether a temperature lies outside the measured ones."""
        return not self.measured_C[0] <= temperature_C <= self.measured_C[1]


class AcceleratedDrift(Law):
    """The inner law with time running ``factor`` times as fast: ``change(g, factor t)``."""

    law: Literal["accelerated"] = "accelerated"
    inner: Drift
    factor: Annotated[float, Field(gt=0)]

    @property
    def frozen_only(self) -> bool:
        """Whether the inner law gives each cell a constant of its own."""
        return self.inner.frozen_only

    def change(self, g: Array, t_s: float, score: Array) -> Array:
        """Return the change in µS at ``t_s`` of cells with these scores, shape of ``g``."""
        return self.inner.change(g, t_s * self.factor, score)
