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

Moves = tuple[tuple[tuple[float, float, float], ...], ...]

EDGE = 1.6448536269514722
"""Score of the 95 % quantile: a tabulated drift is moved at the 5, 50 and 95 % quantiles."""


class Member(Law):
    """One other law: what it has of its own; the rest is the card's.

    A tabulated drift is stored as how far its 5, 50 and 95 % quantiles move; quantiles between
    them move in proportion, and tails are stretched as far as their side of the middle is.

    Args:
        programming: Its programming law.
        die: Its die law.
        drift: Its drift law.
        drift_moves_uS: By conductance and time, the three moves of a tabulated drift.
        memory: Its memory law.
        faults: Its fault rates.
        beyond: Which of ``Ensemble.beyond`` continues its drift; None goes on as the drift does.
    """

    programming: ProgrammingNoise | None = None
    die: DieOffset | None = None
    drift: Drift | None = None
    drift_moves_uS: Moves | None = None
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
        if member.drift_moves_uS is not None:
            if not isinstance(drift, QuantileDrift):
                raise ConfigError(
                    f"device '{card.name}': its ensemble moves tabulated quantiles, but its drift "
                    f"law is '{drift.law}'; fit the card again."
                )
            drift = moved(drift, member.drift_moves_uS)
        if member.beyond is not None and self.from_s > 0:
            drift = ContinuedDrift(
                inner=drift, beyond=self.beyond[member.beyond], from_s=self.from_s
            )
        name = f"{card.name} (sample {k % len(self.members)})"
        return card.replace(name=name, drift=drift, ensemble=None, fit=None, **changes)


def moved(drift: QuantileDrift, moves_uS: Moves) -> QuantileDrift:
    """Return a tabulated drift with its 5, 50 and 95 % quantiles moved.

    Args:
        drift: The table.
        moves_uS: By conductance and time, how far each of the three moves.

    Raises:
        ConfigError: The moves are not as many as the table's rows.
    """
    table, moves = np.asarray(drift.change_uS), np.asarray(moves_uS)
    if moves.shape != (*table.shape[:2], 3):
        raise ConfigError(
            f"an ensemble needs three moves for each of {table.shape[0]} conductances and "
            f"{table.shape[1]} times; got {moves.shape}."
        )
    scores = np.linspace(-drift.score_max, drift.score_max, table.shape[2])
    edge = min(EDGE, drift.score_max)
    knots = np.array([-edge, 0.0, edge])
    rows = np.empty_like(table)
    for place in np.ndindex(*table.shape[:2]):
        old = np.interp(knots, scores, table[place])
        rows[place] = table[place] + np.interp(scores, knots, moves[place])
        for side, tail in ((0, scores < -edge), (2, scores > edge)):
            before = old[side] - old[1]
            after = before + moves[place][side] - moves[place][1]
            stretch = after / before if before != 0 and after / before > 0 else 1.0
            edge_now = old[side] + moves[place][side]
            rows[place][tail] = edge_now + stretch * (table[place][tail] - old[side])
    rows = np.maximum.accumulate(rows, axis=2)
    return drift.model_copy(
        update={"change_uS": tuple(tuple(tuple(map(float, q)) for q in row) for row in rows)}
    )
