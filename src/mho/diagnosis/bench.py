"""Running a network with some of its hardware's effects, on the same chips and examples."""

from __future__ import annotations

import math
from collections.abc import Iterator, Set
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor, nn

from mho.data import Data
from mho.diagnosis.effects import effects_of, hardware_with
from mho.diagnosis.result import Outcome
from mho.errors import ModelError
from mho.network.call import call
from mho.network.mapped import MappedNetwork
from mho.network.plan import Plan
from mho.network.snapshot import Snapshot
from mho.network.tally import Tally

_READ = 0
_PASS = 64
_SHOWN = 64
"""Examples on which the layers are looked at: all their outputs are kept."""


@dataclass(frozen=True)
class Bench:
    """What is held fixed while effects are turned on and off.

    Attributes:
        network: The network on all of its hardware, without recoveries on the chip.
        data: Examples with labels.
        seeds: Chips.
        t_s: Time since programming in s.
    """

    network: MappedNetwork
    data: Data
    seeds: tuple[int, ...]
    t_s: float

    @cached_property
    def logits(self) -> Tensor:
        """Logits of the digital network."""
        with torch.inference_mode():
            return self.outputs(self.network.model)

    @cached_property
    def baseline(self) -> float:
        """Accuracy of the digital network."""
        return self._accuracy(self.logits)

    @cached_property
    def few(self) -> Data:
        """The first examples, for looking at layers."""
        return self.data.subset(range(min(_SHOWN, len(self.data))))

    def variant(self, on: Set[str]) -> MappedNetwork:
        """Return the network on hardware with some of its effects."""
        network = self.network
        found = network.with_hardware(hardware_with(network.hardware, on - {"storage"}))
        if found.hardware.has_converters and not found.ranges:
            found = replace(found, ranges=network.ranges)
        return found

    def snapshots(self, variant: MappedNetwork, on: Set[str]) -> Iterator[Snapshot]:
        """Yield every chip at the time, with some of the effects.

        Args:
            variant: The network on hardware with these effects.
            on: Keys of the effects.
        """
        stored = None
        if "storage" in on:
            hardware = hardware_with(self.network.hardware, on | {"mapping"})
            stored = self.network.with_hardware(hardware)
        for seed in self.seeds:
            snapshot = variant.program(seed).snapshot(self.t_s, read=_READ)
            parameters = (
                {} if stored is None
                else stored.program(seed).snapshot(self.t_s, read=_READ).parameters
            )  # fmt: skip
            yield replace(snapshot, parameters=parameters)

    def run(self, on: Set[str]) -> Outcome:
        """Return what the network does with some of the effects."""
        return self.run_and_count(on)[0]

    def run_and_count(self, on: Set[str]) -> tuple[Outcome, dict[str, Tally]]:
        """Return what the network does, and what its converters met."""
        return self._run(self.variant(on), on)

    def run_on(self, network: MappedNetwork) -> Outcome:
        """Return what the digital network does on other hardware with all its effects.

        Args:
            network: The same digital network on it.
        """
        everything = {effect.key for effect in effects_of(network.hardware, self.t_s)}
        return self._run(network, everything)[0]

    def _run(self, variant: MappedNetwork, on: Set[str]) -> tuple[Outcome, dict[str, Tally]]:
        plan = Plan(variant)
        tallies = plan.count()
        accuracies, noise = [], 0.0  # noise over signal
        for snapshot in self.snapshots(variant, on):
            plan.load(snapshot)
            logits = plan(self.data.inputs)
            if not bool(torch.isfinite(logits).all()):
                raise ModelError(
                    f"'{self.network.name}' returns NaN or infinite logits with the effects "
                    f"{sorted(on)}; no accuracy can be given. Check the device law's spread."
                )
            accuracies.append(self._accuracy(logits))
            noise += noise_of_decisions(self.logits, logits)
        outcome = Outcome(
            accuracy=sum(accuracies) / len(accuracies),
            accuracies=tuple(accuracies),
            drop_pp=100 * (self.baseline - sum(accuracies) / len(accuracies)),
            snr_db=decibel(1.0, noise / len(accuracies)),
        )
        return outcome, tallies

    def _accuracy(self, logits: Tensor) -> float:
        return float((logits.argmax(1) == self.data.labels).float().mean())

    def drop_pp(self, logits: Tensor) -> float:
        """Return the points lost against the digital network, given logits of all examples."""
        return 100 * (self.baseline - self._accuracy(logits))

    def outputs(self, model: nn.Module) -> Tensor:
        """Return the logits of a network of any form for all examples."""
        parts = [call(model, inputs) for inputs, _ in self.data.batches(_PASS)]
        return torch.cat(parts)


def noise_of_decisions(clean: Tensor, noisy: Tensor) -> float:
    """Return noise over signal of logits, less what changes no decision.

    A constant added to all logits of an example and a common gain decide nothing, so the noise is
    what is left of the centred logits after the best gain.

    Args:
        clean: Logits of shape ``(n, classes)``.
        noisy: The same with noise.

    >>> x = torch.tensor([[1.0, -1.0], [2.0, 0.0]])
    >>> noise_of_decisions(x, 3 * x + 1)
    0.0
    """
    a, b = (x.double() - x.double().mean(dim=1, keepdim=True) for x in (clean, noisy))
    signal = float((a * b).sum()) ** 2 / max(float((a * a).sum()), 1e-300)
    return max(float((b * b).sum()) - signal, 0.0) / max(signal, 1e-300)


def power(values: Tensor) -> float:
    """Return the mean square."""
    return float(values.double().pow(2).mean())


def decibel(signal: float, noise: float) -> float:
    """Return the signal-to-noise ratio in dB; infinite without noise.

    >>> decibel(100.0, 1.0)
    20.0
    """
    if noise == 0:
        return math.inf
    return 10 * math.log10(max(signal, 1e-300) / noise)
