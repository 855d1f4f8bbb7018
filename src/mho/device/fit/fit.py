"""A fit: the device law, and how well it describes the cells it came from."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mho.device.fit.goodness import PROBABILITIES, DriftGoodness
from mho.device.fit.memory import MemoryFit
from mho.files import atomic_write
from mho.units import time_text

if TYPE_CHECKING:
    from mho.device.device import Device


@dataclass(frozen=True)
class Goodness:
    """How well the law describes the measured cells.

    Args:
        drift: Change over time, by time and by level; None where one time only was read.
        memory: Correlations of a cell's path, measured and fitted; None likewise.
        held_out: Held-out log-likelihood a read in nats, by drift law.
        cells: Cells behind the fit.
        reads: Reads behind the fit.
    """

    drift: DriftGoodness | None
    memory: MemoryFit | None
    held_out: dict[str, float]
    cells: int
    reads: int


@dataclass(frozen=True)
class Fit:
    """A device law fitted to a table of measured cells.

    Args:
        device: The law, ready for :func:`mho.map_network` and friends.
        goodness: How well it fits, with the cells behind each figure.
        understood: How the table's columns were understood, one line each.
        warnings: What is wrong with the table or weak in the fit.

    Example:
        >>> import mho, pandas as pd
        >>> true = mho.load_device("falcone2025")
        >>> g = true.sample(np.repeat([20.0, 50.0, 80.0], 200), [0, 1, 3600], seed=1)
        >>> table = pd.DataFrame({
        ...     "cell": np.tile(np.arange(600), 3), "time_s": np.repeat([0, 1, 3600], 600),
        ...     "conductance_uS": g.ravel(), "target_uS": np.tile(np.repeat([20, 50, 80], 200), 3),
        ... })
        >>> fit = mho.fit_device(table)
        >>> fit.device.levels.g_uS
        (20.0, 50.0, 80.0)
    """

    device: Device
    goodness: Goodness
    understood: tuple[str, ...]
    warnings: tuple[str, ...]

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the device card (``.toml``), or the whole fit as plain data (``.json``).

        Raises:
            StoreError: The file cannot be written there.
        """
        from mho.device.cards import save_device

        path = Path(path)
        if path.suffix != ".json":
            return save_device(self.device, path)
        atomic_write(path, json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + "\n")
        return path

    def to_dict(self) -> dict[str, Any]:
        """Return the law and its goodness as plain data, as the reports read it."""
        good = self.goodness
        drift, memory = good.drift, good.memory
        return {
            "device": self.device.model_dump(mode="json", exclude_none=True),
            "understood": list(self.understood),
            "warnings": list(self.warnings),
            "cells": good.cells,
            "reads": good.reads,
            "held_out": good.held_out,
            "times": [] if drift is None else [dataclasses.asdict(f) for f in drift.times],
            "levels": [] if drift is None else [
                {**dataclasses.asdict(f), "errors_sd": list(f.errors_sd)} for f in drift.levels
            ],
            "probabilities": list(PROBABILITIES),
            "median_error_sd": None if drift is None else _number(drift.median_error),
            "largest_error_sd": None if drift is None else _number(drift.largest_error),
            "memory": None if memory is None else {
                "times_s": memory.times_s.tolist(),
                "measured": [[_number(c) for c in row] for row in memory.measured],
                "fitted": [[_number(c) for c in row] for row in memory.fitted],
                "pairs": memory.pairs.tolist(),
                "held_out": memory.log_likelihood,
                "law": memory.law.law,
            },
        }  # fmt: skip

    def summary(self) -> str:
        """Say in a few lines what was fitted and how well."""
        lines = [
            f"{self.device.name}: {self.goodness.cells:,} cells, {self.goodness.reads:,} reads"
        ]
        lines += [self._levels_line()]
        drift, memory = self.goodness.drift, self.goodness.memory
        if drift is not None:
            lines.append("change since programming, all levels (measured -> law, µS):")
            lines += [
                f"  {time_text(f.t_s):>8}: mean {f.mean:7.3f} -> {f.mean_fitted:7.3f}, "
                f"sd {f.sd:6.3f} -> {f.sd_fitted:6.3f}   ({f.cells:,} cells)"
                for f in drift.times
            ]
            if drift.quantile_errors.size:
                lines.append(
                    f"quantiles by level and time: median error {drift.median_error:.3f} sd, "
                    f"largest {drift.largest_error:.3f} sd"
                )
        if memory is not None and memory.log_likelihood:
            worst = np.nanmax(np.abs(memory.measured - memory.fitted))
            lines.append(
                f"memory of a path: {memory.law.law}, largest error of a correlation {worst:.3f}"
            )
        for name, value in sorted(self.goodness.held_out.items(), key=lambda item: -item[1]):
            lines.append(f"held-out log-likelihood a read: {name}: {value:.4f}")
        lines += [f"warning: {text}" for text in self.warnings]
        return "\n".join(lines)

    def _levels_line(self) -> str:
        positions = self.device.levels.positions(self.device.window)
        low, high = self.device.window
        count = "any conductance" if positions is None else f"{len(positions)} levels"
        return f"{count} from {low:g} to {high:g} µS"


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
