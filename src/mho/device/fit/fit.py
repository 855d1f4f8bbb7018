"""A fit: the device law, and how well it describes the cells it came from."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mho.device.fit.faults import FaultFit
from mho.device.fit.goodness import PROBABILITIES, DriftGoodness
from mho.device.fit.memory import MemoryFit
from mho.device.fit.ranking import Ranking
from mho.device.fit.temperature import TemperatureFit
from mho.device.fit.variance import VarianceFit
from mho.files import atomic_write
from mho.units import time_text

if TYPE_CHECKING:
    from mho.device.device import Device


@dataclass(frozen=True)
class Goodness:
    """How well the law describes the measured cells.

    Args:
        cells: Cells behind the fit.
        reads: Reads behind the fit.
        programming: Families of programming spread, best first; None where no target is known.
        families: Families of drift, best first; None where one time only was read.
        drift: Change over time, measured and fitted, by time and by level; None likewise.
        memory: Correlations of a cell's path, measured and fitted; None likewise.
        faults: Stuck and overshot cells.
        variance: Spread by lot, wafer, die, device and cycle; None where the table tells none.
        temperature: Drift at several temperatures; None where there is one.
    """

    cells: int
    reads: int
    programming: Ranking | None = None
    families: Ranking | None = None
    drift: DriftGoodness | None = None
    memory: MemoryFit | None = None
    faults: FaultFit | None = None
    variance: VarianceFit | None = None
    temperature: TemperatureFit | None = None

    @property
    def held_out(self) -> dict[str, float]:
        """Held-out log-likelihood of the drift families, in nats a read."""
        if self.families is None:
            return {}
        return {c.name: c.held_out for c in self.families.candidates}


@dataclass(frozen=True)
class Fit:
    """A device law fitted to a table of measured cells.

    Args:
        device: The law, ready for :func:`mho.map_network` and friends.
        goodness: How well it fits, with the cells behind each figure.
        understood: How the table's columns were understood, one line each.
        warnings: What is wrong with the table or weak in the fit.

    Example:
        >>> import mho, numpy as np, pandas as pd
        >>> g = mho.load_device("falcone2025").sample(np.full(300, 50.0), ["1 s", "1 h"])
        >>> table = pd.DataFrame({"cell": np.tile(np.arange(300), 2), "target_uS": 50.0,
        ...                       "time_s": np.repeat([1, 3600], 300), "conductance_uS": g.ravel()})
        >>> fit = mho.fit_device(table, members=3)
        >>> len(fit.ensemble(2))
        2
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

    def ensemble(self, n: int = 20) -> tuple[Device, ...]:
        """Return laws that other samples of the same cells would have given.

        Use them to carry what the data do not know into a result: evaluate chip k with law k.

        Args:
            n: How many; there are as many different ones as the fit was given ``members``.

        Raises:
            ConfigError: The fit was made with ``members=0``, or there is no drift to sample.
        """
        return tuple(self.device.law_sample(k) for k in range(n))

    def to_dict(self) -> dict[str, Any]:
        """Return the law and its goodness as plain data, as the reports read it."""
        good = self.goodness
        drift, memory, variance = good.drift, good.memory, good.variance
        return {
            "device": self.device.model_dump(mode="json", exclude_none=True),
            "understood": list(self.understood),
            "warnings": list(self.warnings),
            "cells": good.cells,
            "reads": good.reads,
            "held_out": {k: _number(v) for k, v in good.held_out.items()},
            "programming": _plain(good.programming),
            "families": _plain(good.families),
            "faults": _plain(good.faults),
            "variance": _plain(variance),
            "temperature": _plain(good.temperature),
            "maps": [] if variance is None else list(variance.maps),
            "times": [] if drift is None else [dataclasses.asdict(f) for f in drift.times],
            "levels": [] if drift is None else [
                {**dataclasses.asdict(f), "errors_sd": list(f.errors_sd)} for f in drift.levels
            ],
            "probabilities": list(PROBABILITIES),
            "median_error_sd": None if drift is None else _number(drift.median_error),
            "largest_error_sd": None if drift is None else _number(drift.largest_error),
            "memory": None if memory is None else memory.to_dict(),
        }  # fmt: skip

    def summary(self) -> str:
        """Say in a few lines what was fitted and how well."""
        lines = [
            f"{self.device.name}: {self.goodness.cells:,} cells, {self.goodness.reads:,} reads",
            self._levels_line(),
            *self._programming_lines(),
            *self._drift_lines(),
            *self._temperature_lines(),
        ]
        return "\n".join([*lines, *(f"warning: {text}" for text in self.warnings)])

    def _programming_lines(self) -> list[str]:
        ranking, variance = self.goodness.programming, self.goodness.variance
        lines = []
        if ranking is not None:
            lines.append(f"programming spread: {ranking.winner.name}; {ranking.price()}")
            lines += _tried(ranking)
        if variance is not None:
            sds = ", ".join(
                f"{source} {e.value:.3g} ({e.low:.3g} to {e.high:.3g})"
                for source, e in variance.sds.items()
            )
            unit = "µS" if variance.unit == "µS" else "of ln g"
            lines.append(f"where the spread comes from, sd in {unit}: {sds}")
        return lines

    def _drift_lines(self) -> list[str]:
        drift, memory, families = self.goodness.drift, self.goodness.memory, self.goodness.families
        lines = []
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
        if families is not None:
            lines.append(f"drift: {families.winner.name}; {families.price()}")
            lines += _tried(families)
        if memory is not None and memory.log_likelihood:
            worst = np.nanmax(np.abs(memory.measured - memory.fitted))
            lines.append(
                f"memory of a path: {memory.law.law}, largest error of a correlation {worst:.3f}"
            )
        return lines

    def _temperature_lines(self) -> list[str]:
        bakes = self.goodness.temperature
        if bakes is None or bakes.law is None:
            return []
        law = bakes.law
        low, high = law.interval_eV
        return [
            f"temperature: activation energy {law.activation_energy_eV:.3g} eV ({low:.3g} to "
            f"{high:.3g}), measured from {law.measured_C[0]:g} to {law.measured_C[1]:g} °C, "
            f"growth in time from {law.time_law}"
        ]

    def _levels_line(self) -> str:
        positions = self.device.levels.positions(self.device.window)
        low, high = self.device.window
        count = "any conductance" if positions is None else f"{len(positions)} levels"
        return f"{count} from {low:g} to {high:g} µS"


def _tried(ranking: Ranking) -> list[str]:
    """Say how each family did on unseen cells, with AIC beside it."""
    return [
        f"  held out {c.held_out:9.4f} nats a read, AIC {c.aic:12,.1f}, {c.parameters:5,} numbers: "
        f"{c.name}"
        for c in ranking.candidates
    ]


def _plain(part: Any) -> Any:
    return None if part is None else part.to_dict()


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
