"""LoRA and DoRA with one adapter for each drift level, trained off line: what VeRA+ is held to."""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeAlias

import torch
from pydantic import Field, field_validator
from torch import Tensor
from torch.nn import functional

from mho.data import Data
from mho.device.drift import NoDrift
from mho.errors import BundleError, ConfigError
from mho.network.applied import Additions, Applied, Attachment, Knowledge
from mho.network.call import call_with
from mho.network.chip import Chip
from mho.network.layer import MappedLayer
from mho.network.mapped import MappedNetwork
from mho.network.snapshot import Snapshot
from mho.recover.base import Progress, Recovery, Target, network_of
from mho.recover.levels.quantised import Quantised
from mho.recover.optimiser import Adam, CosineRate
from mho.recover.training import Batch, train
from mho.recover.tuning.biases import output_count
from mho.recover.tuning.lora import low_rank_macs, low_rank_start, low_rank_weight
from mho.recover.veraplus.chips import TRAINING, ChipSource, chips_of
from mho.recover.veraplus.journal import Journal
from mho.recover.veraplus.schedule import Schedule
from mho.rng import Streams
from mho.units import Time, seconds, time_text

Values: TypeAlias = Mapping[str, Tensor]
_START_BITS = 32


class LevelAdapters(Recovery, ABC):
    """One adapter a drift level, each trained on freshly drifted chips; implementations are final.

    Training, chips and price follow :class:`~mho.recover.VeraPlus`, so that the two differ in
    what is stored alone. Levels are equally spaced in ln t from the device's reference time to the
    end of life; each starts from the one before it.

    Args:
        rank: Rank of the branch.
        levels: Number of drift levels.
        lifetime: End of the last level.
        bits: Bits of a stored value.
        loss: ``"distilled"`` from the drift-free digital network, or ``"labels"``.
        steps: Training steps a level.
        batch: Examples a step.
        lr: Adam's learning rate at the start of a level.
        pool: Chips to prepare where the network has recoveries on the chip.
    """

    knows: ClassVar[Knowledge] = Knowledge(labels=True, true_time=True)
    rank: Annotated[int, Field(ge=1, le=64)] = 1
    levels: Annotated[int, Field(ge=1)] = 7
    lifetime: Time = "10y"
    bits: Annotated[int, Field(ge=2, le=16)] = 8
    loss: str = "distilled"
    steps: Annotated[int, Field(ge=0)] = 100
    batch: Annotated[int, Field(ge=1)] = 64
    lr: Annotated[float, Field(gt=0)] = 1e-3
    pool: Annotated[int, Field(ge=1)] = 4

    @field_validator("loss")
    @classmethod
    def _a_loss(cls, loss: str) -> str:
        if loss not in ("distilled", "labels"):
            raise ValueError(f"loss must be 'distilled' or 'labels'; got '{loss}'")
        return loss

    @abstractmethod
    def start(self, network: MappedNetwork, streams: Streams) -> dict[str, Tensor]:
        """Return values that change nothing, by name."""

    @abstractmethod
    def change(self, network: MappedNetwork, snapshot: Snapshot, values: Values) -> Snapshot:
        """Return a snapshot with one level's values in force, differentiable in them."""

    @abstractmethod
    def macs(self, network: MappedNetwork) -> int:
        """Return the operations that the values add, per input of the network."""

    def stored(self, network: MappedNetwork, values: Values) -> dict[str, Tensor]:
        """Return what is stored of trained values; :meth:`change` must take it as well."""
        return dict(values)

    def fit(
        self,
        target: Target,
        data: Data,
        *,
        seed: int = 0,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Target:
        """Train the adapters of all levels and attach them.

        Args:
            target: A mapped network, or one chip.
            data: Training or calibration data.
            seed: Seed of training chips and of the order of the data.
            progress: Called as ``progress(done, total, text)``.
            checkpoint: File to keep finished levels in, and to go on from.

        Raises:
            ConfigError: The device does not drift.
            DataError: The data are test data.
            OutOfRangeError: The device law says nothing about the lifetime.
        """
        data.require(("train", "calibration"), self.method)
        network = network_of(target)
        if isinstance(target, Chip):
            network = replace(network, applied=target.applied)
        starts_s = self._starts(network)
        trained = self._train(target, network, data, starts_s, seed, progress, checkpoint)
        kept = Quantised.of(trained, self.bits)
        knows = replace(self.knows, labels=self.loss == "labels")
        return target.with_applied(
            Applied(
                self.method,
                self.settings(),
                replace(knows, rram_values=isinstance(target, Chip)),
                Additions(
                    rom_bits=kept.storage_bits + len(starts_s) * _START_BITS,
                    macs_per_inference=self.macs(network),
                ),
                AdapterSets(self, kept, Schedule(starts_s)),
                {"values_a_level": kept.values_a_set, "levels": len(starts_s)},
            )
        )

    def _starts(self, network: MappedNetwork) -> tuple[float, ...]:
        device, last_s = network.hardware.device, seconds(self.lifetime)
        if isinstance(device.drift, NoDrift):
            raise ConfigError(f"{self.method} compensates drift, and '{device.name}' has none.")
        device.check_time(last_s)
        first_s = max(device.t0_s, (device.valid.t_s or (0.0, 0.0))[0])
        return tuple(first_s * (last_s / first_s) ** (k / self.levels) for k in range(self.levels))

    def _train(
        self,
        target: MappedNetwork | Chip,
        network: MappedNetwork,
        data: Data,
        starts_s: tuple[float, ...],
        seed: int,
        progress: Progress | None,
        checkpoint: Path | None,
    ) -> dict[str, Tensor]:
        """Return the values of all levels, stacked by name."""
        streams = Streams(seed, self.method)
        chips = chips_of(target, seed, TRAINING, pool=self.pool)
        soft = None if self.loss == "labels" else _soft(network, data)
        what = [self.method, self.settings(), network.digest, data.digest, seed]
        identity = sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()
        present = self.start(network, streams)
        found: list[dict[str, Tensor]] = []
        ends_s = (*starts_s[1:], seconds(self.lifetime))
        journal = Journal(checkpoint, identity)
        for level, span_s in enumerate(zip(starts_s, ends_s, strict=True)):
            if progress is not None:
                told = f"{self.method}: level {level}, {time_text(span_s[0])}"
                progress(level, self.levels, told)

            def work(
                unfinished: Path | None,
                start: Values = present,
                span_s: tuple[float, float] = span_s,
                own: Streams = streams.child(level),  # noqa: B008 - bound to this level
            ) -> dict[str, Tensor]:
                return self._one(
                    network, chips, data, soft, start, span_s, own, identity, unfinished
                )

            present = journal.tensors(f"level {level}", work)
            found.append(self.stored(network, present))
        return {name: torch.stack([values[name] for values in found]) for name in found[0]}

    def _one(
        self,
        network: MappedNetwork,
        chips: ChipSource,
        data: Data,
        soft: Tensor | None,
        start: Values,
        span_s: tuple[float, float],
        streams: Streams,
        identity: str,
        checkpoint: Path | None,
    ) -> dict[str, Tensor]:
        """Train one level over its span of time."""
        values = {name: value.detach().clone().requires_grad_() for name, value in start.items()}
        if not self.steps:
            return {name: value.detach() for name, value in values.items()}

        def loss(batch: Batch) -> Tensor:
            low, high = (math.log(t) for t in span_s)
            share = float(batch.streams.uniform((), "time"))
            t_s = min(math.exp(low + (high - low) * share), span_s[1])
            drifted = chips.snapshot(batch.streams.integer("chip") % 2**40, t_s)
            changed = self.change(network, drifted, values)
            logits = call_with(network.model, network.tensors(changed), batch.inputs)
            if soft is None:
                return functional.cross_entropy(logits, batch.labels)
            wanted = soft[batch.indices].log_softmax(dim=1)
            return functional.kl_div(
                logits.log_softmax(dim=1), wanted, reduction="batchmean", log_target=True
            )

        return train(
            values,
            loss,
            data,
            steps=self.steps,
            batch=self.batch,
            optimiser=Adam(lr=self.lr, rate=CosineRate()),
            streams=streams,
            purpose=self.method,
            identity=f"{identity}/{span_s}",
            checkpoint=checkpoint,
        ).parameters


class LevelLora(LevelAdapters):
    """LoRA with an adapter of its own for each drift level.

    A layer computes ``W x + B A x``; A starts random, B at zero, and both differ by level:
    ``rank * (rows + cols)`` values a layer and level, where VeRA+ has ``cols + rank``.

    Example:
        >>> import mho, torch
        >>> x = torch.randn(80, 4, generator=torch.Generator().manual_seed(0))
        >>> data = mho.data.Data(x, (x[:, 0] > 0).long(), name="signs")
        >>> network = mho.map_network(torch.nn.Linear(4, 2), mho.Hardware(device="falcone2025"))
        >>> lasting = mho.recover.LevelLora(levels=2, steps=2).fit(network, data)
        >>> lasting.applied[0].report["values_a_level"]
        6

    Source:
        E. Hu et al., ICLR 2022, arXiv 2106.09685.
    """

    method: ClassVar[str] = "level-lora"

    def start(self, network: MappedNetwork, streams: Streams) -> dict[str, Tensor]:
        """Return random rows and zero columns."""
        return low_rank_start(network, self.rank, streams)

    def change(self, network: MappedNetwork, snapshot: Snapshot, values: Values) -> Snapshot:
        """Return the snapshot with the branches added."""
        return snapshot.add_digital(
            {layer.name: low_rank_weight(layer, values) for layer in network.layers}
        )

    def macs(self, network: MappedNetwork) -> int:
        """Return ``rank * (rows + cols)`` for each product of a crossbar."""
        return low_rank_macs(network, self.rank)


class LevelDora(LevelAdapters):
    """DoRA with an adapter of its own for each drift level.

    A layer computes ``m / |W + B A| * (W x + B A x)`` with norms over the wanted weights of each
    output; what is stored of magnitudes and norms is their quotient, one value an output.

    Example:
        >>> import mho, torch
        >>> x = torch.randn(80, 4, generator=torch.Generator().manual_seed(0))
        >>> data = mho.data.Data(x, (x[:, 0] > 0).long(), name="signs")
        >>> network = mho.map_network(torch.nn.Linear(4, 2), mho.Hardware(device="falcone2025"))
        >>> lasting = mho.recover.LevelDora(levels=2, steps=2).fit(network, data)
        >>> lasting.applied[0].report["values_a_level"]
        8

    Source:
        S. Liu et al., ICML 2024, arXiv 2402.09353.
    """

    method: ClassVar[str] = "level-dora"

    def start(self, network: MappedNetwork, streams: Streams) -> dict[str, Tensor]:
        """Return random rows, zero columns, and the magnitudes of the wanted weights."""
        wanted = _wanted(network)
        magnitudes = {
            f"magnitude/{layer.name}": _norm(wanted[layer.name], layer) for layer in network.layers
        }
        return {**low_rank_start(network, self.rank, streams), **magnitudes}

    def change(self, network: MappedNetwork, snapshot: Snapshot, values: Values) -> Snapshot:
        """Return the snapshot with direction and magnitude in force."""
        gains, digital = {}, dict(snapshot.digital)
        for layer in network.layers:
            branch = low_rank_weight(layer, values)
            gain = self._gain(network, layer, branch, values)
            own = digital[layer.name] + branch if layer.name in digital else branch
            gains[layer.name], digital[layer.name] = gain, gain * own
        return replace(snapshot.set_gain(gains), digital=digital)

    def _gain(
        self, network: MappedNetwork, layer: MappedLayer, branch: Tensor, values: Values
    ) -> Tensor:
        """Return the multiplier: stored, or magnitude over norm, the norm without a gradient."""
        if f"gain/{layer.name}" in values:
            return values[f"gain/{layer.name}"]
        weight = network.model.get_parameter(layer.parameter).detach()
        norm = _norm(weight + branch, layer).detach().clamp_min(1e-12)
        return values[f"magnitude/{layer.name}"] / norm

    def stored(self, network: MappedNetwork, values: Values) -> dict[str, Tensor]:
        """Return the multipliers in place of the magnitudes."""
        kept = {name: v.detach() for name, v in values.items() if name[0] in "AB"}
        for layer in network.layers:
            branch = low_rank_weight(layer, kept)
            kept[f"gain/{layer.name}"] = self._gain(network, layer, branch, values).detach()
        return kept

    def macs(self, network: MappedNetwork) -> int:
        """Return those of the branch, and one multiplication an output."""
        return low_rank_macs(network, self.rank) + output_count(network)


class AdapterSets(Attachment):
    """The adapters of all levels, and which is in force when.

    Args:
        method: Whose values they are.
        kept: The values of all levels, as stored.
        schedule: Which level is in force when.
    """

    kind: ClassVar[str] = "adapter-sets"

    def __init__(self, method: LevelAdapters, kept: Quantised, schedule: Schedule) -> None:
        self.method, self.kept, self.schedule = method, kept, schedule

    def apply(self, snapshot: Snapshot, chip: Chip) -> Snapshot:
        """Return the snapshot with the adapter in force."""
        values = self.kept.at(self.schedule.set_at(snapshot.t_s))
        return self.method.change(chip.network, snapshot, values)

    def tensors(self) -> dict[str, Tensor]:
        """Return the integers and their scales."""
        return self.kept.tensors()

    def settings(self) -> dict[str, Any]:
        """Return method, names and schedule."""
        return {
            "method": self.method.method,
            "how": self.method.settings(),
            "names": sorted(self.kept.codes),
            "schedule": self.schedule.to_dict(),
        }

    @classmethod
    def restore(cls, settings: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> AdapterSets:
        """Build it again.

        Raises:
            BundleError: Something is missing or of the wrong shape.
        """
        try:
            kind = {k.method: k for k in (LevelLora, LevelDora)}[settings["method"]]
            method = kind.parse(settings["how"], where="its settings")
            schedule = Schedule.from_dict(settings["schedule"])
            kept = Quantised.restore(settings["names"], tensors, method.bits)
            if any(len(codes) != schedule.sets for codes in kept.codes.values()):
                raise ValueError("the schedule has another number of levels")
        except (KeyError, TypeError, ValueError, ConfigError) as error:
            raise BundleError(
                f"the adapters of the drift levels are incomplete or were edited ({error}); save "
                "the bundle again."
            ) from None
        return cls(method, kept, schedule)


def _soft(network: MappedNetwork, data: Data) -> Tensor:
    """Return the digital network's logits for all examples."""
    return torch.cat([network.baseline(x) for x, _ in data.batches(256)]).clone()


def _wanted(network: MappedNetwork) -> dict[str, Tensor]:
    return {x.name: network.model.get_parameter(x.parameter).detach() for x in network.layers}


def _norm(weight: Tensor, layer: MappedLayer) -> Tensor:
    """Return the norm of each output's weights, broadcastable to the weight."""
    axes = [axis for axis in range(weight.ndim) if axis != layer.matrix.output_axis]
    norm: Tensor = torch.linalg.vector_norm(weight, dim=axes, keepdim=True)
    return norm
