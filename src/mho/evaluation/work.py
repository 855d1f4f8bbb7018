"""The work of an evaluation: what turns chips and times into trials, wherever it is done."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, TypeAlias

import torch

from mho.data import Data
from mho.evaluation.metric import Metric
from mho.evaluation.passes import count_right
from mho.network.chip import Chip
from mho.network.mapped import MappedNetwork
from mho.network.plan import Plan
from mho.network.self_check import self_check
from mho.results import Trial, digest
from mho.units import time_text

_NUMBERS = 2
"""Raised when a change of mho changes the numbers of a trial, so that old ones are not mixed in."""
_READ = 0
"""Number of the read whose noise is in every evaluation, as in ``chip.at(t)``."""
_CHECKED: set[str] = set()
"""Digests of networks that passed the self-check in this process."""


@dataclass(frozen=True)
class Work:
    """What turns chips and times into trials: a pure function of its fields.

    Attributes:
        network: A mapped network, or one chip.
        data: Examples with labels.
        metric: What counts as right.
        batch: Examples in a pass on an accelerator.
        torch_device: Where to compute.
        law_uncertainty: Whether chip k is made by the k-th law that the measurements leave open.
    """

    network: MappedNetwork | Chip
    data: Data
    metric: Metric
    batch: int
    torch_device: str
    law_uncertainty: bool = False

    @cached_property
    def mapped(self) -> MappedNetwork:
        """The network, with the recoveries of the chip if there is only one."""
        if isinstance(self.network, Chip):
            return replace(self.network.network, applied=self.network.applied)
        return self.network

    @cached_property
    def plan(self) -> Plan:
        """The prepared forward pass that every chip is loaded into."""
        return Plan(self.mapped, torch_device=self.torch_device)

    @cached_property
    def task(self) -> str:
        """Id of all trials of this work."""
        return digest(self.description())

    def description(self) -> dict[str, Any]:
        """Everything that decides a trial, but for the chip and the time."""
        said = {"law_uncertainty": True} if self.law_uncertainty else {}
        return {
            **said,
            "numbers": _NUMBERS,
            "network": self.mapped.digest,
            "chips": self.network.scope if isinstance(self.network, Chip) else "chip",
            "data": self.data.digest,
            "metric": self.metric.name,
            "read": _READ,
        }

    def check(self) -> None:
        """Run the self-check on a few examples, once for each network."""
        if self.mapped.digest not in _CHECKED:
            inputs, _ = next(iter(self.data.batches(8)))
            self_check(self.mapped, inputs)
            _CHECKED.add(self.mapped.digest)

    def trials(self, seed: int, times_s: Sequence[float]) -> list[Trial]:
        """Run one chip; its times share their draws."""
        chip = self._chip(seed)
        with threads(1):
            _ = chip.attachments  # training done for this chip alone; see `threads`
        found = []
        for snapshot in chip.snapshots(times_s, read=_READ):
            self.plan.load(snapshot)
            right = count_right(
                self.plan,
                self.data,
                metric=self.metric,
                batch=self.batch,
                torch_device=self.torch_device,
                who=f"chip {seed} of '{chip.network.name}' at t = {time_text(snapshot.t_s)}",
            )
            found.append(Trial(self.task, seed, snapshot.t_s, right, len(self.data)))
        return found

    def _chip(self, seed: int) -> Chip:
        if isinstance(self.network, Chip):
            return self.network
        if not self.law_uncertainty:
            return self.network.program(seed)
        # Levels and targets are what the card says: only what becomes of the cells is another law.
        hardware = self.network.hardware
        sample = hardware.model_copy(update={"device": hardware.device.law_sample(seed)})
        return replace(self.network, hardware=sample).program(seed)

    def __getstate__(self) -> dict[str, Any]:
        """Travel to another process without what can be made again there."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


Runner: TypeAlias = Callable[[Work, Mapping[int, Sequence[float]]], Iterator[list[Trial]]]
"""Runs chips (by seed, with the times that are missing) and yields trials as they are finished."""


def one_by_one(work: Work, missing: Mapping[int, Sequence[float]]) -> Iterator[list[Trial]]:
    """Run chips one after the other in this process."""
    for seed, times_s in missing.items():
        yield work.trials(seed, times_s)


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch use so many threads while the block runs.

    Sums over a batch of gradients depend on how many threads share them, so what is trained must be
    trained with one number of threads to come out the same everywhere. Forward passes do not
    depend on it.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
