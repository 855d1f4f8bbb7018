"""What the measurements leave open: other laws that other samples of the same cells would give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from mho.device.continued import ContinuedDrift
from mho.device.die import DieOffset
from mho.device.drift import Drift
from mho.device.faults import Faults
from mho.device.law import Law
from mho.device.memory import Memory
from mho.device.programming import ProgrammingNoise
from mho.device.quantiles import QuantileDrift
from mho.errors import ConfigError

if TYPE_CHECKING:
    from mho.device.device import Device

Rows = tuple[tuple[float, ...], ...]


class Member(Law):
    """One other law: what it has of its own; the rest is the card's.

    A tabulated drift is stored as what moves each of its rows: ``median + shift + stretch *
    (quantile - median)``.

    Args:
        programming: Its programming law.
        die: Its die law.
        drift: Its drift law.
        drift_shift_uS: By conductance and time, for a tabulated drift.
        drift_stretch: By conductance and time, for a tabulated drift.
        memory: Its memory law.
        faults: Its fault rates.
        beyond: Which of ``Ensemble.beyond`` continues its drift; None goes on as the drift does.
    """

    programming: ProgrammingNoise | None = None
    die: DieOffset | None = None
    drift: Drift | None = None
    drift_shift_uS: Rows | None = None
    drift_stretch: Rows | None = None
    memory: Memory | None = None
    faults: Faults | None = None
    beyond: int | None = None


class Ensemble(Law):
    """Laws fitted to bootstrap samples of the measured cells.

    Args:
        law: How the samples were drawn: ``"bootstrap-cells"`` or ``"bootstrap-dies"``.
        members: The laws.
        beyond: Drift laws that fitted about equally well, each with another future.
        from_s: Until when after programming cells were measured.
    """

    law: Literal["bootstrap-cells", "bootstrap-dies"]
    members: Annotated[tuple[Member, ...], Field(min_length=1)]
    beyond: tuple[Drift, ...] = ()
    from_s: Annotated[float, Field(ge=0)] = 0.0

    def device(self, card: Device, k: int) -> Device:
        """Return the k-th law as a device.

        Args:
            card: The device that this ensemble belongs to.
            k: Which; numbers beyond the last one start again at the first.

        Raises:
            ConfigError: A member does not fit the card's drift law.
        """
        member = self.members[k % len(self.members)]
        changes: dict[str, Any] = {
            key: getattr(member, key)
            for key in ("programming", "die", "memory", "faults")
            if getattr(member, key) is not None
        }
        drift = member.drift or card.drift
        if member.drift_shift_uS is not None and member.drift_stretch is not None:
            if not isinstance(drift, QuantileDrift):
                raise ConfigError(
                    f"device '{card.name}': its ensemble moves tabulated quantiles, but its drift "
                    f"law is '{drift.law}'; fit the card again."
                )
            drift = moved(drift, member.drift_shift_uS, member.drift_stretch)
        if member.beyond is not None and self.from_s > 0:
            drift = ContinuedDrift(
                inner=drift, beyond=self.beyond[member.beyond], from_s=self.from_s
            )
        name = f"{card.name} (sample {k % len(self.members)})"
        return card.replace(name=name, drift=drift, ensemble=None, fit=None, **changes)


def moved(drift: QuantileDrift, shift_uS: Rows, stretch: Rows) -> QuantileDrift:
    """Return a tabulated drift with each row shifted and stretched around its median.

    Raises:
        ConfigError: The rows are not as many as the table's.
    """
    table = np.asarray(drift.change_uS)
    shift, factor = np.asarray(shift_uS), np.asarray(stretch)
    if shift.shape != table.shape[:2] or factor.shape != table.shape[:2]:
        raise ConfigError(
            f"an ensemble needs a shift and a stretch for each of {table.shape[0]} conductances "
            f"and {table.shape[1]} times; got {shift.shape} and {factor.shape}."
        )
    middle = table[:, :, [table.shape[2] // 2]]
    rows = middle + shift[:, :, None] + factor[:, :, None] * (table - middle)
    return drift.model_copy(
        update={"change_uS": tuple(tuple(tuple(map(float, q)) for q in row) for row in rows)}
    )
