"""Families compared on cells that they were not fitted to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mho.device.fit.likelihood import Estimate
from mho.device.tables.reads import Codes, Floats

_SAME = 1e-3
"""Nats a read that tell nobody anything: 1,000 reads for a factor e."""


@dataclass(frozen=True)
class Candidate:
    """One family, fitted to most of the cells and judged on the others.

    Args:
        name: What a person calls it.
        parameters: How many numbers it has.
        law: The law, fitted to all cells.
        logs: Log density (per µS) of each held-out read, shape ``(reads,)``.
        aic: Akaike's criterion on the cells it was fitted to.
        estimates: Its numbers with 95 % intervals; empty for tables.
    """

    name: str
    parameters: int
    law: Any
    logs: Floats
    aic: float
    estimates: dict[str, Estimate] = field(default_factory=dict)

    @property
    def held_out(self) -> float:
        """Held-out log-likelihood in nats a read."""
        return float(self.logs.mean()) if self.logs.size else np.nan


@dataclass(frozen=True)
class Ranking:
    """Families from the best to the worst, with what choosing another one costs.

    Args:
        candidates: By held-out log-likelihood, best first.
        cells: Cell of each held-out read.
    """

    candidates: tuple[Candidate, ...]
    cells: Codes

    @property
    def winner(self) -> Candidate:
        """The family that predicts unseen cells best."""
        return self.candidates[0]

    @property
    def runner_up(self) -> Candidate | None:
        """The next one; None where only one was tried."""
        return self.candidates[1] if len(self.candidates) > 1 else None

    def gap(self, other: Candidate) -> tuple[float, float]:
        """Return what the winner gains over another in nats a read, and its standard error.

        The error is taken over cells: reads of one cell are not independent.
        """
        difference = self.winner.logs - other.logs
        if difference.size == 0:
            return 0.0, 0.0
        _, cell = np.unique(self.cells, return_inverse=True)
        total = np.bincount(cell, weights=difference - difference.mean())
        return float(difference.mean()), float(np.sqrt((total**2).sum()) / difference.size)

    def close(self, within: float = 2.0, negligible: float = 0.01) -> list[Candidate]:
        """Return the families that fit about as well as the winner.

        Args:
            within: Standard errors that a family may be behind.
            negligible: Nats a read that it may be behind although that is significant: with many
                cells the smallest difference is, and says nothing about other times.
        """
        gaps = [(c, *self.gap(c)) for c in self.candidates]
        return [c for c, gap, error in gaps if gap <= max(within * error, negligible)]

    def price(self) -> str:
        """Say what choosing the simpler of the two best families costs."""
        other = self.runner_up
        if other is None:
            return f"{self.winner.name} was the only family tried"
        gap, error = self.gap(other)
        counts = f"{other.parameters:,} numbers instead of {self.winner.parameters:,}"
        behind = f"{abs(gap):.4f} ± {error:.4f} nats a read {'worse' if gap >= 0 else 'better'}"
        if other.parameters == self.winner.parameters:
            return f"{other.name} has as many numbers ({other.parameters:,}), predicts {behind}"
        if other.parameters > self.winner.parameters:
            return (
                f"{self.winner.name} is also the simpler one of the two best ({other.name} needs "
                f"{counts} and predicts {behind})"
            )
        return (
            f"choosing the simpler {other.name} ({counts}) costs {gap:.4f} ± {error:.4f} nats "
            "a read on unseen cells"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the table as plain data."""
        rows = []
        for c in self.candidates:
            gap, error = self.gap(c)
            rows.append(
                {
                    "family": c.name,
                    "parameters": c.parameters,
                    "held_out_nats_per_read": _finite(c.held_out),
                    "behind_winner": _finite(gap),
                    "standard_error": _finite(error),
                    "aic": _finite(c.aic),
                    "estimates": {
                        k: [_finite(e.value), _finite(e.low), _finite(e.high)]
                        for k, e in c.estimates.items()
                    },
                }
            )
        return {"families": rows, "price": self.price()}


def rank(candidates: list[Candidate], cells: npt.NDArray[np.int64]) -> Ranking:
    """Sort families by held-out log-likelihood; where nothing was held out, by AIC.

    A family that the best one beats by less than its standard error and less than 0.001 nats a read
    is as good: the one with the fewest numbers then comes first.
    """
    if not all(np.isfinite(c.held_out) for c in candidates):
        return Ranking(tuple(sorted(candidates, key=lambda c: c.aic)), cells)
    order = sorted(candidates, key=lambda c: -c.held_out)
    ranking = Ranking(tuple(order), cells)
    as_good = [c for c in order if _no_worse(*ranking.gap(c))]
    first = min(as_good, key=lambda c: c.parameters)
    return Ranking((first, *(c for c in order if c is not first)), cells)


def _no_worse(gap: float, error: float) -> bool:
    return gap <= min(error, _SAME)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
