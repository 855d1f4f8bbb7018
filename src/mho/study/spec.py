"""What a study file says, as frozen values: read once, every mistake named with its place."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from mho.crossbar.drive import AnyDrive, Bipolar
from mho.crossbar.mapping import DifferentialPair
from mho.crossbar.mappings import AnyMapping
from mho.crossbar.reading import OneRead, Reading
from mho.crossbar.wires import AnyWires, NoWires
from mho.device.law import Law
from mho.errors import ConfigError
from mho.evaluation import HalfWidth
from mho.files import os_sentence
from mho.study.sweep import Sweep, parse_sweep, with_values
from mho.units import seconds

AS_IS = "as it is"
"""Name of the step that every study starts with: the network mapped, nothing done about it."""

Seed = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]


def _seconds(value: Any) -> Any:
    return seconds(value) if isinstance(value, str | int | float) else value


def _by_law(value: Any) -> Any:
    return {"law": value} if isinstance(value, str) else value


TimeS = Annotated[float, BeforeValidator(_seconds)]
"""A time in s, or text such as ``"10y"``."""


class DataSpec(Law):
    """``[data]``: on what the network is trained, calibrated and tested.

    Attributes:
        name: Name, folder or hub id, see :func:`mho.data.load`.
        root: Folder of the named data sets; ``$MHO_DATA`` by default.
        train: Name of the split that recoveries may see.
        test: Name of the split that accuracy is measured on.
        train_images: Use only so many examples of the training split.
        test_images: Use only so many examples of the test split.
        seed: Which examples those are.
        columns: Column names of a folder or hub id.
        tokenizer: Tokenizer of a data set of text.
        tokens: Cut sentences after so many tokens.
    """

    name: str
    root: str | None = None
    train: str = "train"
    test: str = "test"
    train_images: Count | None = None
    test_images: Count | None = None
    seed: Seed = 0
    columns: dict[str, str] | None = None
    tokenizer: str | None = None
    tokens: Count | None = None


class NetworkSpec(Law):
    """``[network]``: which network, and which of its layers stay digital.

    Attributes:
        name: A trained network of ``mho.zoo``, or the path of a model card that was written here.
        builder: Instead: ``"file.py:name"`` of a function or class that builds your own network.
        weights: Its weights as safetensors, where the builder does not load them itself.
        digital: Modules to keep digital.
    """

    name: str | None = None
    builder: str | None = None
    weights: str | None = None
    digital: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_source(self) -> NetworkSpec:
        if (self.name is None) == (self.builder is None):
            raise ValueError("give either name (a trained network) or builder ('file.py:name')")
        if self.weights is not None and self.builder is None:
            raise ValueError("weights go with builder; a named network has its own")
        return self


class HardwareSpec(Law):
    """``[hardware]``: device, mapping and periphery.

    Attributes:
        device: Name or path of a device card.
        drift_of: Another device whose drift to take, as a share of the window.
        change: Fields of the card to change, e.g. ``change.programming.sd_ln = 0.3``.
        mapping: Name of a mapping, or a table with ``law`` and its settings.
        rows: Inputs of a tile.
        cols: Outputs of a tile.
        dac_bits: Bits of the input converters.
        adc_bits: Bits of the output converters.
        adc_range: ``"layer"`` or ``"column"``: what shares a range.
        calibration_images: Training examples from which the converters' ranges are found.
        calibration_quantile: Share of the magnitudes seen that must not be clipped.
        drive: How inputs are put onto rows: a name, or a table with ``law`` and settings.
        reading: When read noise is drawn anew: ``"one-read"`` or ``"per-product"``.
        wires: Resistance of the lines, a table with ``law``, ``row_ohm`` and ``col_ohm``.
    """

    device: str
    drift_of: str | None = None
    change: dict[str, Any] = Field(default_factory=dict)
    mapping: Annotated[AnyMapping, BeforeValidator(_by_law)] = DifferentialPair()
    rows: Count = 128
    cols: Count = 128
    dac_bits: Annotated[int, Field(ge=1, le=16)] | None = None
    adc_bits: Annotated[int, Field(ge=1, le=16)] | None = None
    adc_range: Literal["layer", "column"] = "layer"
    calibration_images: Count = 256
    calibration_quantile: Annotated[float, Field(ge=0.5, le=1)] = 1.0
    drive: Annotated[AnyDrive, BeforeValidator(_by_law)] = Bipolar()
    reading: Annotated[Reading, BeforeValidator(_by_law)] = OneRead()
    wires: AnyWires = NoWires()


class EvaluateSpec(Law):
    """``[evaluate]``: when, on how many chips, and how surely.

    Attributes:
        times: Times since programming; the device's reference time by default.
        chips: How many chips.
        seed: Seed of the first chip.
        confidence: Confidence of the intervals.
        stop: Half-width at which to stop, instead of ``chips``.
        law_uncertainty: Make chip k by the k-th law of the device's ensemble.
    """

    times: tuple[TimeS, ...] | None = None
    chips: Count | None = None
    seed: Seed = 0
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95
    stop: HalfWidth | None = None
    law_uncertainty: bool = False

    @model_validator(mode="after")
    def _one_count(self) -> EvaluateSpec:
        if self.chips is not None and self.stop is not None:
            raise ValueError("chips and stop both say how many chips to run; leave one out")
        if self.times is not None and len(set(self.times)) < max(len(self.times), 1):
            raise ValueError("times must hold at least one time, and none of them twice")
        return self


class TargetSpec(Law):
    """``[target]``: what would be good enough.

    Attributes:
        accuracy_drop_pp: Points of accuracy that may be lost against the digital network.
        lifetime: Until when, as a time.
        yield_share: Share of chips that must keep it; ``yield`` in the file.
    """

    accuracy_drop_pp: Annotated[float, Field(ge=0, le=100)] | None = None
    lifetime: TimeS | None = None
    yield_share: Annotated[float, Field(gt=0, le=1)] | None = Field(default=None, alias="yield")


class LocalEngine(Law):
    """``[engine]``: this machine.

    Attributes:
        kind: ``"local"``.
        processes: How many processes evaluate chips; measured and chosen by default.
        threads: Threads of each process; by default the cores are shared out among them.
        training_threads: Threads that train: the last bits of what is trained depend on them.
        torch_device: ``"cpu"`` or ``"cuda"``.
        batch: Examples in a pass on an accelerator.
    """

    kind: Literal["local"] = "local"
    processes: Count | Literal["auto"] = "auto"
    threads: Count | Literal["auto"] = "auto"
    training_threads: Count = 1
    torch_device: str = "cpu"
    batch: Count = 256


class RayEngine(Law):
    """``[engine]``: a Ray cluster.

    Attributes:
        kind: ``"ray"``.
        address: Address of a cluster, ``"auto"`` for the one this machine belongs to; by default
            one is started on this machine.
        workers: How many tasks run at once; as many as the cluster has CPUs by default.
        training_threads: Threads that train: the last bits of what is trained depend on them.
        torch_device: ``"cpu"`` or ``"cuda"``.
        batch: Examples in a pass on an accelerator.
    """

    kind: Literal["ray"]
    address: str | None = None
    workers: Count | None = None
    training_threads: Count = 1
    torch_device: str = "cpu"
    batch: Count = 256


def _local_by_default(value: Any) -> Any:
    return {"kind": "local", **value} if isinstance(value, dict) else value


EngineSpec = Annotated[
    LocalEngine | RayEngine, Field(discriminator="kind"), BeforeValidator(_local_by_default)
]
"""``[engine]``: where the work is done. It changes no number, but for ``training_threads``."""


class StepSpec(Law):
    """``[[recover]]``: one recovery, applied to what an earlier step made.

    All keys but these five are settings of the method.

    Attributes:
        method: Name of a recovery, or ``"file.py:Class"`` for your own.
        name: Name of the step; the method's by default.
        after: The step it builds on; the one before it by default, ``"as it is"`` for none.
        examples: How many training examples it may see; all by default.
        seed: Seed of its training.
        settings: What the method is given.
    """

    method: str
    name: str
    after: str
    examples: Count | None = None
    seed: Seed = 0
    settings: dict[str, Any] = Field(default_factory=dict)


class Study(Law):
    """A study: one experiment.

    Attributes:
        name: Name of the study; letters, digits, dots, dashes and underscores.
        description: For people.
        data: ``[data]``.
        network: ``[network]``.
        hardware: ``[hardware]``.
        evaluate: ``[evaluate]``.
        recover: ``[[recover]]``, in order.
        target: ``[target]``.
        engine: ``[engine]``.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    description: str = ""
    data: DataSpec
    network: NetworkSpec
    hardware: HardwareSpec
    evaluate: EvaluateSpec = EvaluateSpec()
    recover: tuple[StepSpec, ...] = ()
    target: TargetSpec = TargetSpec()
    engine: EngineSpec = LocalEngine()

    @model_validator(mode="after")
    def _steps_build_on_earlier_ones(self) -> Study:
        known = [AS_IS]
        for step in self.recover:
            if step.name in known:
                raise ValueError(f"two steps are called '{step.name}'; give each its own name")
            if step.after not in known:
                raise ValueError(
                    f"step '{step.name}' comes after '{step.after}', which is no earlier step; "
                    f"known there: {', '.join(known)}"
                )
            known.append(step.name)
        return self


