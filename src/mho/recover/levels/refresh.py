"""Rewriting the whole array again and again: drift starts anew, and every write is counted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field, field_validator
from torch import Tensor

from mho.data import Data
from mho.errors import BundleError, ConfigError
from mho.network.applied import Additions, Applied, Attachment, Knowledge
from mho.network.chip import Chip
from mho.network.mapped import MappedNetwork
from mho.network.snapshot import Snapshot
from mho.recover.base import Progress, Recovery, Target, network_of
from mho.recover.rewrite.rewrite import written_cells
from mho.units import Time, seconds, time_text

_ANALOGUE_BITS = 8
"""Width of a stored target where levels are analogue."""


class Refresh(Recovery):
    """Program all cells anew at regular times, as if they had never drifted.

    Use it as the baseline that compensation must beat: it needs no training and no data, but the
    wanted levels must be kept somewhere, every write wears the cells, and the array is out of
    service while it is written. At ``t`` there were ``n = ceil(t / every) - 1`` rewrites and a
    cell is ``t - n every`` old, with programming noise of its own: at a multiple of ``every`` it
    is as old as it gets, just before it is written again.

    Args:
        every: Time between two rewrites.
        lifetime: Until when; it decides how many writes are counted.
        endurance: Writes that a cell survives, where known; a lifetime that takes more is refused.

    Example:
        >>> import mho, torch
        >>> network = mho.map_network(torch.nn.Linear(4, 3), mho.Hardware(device="falcone2025"))
        >>> data = mho.data.Data(torch.ones(2, 4), torch.tensor([0, 1]), name="x", role="train")
        >>> fresh = mho.recover.Refresh(every="1 y").fit(network, data)
        >>> fresh.applied[0].report["rewrites"], fresh.applied[0].adds.rram_writes
        (9, 216)
    """

    method: ClassVar[str] = "refresh"
    knows: ClassVar[Knowledge] = Knowledge(true_time=True)
    every: Time = "1 month"
    lifetime: Time = "10y"
    endurance: Annotated[int, Field(ge=1)] | None = None

    @field_validator("every", "lifetime")
    @classmethod
    def _a_time(cls, value: Time) -> Time:
        if seconds(value) <= 0:
            raise ValueError("a time must be above 0 s")
        return value

    def fit(
        self,
        target: Target,
        data: Data,
        *,
        seed: int = 0,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Target:
        """Plan the rewrites; no data are used.

        Raises:
            ConfigError: The cells do not survive them, or ``every`` is before the device's
                reference time.
        """
        network = network_of(target)
        t0_s = network.hardware.device.t0_s
        if seconds(self.every) < t0_s:
            raise ConfigError(
                f"refresh: every must not be below the device's reference time, {time_text(t0_s)}; "
                f"got {time_text(seconds(self.every))}."
            )
        rewrites = _rewrites(seconds(self.lifetime), seconds(self.every))
        if self.endurance is not None and rewrites > self.endurance:
            raise ConfigError(
                f"refresh: {rewrites:,} rewrites in {time_text(seconds(self.lifetime))} are more "
                f"than the {self.endurance:,} that a cell survives; rewrite less often."
            )
        cells = sum(layer.encoded.g_target_uS.size for layer in network.layers)
        report: dict[str, Any] = {"rewrites": rewrites, "cells": cells}
        if self.endurance is not None:
            report["share_of_endurance"] = rewrites / self.endurance
        return target.with_applied(
            Applied(
                self.method,
                self.settings(),
                self.knows,
                Additions(rram_writes=cells * rewrites, rom_bits=cells * _target_bits(network)),
                RefreshedCells(seconds(self.every)),
                report,
            )
        )


class RefreshedCells(Attachment):
    """Cells that are as old as their last rewrite.

    Args:
        every_s: Time between two rewrites in s.
    """

    kind: ClassVar[str] = "refreshed-cells"

    def __init__(self, every_s: float) -> None:
        self.every_s = every_s

    def apply(self, snapshot: Snapshot, chip: Chip) -> Snapshot:
        """Return the snapshot with cells that were last written at the last refresh."""
        number = _rewrites(snapshot.t_s, self.every_s)
        if not number:
            return snapshot
        age_s = max(snapshot.t_s - number * self.every_s, chip.network.hardware.device.t0_s)
        crossbar, slices = dict(snapshot.crossbar), dict(snapshot.slices)
        for layer in chip.network.layers:
            first = written_cells(chip, layer, 0, snapshot.t_s)
            now = written_cells(chip, layer, number, age_s, label="refresh")
            change = layer.encoded.decode(now) - layer.encoded.decode(first)
            crossbar[layer.name] = crossbar[layer.name] + torch.from_numpy(change)
            if layer.name in slices:
                parts = layer.encoded.decode_slices(now) - layer.encoded.decode_slices(first)
                slices[layer.name] = slices[layer.name] + torch.from_numpy(parts)
        return replace(snapshot, crossbar=crossbar, slices=slices)

    def tensors(self) -> dict[str, Tensor]:
        """Return nothing: the wanted levels are the network's own."""
        return {}

    def settings(self) -> dict[str, Any]:
        """Return the time between two rewrites."""
        return {"every_s": self.every_s}

    @classmethod
    def restore(cls, settings: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> RefreshedCells:
        """Build it again.

        Raises:
            BundleError: The time is missing or makes no sense.
        """
        every_s = settings.get("every_s")
        if not isinstance(every_s, int | float) or not 0 < every_s < math.inf:
            raise BundleError(
                f"refresh: 'every_s' must be a time above 0 s; got {every_s!r}. Save the bundle "
                "again."
            )
        return cls(float(every_s))


def _rewrites(t_s: float, every_s: float) -> int:
    """Return the rewrites before a time; one at that very time has not been done yet."""
    return max(math.ceil(t_s / every_s - 1e-9) - 1, 0)


def _target_bits(network: MappedNetwork) -> int:
    """Return the bits of a cell's wanted level, which a rewrite must know."""
    device = network.hardware.device
    states = device.levels.positions(device.window)
    return _ANALOGUE_BITS if states is None else math.ceil(math.log2(states.size))
