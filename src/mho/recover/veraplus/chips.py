"""Where training and testing chips come from: never those that are evaluated later."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace

from mho.device.memory import Frozen
from mho.network.chip import Chip
from mho.network.mapped import MappedNetwork
from mho.network.snapshot import Snapshot
from mho.rng import Streams

TRAINING, TESTING, VERIFYING = "vera-plus", "vera-plus-test", "vera-plus-verify"
"""Ensembles: chips of one number in two of them have nothing in common, nor with chip k."""
_READ = 0
"""Number of the read whose noise is in every snapshot, as in an evaluation."""


class ChipSource(ABC):
    """Numbered chips at any time; implementations are final."""

    @abstractmethod
    def snapshot(self, number: int, t_s: float) -> Snapshot:
        """Return a chip at a time, with the recoveries that came before.

        Args:
            number: Which chip; the same number is the same chip.
            t_s: Time since programming in s.
        """


def _without_memory(network: MappedNetwork) -> MappedNetwork:
    """Return the network on cells that keep one score for ever, the fastest to draw.

    A memory law says how one time hangs together with another; what cells are at one time it does
    not touch. It may be left out wherever only one time of a future matters.
    """
    device = network.hardware.device.model_copy(update={"memory": Frozen()})
    return replace(network, hardware=network.hardware.model_copy(update={"device": device}))


def _in_a_future(chip: Chip, network: MappedNetwork, t_s: float, path: int) -> Snapshot:
    """Return a chip at a time in another future than its own, with its recoveries.

    Args:
        chip: The chip.
        network: Its network without memory.
        t_s: Time since programming in s.
        path: Number of the future, from 1.
    """
    snapshot = network.draw([t_s], chip.streams, path=path, read=_READ)[0]
    for attachment in chip.attachments:
        snapshot = attachment.apply(snapshot, chip)
    return snapshot


class FreshChips(ChipSource):
    """Every number another chip, for networks without recoveries on the chip.

    Args:
        network: The network.
        seed: Seed of the ensemble.
        scope: Name of the ensemble.
    """

    def __init__(self, network: MappedNetwork, seed: int, scope: str) -> None:
        self._network = _without_memory(network)
        self._streams = Streams(seed, scope)

    def snapshot(self, number: int, t_s: float) -> Snapshot:
        """Return a chip at a time."""
        return self._network.draw([t_s], self._streams.child(number), read=_READ)[0]


class PreparedChips(ChipSource):
    """A pool of chips that went through the recoveries before, each with many possible futures.

    Preparing a chip (adapting it in SRAM, say) costs time, so a few chips are prepared once and
    their cells drift anew for each number.

    Args:
        network: The network with its recoveries.
        seed: Seed of the ensemble.
        scope: Name of the ensemble.
        size: Chips in the pool; numbers below it are chips in the future that they were prepared
            in, later ones the same chips in other futures.
    """

    def __init__(self, network: MappedNetwork, seed: int, scope: str, size: int) -> None:
        first = Streams(seed, scope).integer("first chip") % 2**40
        self._chips = [Chip(network, first + k, scope=scope) for k in range(size)]
        self._fast = _without_memory(network)

    def snapshot(self, number: int, t_s: float) -> Snapshot:
        """Return a chip at a time."""
        path, chip = divmod(number, len(self._chips))
        if path == 0:
            return self._chips[chip].snapshot(t_s, read=_READ)
        return _in_a_future(self._chips[chip], self._fast, t_s, path)


class Futures(ChipSource):
    """The possible futures of one programmed chip; the one it is evaluated in is left out.

    Args:
        chip: The chip.
        seed: Seed of the ensemble.
        scope: Name of the ensemble.
    """

    def __init__(self, chip: Chip, seed: int, scope: str) -> None:
        self._chip = chip
        self._fast = _without_memory(chip.network)
        self._first = 1 + Streams(seed, scope).integer("first path") % 2**40

    def snapshot(self, number: int, t_s: float) -> Snapshot:
        """Return the chip at a time in one of its futures."""
        return _in_a_future(self._chip, self._fast, t_s, self._first + number)


def chips_of(target: MappedNetwork | Chip, seed: int, scope: str, *, pool: int) -> ChipSource:
    """Return the chips that a fit of this target may see.

    Args:
        target: A network, or one chip.
        seed: Seed of the fit.
        scope: Name of the ensemble.
        pool: Chips to prepare where the network has recoveries on the chip.
    """
    if isinstance(target, Chip):
        return Futures(target, seed, scope)
    if any(applied.attachment is not None for applied in target.applied):
        return PreparedChips(target, seed, scope, pool)
    return FreshChips(target, seed, scope)
