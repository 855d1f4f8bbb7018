"""What a recovery leaves behind: what it may know, what it adds, and how it changes a chip."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from torch import Tensor

from mho.network.snapshot import Snapshot

if TYPE_CHECKING:
    from mho.network.chip import Chip


@dataclass(frozen=True)
class Knowledge:
    """What a recovery may know. A comparison that does not say so compares nothing.

    Attributes:
        labels: Labels of the training or calibration set.
        data_on_device: Inputs are stored or streamed where the chip is used.
        true_time: The time since programming, when the chip is used.
        own_readout: Outputs or column currents of its own chip.
        rram_values: The conductances of its own chip, cell by cell.
    """

    labels: bool = False
    data_on_device: bool = False
    true_time: bool = False
    own_readout: bool = False
    rram_values: bool = False


@dataclass(frozen=True)
class Additions:
    """What a recovery adds to one chip.

    Attributes:
        sram_bits: SRAM beside the crossbars, positions included.
        rom_bits: Read-only storage (vectors, projections, scales).
        data_bits: Data kept on the device.
        macs_per_inference: Digital multiply–accumulates for each input of the network.
        rram_writes: Cells written again over the life.
        sram_writes: SRAM words written while adapting.
        share_in_sram: Share of the mapped weights that have an SRAM word.
    """

    sram_bits: int = 0
    rom_bits: int = 0
    data_bits: int = 0
    macs_per_inference: int = 0
    rram_writes: int = 0
    sram_writes: int = 0
    share_in_sram: float = 0.0

    def __add__(self, other: Additions) -> Additions:
        return Additions(**{k: v + getattr(other, k) for k, v in asdict(self).items()})


class Attachment(ABC):
    """How a recovery changes a chip as it is at a time; pure, in the order of application.

    Attributes:
        kind: Name under which a bundle finds the class again, e.g. ``"sparse-branch"``.
    """

    kind: ClassVar[str]

    @abstractmethod
    def apply(self, snapshot: Snapshot, chip: Chip) -> Snapshot:
        """Return the snapshot as this recovery leaves it.

        Args:
            snapshot: The chip at a time, with the recoveries that came before.
            chip: The chip it is a snapshot of, with the recoveries that came before.
        """

    def prepare(self, chip: Chip) -> Attachment:
        """Return the attachment of this very chip, worked out once; by default itself.

        Args:
            chip: The chip with the recoveries that came before.
        """
        return self

    @abstractmethod
    def tensors(self) -> Mapping[str, Tensor]:
        """Return everything learned, by name: it is hashed, and saved in a bundle."""

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Return all else that is needed to build it again, as plain JSON data."""

    @classmethod
    @abstractmethod
    def restore(cls, settings: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Attachment:
        """Build the attachment again from its settings and tensors.

        Raises:
            BundleError: Something is missing or of the wrong shape.
        """


@dataclass(frozen=True)
class Applied:
    """One recovery that a network or chip went through.

    Attributes:
        method: Name of the method, e.g. ``"vera-plus"``.
        settings: Its settings as plain data.
        knows: What it may know.
        adds: What it adds to each chip.
        attachment: How it changes a chip, or None where it only changed the network's weights.
        report: Plain data for people: a training curve, a schedule.
    """

    method: str
    settings: Mapping[str, Any]
    knows: Knowledge = Knowledge()
    adds: Additions = Additions()
    attachment: Attachment | None = None
    report: Mapping[str, Any] = field(default_factory=dict)
