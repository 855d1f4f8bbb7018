"""From what a study says to the things themselves: data, network, hardware, recoveries."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from torch import nn

from mho import zoo
from mho.crossbar.hardware import Hardware
from mho.data import Data, load
from mho.device.cards import load_device
from mho.device.device import Device
from mho.errors import BundleError, ConfigError
from mho.evaluation.passes import count_right
from mho.files import os_sentence
from mho.network.map_network import map_network
from mho.network.mapped import MappedNetwork
from mho.progress import Progress
from mho.recover.base import Recovery
from mho.recover.registry import by_name
from mho.study.objects import load_object
from mho.study.spec import DataSpec, HardwareSpec, NetworkSpec, StepSpec, Study

T = TypeVar("T")
_AT_ONCE = 512
"""Examples of the baseline between two reports: a multiple of what is in one pass."""


class Shelf:
    """What cells of one study share; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._made: dict[str, Any] = {}
        self._alone: dict[str, threading.Lock] = {}

    def get(self, key: str, make: Callable[[], T]) -> T:
        """Return what is kept under a key; it is made when it is first asked for."""
        with self._lock:
            if key not in self._made:
                self._made[key] = make()
            made: T = self._made[key]
            return made

    def alone(self, key: str) -> threading.Lock:
        """Return the lock of work that several cells want: one does it, the others find it done."""
        with self._lock:
            return self._alone.setdefault(key, threading.Lock())


@dataclass(frozen=True, eq=False)
class Parts:
    """The things that a study is about, each made when it is first needed.

    Attributes:
        study: What is to be done.
        base: Folder that paths are relative to.
        where: The study, to name in an error.
        shelf: What is shared with other cells.
    """

    study: Study
    base: Path
    where: str
    shelf: Shelf = field(default_factory=Shelf)

    @property
    def train(self) -> Data:
        """What recoveries may see."""
        return self._data(self.study.data.train, self.study.data.train_images)

    @property
    def test(self) -> Data:
        """What accuracy is measured on."""
        return self._data(self.study.data.test, self.study.data.test_images)

    def _data(self, split: str, images: int | None) -> Data:
        spec = self.study.data
        key = f"data {split} {images} {spec.model_dump_json()}"
        return self.shelf.get(key, lambda: load_data(spec, split, images, self.base))

    @cached_property
    def hardware(self) -> Hardware:
        """Device, mapping and periphery."""
        return build_hardware(self.study.hardware, self.base, where=self.where)

    @cached_property
    def network(self) -> MappedNetwork:
        """The network, mapped and not recovered."""
        spec = self.study.network
        model = self.shelf.get(
            f"network {spec.model_dump_json()}",
            lambda: build_model(spec, self.base, where=self.where),
        )
        inputs, _ = next(self.test.batches(1))
        network = map_network(
            model, self.hardware, spec.digital, example=inputs, name=spec.name or spec.builder
        )
        if not self.hardware.has_converters:
            return network
        ranges = self.study.hardware
        examples = self.train.take(min(ranges.calibration_images, len(self.train)), 0)
        return network.calibrate(examples.inputs, quantile=ranges.calibration_quantile)

    def recovery(self, step: StepSpec) -> Recovery:
        """Return what a step does."""
        return build_recovery(step, self.base, where=self.where)

    def examples_for(self, step: StepSpec) -> Data:
        """Return the examples that a step may see."""
        if step.examples is None:
            return self.train
        key = f"examples {step.examples} {step.seed} {self.study.data.model_dump_json()}"
        count, train = step.examples, self.train
        return self.shelf.get(key, lambda: train.take(count, step.seed))

    def baseline(self, progress: Progress) -> float:
        """Return the accuracy of the digital network.

        Args:
            progress: Called while it is measured; it may raise to stop that.
        """
        study = self.study
        key = f"baseline {study.data.model_dump_json()} {study.network.model_dump_json()}"
        return self.shelf.get(key, lambda: self._baseline(progress))

    def _baseline(self, progress: Progress) -> float:
        right, count = 0, len(self.test)
        for start in range(0, count, _AT_ONCE):
            progress(start, count, "digital baseline")
            part = self.test.subset(range(start, min(start + _AT_ONCE, count)))
            right += count_right(
                self.network, part, torch_device=self.study.engine.torch_device, who="the network"
            )
        return right / count

    def check(self) -> None:
        """Make everything but what recoveries learn, so that every mistake shows before any work.

        Raises:
            MhoError: Whatever is wrong with the study.
        """
        self.check_settings()
        self.check_network()

    def check_settings(self) -> None:
        """Find what is wrong with times, recoveries, examples or the device.

        Raises:
            MhoError: Whatever is wrong.
        """
        for step in self.study.recover:
            self.recovery(step)
        if self.study.evaluate.law_uncertainty:
            self.hardware.device.law_sample(0)
        for t_s in self.study.evaluate.times or ():
            self.hardware.device.check_time(t_s)
        for step in self.study.recover:
            self.examples_for(step).require(("train", "calibration"), f"step '{step.name}'")

    def check_network(self) -> None:
        """Find what is wrong with the network, or with mapping it.

        Raises:
            MhoError: Whatever is wrong.
        """
        self.network.weights  # noqa: B018  # made here


