"""What all tuning of digital values has in common: train them on the chip, round, store, apply."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from mho.errors import BundleError, ConfigError
from mho.network.applied import Additions, Attachment
from mho.network.chip import Chip
from mho.network.mapped import MappedNetwork
from mho.network.snapshot import Snapshot
from mho.progress import Progress
from mho.recover.onchip.bench import Bench
from mho.recover.onchip.calibration import Calibration
from mho.recover.onchip.recovery import READ, STATE_BITS, Fitted, TrainedOnChip
from mho.recover.onchip.train import train_on_chip
from mho.recover.optimiser import Adam, Optimiser
from mho.rng import Streams


class ChipTuning(TrainedOnChip, ABC):
    """Values of one chip that are trained and kept in SRAM; implementations are final.

    Args:
        optimiser: Algorithm and learning rate.
        steps: Most training steps a chip.
        passes: Most passes over the examples, which are kept while the chip is tuned.
        value_bits: Width of a stored value: 16-bit or 32-bit floating point.
    """

    optimiser: Optimiser = Adam(lr=3e-3)
    steps: Annotated[int, Field(ge=0)] = 150
    passes: Annotated[int, Field(ge=1)] = 1000
    value_bits: Annotated[int, Field(ge=16, le=32, multiple_of=16)] = 16

    @abstractmethod
    def start(self, network: MappedNetwork, bench: Bench, streams: Streams) -> dict[str, Tensor]:
        """Return the values as they are before training, by name; they must change nothing.

        Raises:
            ModelError: The network has nothing to tune.
        """

    @abstractmethod
    def change(
        self, network: MappedNetwork, snapshot: Snapshot, values: Mapping[str, Tensor]
    ) -> Snapshot:
        """Return a snapshot with values in force, differentiable in them."""

    @abstractmethod
    def macs(self, network: MappedNetwork) -> int:
        """Return the operations that the values add, per input of the network."""

    def stored(self, bench: Bench, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return what is stored of trained values; :meth:`change` must take it as well."""
        return dict(values)

    def fit_chip(
        self, chip: Chip, calibration: Calibration, seed: int, progress: Progress | None = None
    ) -> Fitted:
        """Tune one chip.

        Args:
            chip: The chip, with the recoveries that came before.
            calibration: What it may see.
            seed: Seed of order and start, beside the chip's own number.
            progress: Called now and then as ``progress(done, total, text)``.
        """
        network = chip.network
        streams = Streams(seed, self.method, chip.scope, chip.seed)
        bench = Bench(network, chip.snapshot(self.time_s(network), read=READ))
        values = {
            name: value.detach().clone().requires_grad_(True)
            for name, value in self.start(network, bench, streams).items()
        }
        trained = train_on_chip(
            self,
            bench,
            values,
            lambda now: self.change(network, bench.snapshot, now),
            calibration,
            streams,
            who=self.method,
            progress=progress,
        )
        kept = {} if trained.values is None else self.stored(bench, trained.values)
        dtype = torch.float16 if self.value_bits == 16 else torch.float32
        rounded = {name: value.to(dtype) for name, value in kept.items()}
        count = sum(value.numel() for value in values.values())
        state = self.optimiser.words_per_weight * STATE_BITS
        adds = Additions(
            sram_bits=count * (self.value_bits + state),
            macs_per_inference=self.macs(network),
            sram_writes=count * trained.steps,
            share_in_sram=0.0,
        )
        report = {
            "values": count,
            "steps": trained.steps,
            "held_out_before": trained.before,
            "held_out_after": trained.after,
            "rolled_back": trained.values is None,
        }
        return Fitted(Tuned(self, rounded), adds, report)


class Tuned(Attachment):
    """Tuned values of one chip.

    Args:
        method: What was tuned.
        values: By name; none where the chip was better without.
    """

    kind: ClassVar[str] = "tuned"

    def __init__(self, method: ChipTuning, values: Mapping[str, Tensor]) -> None:
        self.method = method
        self.values = dict(values)

    def apply(self, snapshot: Snapshot, chip: Chip) -> Snapshot:
        """Return the snapshot with the values in force."""
        if not self.values:
            return snapshot
        values = {name: value.float() for name, value in self.values.items()}
        return self.method.change(chip.network, snapshot, values)

    def tensors(self) -> dict[str, Tensor]:
        """Return the values."""
        return dict(self.values)

    def settings(self) -> dict[str, Any]:
        """Return the method, and how many values there are."""
        return {
            "method": self.method.method,
            "how": self.method.settings(),
            "values": {name: list(value.shape) for name, value in self.values.items()},
        }

    @classmethod
    def restore(cls, settings: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Tuned:
        """Build the values again.

        Raises:
            BundleError: Something is missing or of the wrong shape.
        """
        from mho.recover.registry import by_name  # it imports every method

        try:
            method = by_name(settings["method"]).parse(settings["how"], where="its settings")
            if not isinstance(method, ChipTuning):
                raise ConfigError(f"'{method.method}' tunes no values")
            values = {name: tensors[name] for name in settings["values"]}
            for name, shape in settings["values"].items():
                if list(values[name].shape) != shape:
                    raise ValueError(f"'{name}' has another shape")
        except (KeyError, TypeError, ValueError, AttributeError, ConfigError) as error:
            raise BundleError(
                f"tuned values are incomplete or were edited ({error}); save the bundle again."
            ) from None
        return cls(method, values)
