"""Whether a set holds: accuracy of testing chips, and the bound they must keep."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import Tensor

from mho.data import Data
from mho.evaluation.passes import count_right
from mho.network.mapped import MappedNetwork
from mho.network.plan import Plan
from mho.recover.veraplus.chips import ChipSource


@dataclass(frozen=True)
class Held:
    """Accuracies of the testing chips at one time.

    Attributes:
        t_s: Time in s.
        accuracies: One a chip.
    """

    t_s: float
    accuracies: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean over chips."""
        return statistics.fmean(self.accuracies)

    @property
    def sd(self) -> float:
        """Standard deviation over chips."""
        return statistics.stdev(self.accuracies)

    def lower(self, deviations: float) -> float:
        """Return mean minus some standard deviations."""
        return self.mean - deviations * self.sd

    def to_list(self) -> list[Any]:
        """Return plain data, for a checkpoint."""
        return [self.t_s, list(self.accuracies)]

    @classmethod
    def from_list(cls, values: list[Any]) -> Held:
        """Build it again from plain data."""
        return cls(float(values[0]), tuple(values[1]))


@dataclass(frozen=True, eq=False)
class Tester:
    """Runs testing chips on data that the vectors are not trained on.

    Attributes:
        network: The network with the recoveries before.
        chips: Where testing chips come from.
        count: How many.
        data: Held-out data.
    """

    network: MappedNetwork
    chips: ChipSource
    count: int
    data: Data

    def test(self, t_s: float, branches: Mapping[str, Tensor]) -> Held:
        """Return the accuracies at a time with branches attached.

        Args:
            t_s: Time in s.
            branches: What the branches add to each layer's weight; empty for none.
        """
        return Held(t_s, tuple(self._accuracy(k, t_s, branches) for k in range(self.count)))

    @cached_property
    def _plan(self) -> Plan:
        return Plan(self.network)

    def _accuracy(self, number: int, t_s: float, branches: Mapping[str, Tensor]) -> float:
        snapshot = self.chips.snapshot(number, t_s).add_digital(branches)
        self._plan.load(snapshot)
        right = count_right(self._plan, self.data, who=f"testing chip {number}")
        return right / len(self.data)