def load_data(spec: DataSpec, split: str, images: int | None, base: Path) -> Data:
    """Return one split of the data that ``[data]`` names.

    Args:
        spec: The table.
        split: Name of the split.
        images: How many examples of it; all where None.
        base: Folder that paths are relative to.

    Raises:
        DataError: The data are not there, or there are fewer examples.
    """
    folder = base / spec.name
    name = str(folder) if folder.is_dir() else spec.name
    root = None if spec.root is None else base / spec.root
    data = load(
        name, split, root, columns=spec.columns, tokenizer=spec.tokenizer, tokens=spec.tokens
    )
    if split == spec.test and data.role != "test":
        data = data.as_role("test")
    return data if images is None else data.take(images, spec.seed)


def build_hardware(spec: HardwareSpec, base: Path, *, where: str) -> Hardware:
    """Return the hardware that ``[hardware]`` describes.

    Args:
        spec: The table.
        base: Folder that paths are relative to.
        where: The study, to name in an error.

    Raises:
        ConfigError: There is no such device, or a change does not fit its card.
    """
    device = _device(spec.device, base)
    if spec.change:
        merged = _merged(device.model_dump(), spec.change)
        device = Device.parse(merged, where=f"{where}, [hardware.change]")
    if spec.drift_of is not None:
        device = device.with_drift_of(_device(spec.drift_of, base))
    return Hardware(
        device=device,
        mapping=spec.mapping,
        rows=spec.rows,
        cols=spec.cols,
        dac_bits=spec.dac_bits,
        adc_bits=spec.adc_bits,
        adc_range=spec.adc_range,
        drive=spec.drive,
        reading=spec.reading,
        wires=spec.wires,
    )


def _device(name: str, base: Path) -> Device:
    card = base / name
    return load_device(card if card.is_file() else name)


def _merged(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with some changed; a table of another law replaces the whole table."""
    merged = dict(values)
    for key, change in changes.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(change, Mapping):
            same_law = change.get("law", old.get("law")) == old.get("law")
            merged[key] = _merged(old, change) if same_law else change
        else:
            merged[key] = change
    return merged


def build_model(spec: NetworkSpec, base: Path, *, where: str) -> nn.Module:
    """Return the digital network that ``[network]`` names.

    Raises:
        ConfigError: There is no such network, or its builder or weights cannot be used.
    """
    place = f"{where}, [network]"
    if spec.builder is None:
        card = base / str(spec.name)
        return zoo.load(card if card.is_file() else str(spec.name))
    model = load_object(spec.builder, base, where=place)()
    if not isinstance(model, nn.Module):
        raise ConfigError(
            f"{place}: builder '{spec.builder}' returned {type(model).__name__}; "
            "expected a torch.nn.Module."
        )
    if spec.weights is not None:
        _load_weights(model, base / spec.weights, place)
    return model


def _load_weights(model: nn.Module, path: Path, place: str) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import load as tensors_from

    try:
        model.load_state_dict(tensors_from(path.read_bytes()))
    except OSError as error:
        raise ConfigError(f"{place}: {os_sentence(error, 'read', path)}") from None
    except SafetensorError as error:
        raise BundleError(f"{place}: weights '{path}' are no safetensors file: {error}.") from None
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise BundleError(f"{place}: weights '{path}' do not fit the network: {reason}") from None


def build_recovery(step: StepSpec, base: Path, *, where: str) -> Recovery:
    """Return what a ``[[recover]]`` entry does.

    Args:
        step: The entry.
        base: Folder that a recovery of the user's own is relative to.
        where: The study, to name in an error.

    Raises:
        ConfigError: There is no such method, or a setting is not its own.
    """
    place = f"{where}, [[recover]] '{step.name}'"
    if ":" in step.method:
        kind = load_object(step.method, base, where=place)
        if not (inspect.isclass(kind) and issubclass(kind, Recovery)):
            raise ConfigError(f"{place}: '{step.method}' is not a class of mho.recover.Recovery.")
    else:
        kind = by_name(step.method, where=place)
    return kind.parse(step.settings, where=place)
