"""Chips: one draw of a device law for a whole network, followed over time."""

from __future__ import annotations

from collections.abc import Sequence

from mho.network.applied import Applied, Attachment
from mho.network.mapped import MappedNetwork
from mho.network.programmed import ProgrammedNetwork
from mho.network.snapshot import Snapshot
from mho.rng import Streams
from mho.units import Time, seconds


def program(network: MappedNetwork, seed: int = 0) -> Chip:
    """Program a chip: chip ``seed`` of a network is always the same chip.

    Args:
        network: A mapped network.
        seed: The chip's number, any integer.

    Example:
        >>> import mho, torch
        >>> model = torch.nn.Linear(4, 3)
        >>> network = mho.map_network(model, mho.Hardware(device="falcone2025"))
        >>> chip = mho.program(network, seed=7)
        >>> x = torch.ones(1, 4)
        >>> bool((chip.at("1 year")(x) == mho.program(network, seed=7).at("1 year")(x)).all())
        True
    """
    return network.program(seed)


class Chip:
    """All crossbars of one network programmed from one seed. Time is an argument, not a state.

    Args:
        network: What was programmed.
        seed: The chip's number.
        scope: Name of the ensemble; chips that a recovery trains on live in another one than the
            chips that are evaluated, so the same number never means the same chip.

    Attributes:
        applied: The recoveries of the network and of this very chip, in order.
    """

    def __init__(self, network: MappedNetwork, seed: int, *, scope: str = "chip") -> None:
        self.network = network
        self.seed = int(seed)
        self.scope = scope
        self.applied: tuple[Applied, ...] = network.applied
        self._prepared: tuple[Attachment, ...] | None = None

    @property
    def streams(self) -> Streams:
        """The random numbers that this chip is made of."""
        return Streams(self.seed, self.scope)

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """The recoveries in force on this chip, worked out in order when first needed."""
        if self._prepared is None:
            prepared: tuple[Attachment, ...] = ()
            for applied in self.applied:
                if applied.attachment is not None:
                    before = self._with_prepared(prepared)
                    prepared = (*prepared, applied.attachment.prepare(before))
            self._prepared = prepared
        return self._prepared

    def _with_prepared(self, prepared: tuple[Attachment, ...]) -> Chip:
        chip = Chip(self.network, self.seed, scope=self.scope)
        chip.applied = self.applied
        chip._prepared = prepared
        return chip

    def with_applied(self, applied: Applied) -> Chip:
        """Return this chip after one more recovery of its own."""
        prepared = self.attachments
        if applied.attachment is not None:
            prepared = (*prepared, applied.attachment.prepare(self))
        chip = self._with_prepared(prepared)
        chip.applied = (*self.applied, applied)
        return chip

    def snapshots(
        self, times: Sequence[Time], *, path: int = 0, read: int | None = None
    ) -> list[Snapshot]:
        """Return the chip at several times; drawing them together costs least.

        Args:
            times: Times since programming.
            path: Which future of the programmed cells; chips are evaluated in path 0.
            read: Number of the read whose noise to add, or None.
        """
        times_s = [seconds(t) for t in times]
        drawn = self.network.draw(times_s, self.streams, path=path, read=read)
        return [self._recovered(snapshot) for snapshot in drawn]

    def _recovered(self, snapshot: Snapshot) -> Snapshot:
        for attachment in self.attachments:
            snapshot = attachment.apply(snapshot, self)
        return snapshot

    def snapshot(self, time: Time, *, path: int = 0, read: int | None = None) -> Snapshot:
        """Return the chip at one time."""
        return self.snapshots([time], path=path, read=read)[0]

    def at(self, time: Time, *, read: int = 0) -> ProgrammedNetwork:
        """Return the network as this chip computes it at a time: call it on a batch.

        Asking for 1 h, 10 years and 1 h again gives equal first and last.

        Args:
            time: Time since programming: seconds, or text such as ``"1 year"``.
            read: Number of the read; another number draws other read noise.

        Raises:
            OutOfRangeError: The device law says nothing about that time.
        """
        return self.network.realise(self.snapshot(time, read=read))
