"""The figures of a study as plain data: what ``results.json`` holds and reports are made of."""

from __future__ import annotations

import datetime
import importlib.metadata
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import mho
from mho.costs.cost import cost
from mho.crossbar.wires import NoWires
from mho.data import Data
from mho.evaluation import Evaluation
from mho.network.applied import Knowledge
from mho.network.mapped import MappedNetwork
from mho.results import digest
from mho.study.artefacts import Artefact
from mho.study.passes import passes_of
from mho.study.plan import Cell
from mho.study.spec import AS_IS, StepSpec, Study, StudyFile

FORMAT = 1
"""Format of the results; readers refuse one they do not know."""

_PACKAGES = ("torch", "numpy", "scipy")


@dataclass(frozen=True)
class Done:
    """A finished step.

    Attributes:
        spec: The step, or None for the network as it is.
        artefact: The network after it.
        evaluation: What it reaches.
        bundle: Where its bundle lies, relative to the results; None for the network as it is.
    """

    spec: StepSpec | None
    artefact: Artefact
    evaluation: Evaluation
    bundle: str | None

    @property
    def name(self) -> str:
        """Name of the step."""
        return AS_IS if self.spec is None else self.spec.name

    @property
    def network(self) -> MappedNetwork:
        """The network after it."""
        return self.artefact.network


def study_figures(
    study: Study,
    text: str,
    *,
    train: Data | None,
    test: Data,
    mapped: MappedNetwork,
    baseline: float,
    done: Mapping[str, Done],
) -> dict[str, Any]:
    """Return everything that a report needs, as plain data.

    Args:
        study: The study.
        text: Its file, verbatim.
        train: What recoveries saw; None where there were none.
        test: What accuracy was measured on.
        mapped: The network before any recovery.
        baseline: Accuracy of the digital network.
        done: The finished steps, in order.
    """
    chips = [seed for step in done.values() for seed in step.evaluation.chips]
    return {
        "format": FORMAT,
        "mho": mho.__version__,
        "study": {"name": study.name, "description": study.description, "toml": text},
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": _versions(),
        "hashes": {
            "study": digest(study.model_dump(mode="json")),
            "network": mapped.digest,
            "hardware": digest(mapped.hardware.model_dump(mode="json")),
            "data": test.digest,
            "train": None if train is None else train.digest,
        },
        "seeds": {
            "chips": [min(chips), max(chips)],
            "training": study.recover[0].seed if study.recover else None,
        },
        "data": {"name": test.name, "role": test.role, "images": len(test), "note": test.note},
        "network": _network(mapped),
        "hardware": _hardware(mapped, study),
        "baseline": {"accuracy": baseline, "images": len(test)},
        "target": {
            "accuracy_drop_pp": study.target.accuracy_drop_pp,
            "lifetime_s": study.target.lifetime,
            "yield": study.target.yield_share,
        },
        "steps": [_step(step, done) for step in done.values()],
        "passes": passes_of(
            {name: step.evaluation for name, step in done.items()},
            [(step.name, other) for step in done.values() for other in _compared(step)],
        ),
        "fit": None if (fit := mapped.hardware.device.fit) is None else fit.model_dump(mode="json"),
    }