@dataclass(frozen=True)
class StudyFile:
    """A study with the file it stands in.

    Attributes:
        path: The file.
        text: Its contents, verbatim.
        values: The same as plain values, without the sweep.
        sweep: ``[sweep]``; None where there is none.
        study: What it says: of its first cell, where there is a sweep.
    """

    path: Path
    text: str
    values: Mapping[str, Any]
    sweep: Sweep | None
    study: Study

    @property
    def base(self) -> Path:
        """The folder that paths in the study are relative to."""
        return self.path.parent

    @property
    def where(self) -> str:
        """The file, to name in an error."""
        return f"study {self.path}"


def read_study(path: str | Path) -> StudyFile:
    """Read a study file.

    Args:
        path: A TOML file.

    Raises:
        ConfigError: There is no such file, it is not TOML, a key is unknown or missing, or a value
            is not what was expected; the place is named, and the nearest known key.
    """
    file = Path(path)
    where = f"study {file}"
    try:
        text = file.read_text(encoding="utf-8")
        values = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(os_sentence(error, "read", file)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{where} is not TOML: {error}. Correct that place.") from None
    if "sweep" not in values:
        return StudyFile(file, text, values, None, parse_study(values, where=where))
    sweep = parse_sweep(values.pop("sweep"), where=f"{where}, [sweep]")
    first = next(sweep.cells(), None)
    if first is None:
        raise ConfigError(
            f"{where}, [sweep]: every cell is excluded, so there is nothing to run; "
            "take back an exclusion."
        )
    study = parse_study(
        with_values(values, first, where=f"{where}, [sweep]"), where=f"{where}, [sweep]"
    )
    return StudyFile(file, text, values, sweep, study)


def parse_study(values: Mapping[str, Any], *, where: str) -> Study:
    """Build a study from plain values.

    Args:
        values: What the TOML holds, without ``[sweep]``.
        where: Place to name in an error.

    Raises:
        ConfigError: As for :func:`read_study`.
    """
    values = dict(values)
    if isinstance(values.get("recover"), list):
        steps: list[Any] = []
        for entry in values["recover"]:
            steps.append(_step(entry, steps) if isinstance(entry, dict) else entry)
        values["recover"] = steps
    return Study.parse(values, where=where)


_OWN_KEYS = ("method", "name", "after", "examples", "seed")


def _step(entry: dict[str, Any], before: list[Any]) -> dict[str, Any]:
    """Set a step's own keys apart from its method's settings, and fill in what follows."""
    own = {key: entry[key] for key in _OWN_KEYS if key in entry}
    previous = before[-1].get("name", AS_IS) if before else AS_IS
    settings = {key: value for key, value in entry.items() if key not in _OWN_KEYS}
    method = str(own.get("method", ""))
    name = re.sub(r".*:", "", method)
    return {"name": name, "after": previous, **own, "settings": settings}