def sweep_figures(
    file: StudyFile, cells: Sequence[Cell], found: Mapping[int, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return what a sweep came to: its cells, and of each the steps in short.

    Args:
        file: The study.
        cells: The cells of its plan.
        found: The figures of each, by its number.
    """
    axes = [] if file.sweep is None else file.sweep.axes
    return {
        "format": FORMAT,
        "mho": mho.__version__,
        "study": {
            "name": file.study.name,
            "description": file.study.description,
            "toml": file.text,
        },
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": _versions(),
        "sweep": [{"name": a.name, "key": a.dotted, "values": list(a.values)} for a in axes],
        "cells": [_short(cell, found[cell.number]) for cell in cells],
    }


def _short(cell: Cell, figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return a cell's figures without what stands in its own file only."""
    return {
        "values": dict(cell.values),
        "results": f"cells/{cell.key[:16]}.json",
        "baseline": figures["baseline"]["accuracy"],
        "verdict": figures["verdict"],
        "steps": [
            {
                "name": step["name"],
                "area_share": step["cost"]["area_share"],
                "storage_bits": step["cost"]["storage_bits"],
                "times": [{k: v for k, v in t.items() if k != "accuracies"} for t in step["times"]],
            }
            for step in figures["steps"]
        ],
    }


def _versions() -> dict[str, str]:
    return {
        "mho": mho.__version__,
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in _PACKAGES},
    }


def _network(mapped: MappedNetwork) -> dict[str, Any]:
    rows = mapped.coverage.rows
    macs = [row.macs for row in rows]
    return {
        "name": mapped.name,
        "parameters": sum(row.parameters for row in rows),
        "macs": None if None in macs else sum(m for m in macs if m is not None),
        "coverage": mapped.coverage.to_list(),
        "share_parameters": mapped.coverage.share_parameters,
        "share_macs": mapped.coverage.share_macs,
    }


def _hardware(mapped: MappedNetwork, study: Study) -> dict[str, Any]:
    hardware = mapped.hardware
    notes = []
    if study.hardware.drift_of is not None:
        notes.append(
            f"Programming as '{study.hardware.device}', drift as '{study.hardware.drift_of}', "
            "taken as a share of the conductance window: no one has measured both on one cell."
        )
    if study.hardware.change:
        notes.append(f"Changed from the card: {_flat(study.hardware.change)}.")
    if hardware.ideal_periphery and hardware.wires == NoWires():
        notes.append("Converters and wires are ideal: only the cells err.")
    return {
        "device": hardware.device.model_dump(mode="json"),
        "mapping": hardware.mapping.model_dump(mode="json"),
        "rows": hardware.rows,
        "cols": hardware.cols,
        "dac_bits": hardware.dac_bits,
        "adc_bits": hardware.adc_bits,
        "notes": notes,
    }


def _flat(change: Mapping[str, Any], prefix: str = "") -> str:
    """Write nested changes as one line: ``programming.sd_ln = 0.3``."""
    parts = []
    for key, value in change.items():
        deeper = isinstance(value, Mapping)
        parts.append(_flat(value, f"{prefix}{key}.") if deeper else f"{prefix}{key} = {value}")
    return ", ".join(parts)


def _step(step: Done, done: Mapping[str, Done]) -> dict[str, Any]:
    applied = step.network.applied
    own = applied[-1] if applied and step.spec is not None else None
    return {
        "name": step.name,
        "method": "nothing" if own is None else own.method,
        "after": None if step.spec is None else step.spec.after,
        "composed": [a.method for a in applied],
        "settings": {} if own is None else dict(own.settings),
        "examples": None if step.spec is None else step.spec.examples,
        "knows": {
            f.name: any(getattr(a.knows, f.name) for a in applied) for f in fields(Knowledge)
        },
        "adds": asdict(step.network.adds),
        "cost": cost(step.network).to_dict(),
        "times": step.evaluation.to_dict()["times"],
        "paired": _paired(step, done),
        "seconds": step.artefact.seconds,
        "schedule": None if own is None else own.report.get("schedule"),
        "least_sets": None if own is None else own.report.get("least_sets"),
        "least_sets_confidence": (None if own is None else own.report.get("least_sets_confidence")),
        "network": step.network.digest,
        "task": step.evaluation.task,
        "bundle": step.bundle,
        "notes": _notes(step),
    }


def _paired(step: Done, done: Mapping[str, Done]) -> list[dict[str, Any]]:
    """Compare with the step it builds on and with the network as it is, on the same chips."""
    found = []
    for against in _compared(step):
        other = done[against].evaluation
        common = [chip for chip in step.evaluation.chips if chip in other.chips]
        mine, theirs = step.evaluation.only(common), other.only(common)
        for t_s in mine.times_s:
            difference = mine.paired(theirs, t_s).to_dict()
            found.append({"t_s": t_s, "against": against, **difference})
    return found


def _compared(step: Done) -> list[str]:
    """Return the steps that a step is compared with."""
    return [] if step.spec is None else list(dict.fromkeys([step.spec.after, AS_IS]))


def _notes(step: Done) -> list[str]:
    applied = step.network.applied
    own = applied[-1] if applied and step.spec is not None else None
    notes = [] if own is None else list(own.report.get("notes", ()))
    if any(step.evaluation.extrapolated):
        notes.append("Times beyond what the device was measured at are extrapolated by its law.")
    if step.evaluation.met is False:
        notes.append(
            f"Stopped at {len(step.evaluation.chips)} chips before the half-width was reached."
        )
    return notes
