"""The protocol that all recoveries share: settings as a value, and one method that fits them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from mho.data import Data
from mho.device.law import Law
from mho.network.applied import Knowledge
from mho.network.chip import Chip
from mho.network.mapped import MappedNetwork
from mho.progress import Progress as Progress

Target = TypeVar("Target", MappedNetwork, Chip)


class Recovery(Law, ABC):
    """A way to win back accuracy: frozen settings, and :meth:`fit`. Implementations are final.

    Recoveries do not know each other and compose in order: each takes a network (or one chip) and
    returns another, so ``VeraPlus().fit(SparseAdaptation().fit(student, data), data)`` adapts every
    chip of the student at its reference time and compensates the drift of what came out.

    Attributes:
        method: The name used in studies and tables, e.g. ``"vera-plus"``.
        knows: What the method may know.
    """

    method: ClassVar[str]
    knows: ClassVar[Knowledge]

    @abstractmethod
    def fit(
        self,
        target: Target,
        data: Data,
        *,
        seed: int = 0,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Target:
        """Fit the recovery and return what it makes of the target.

        Args:
            target: A mapped network (the recovery then acts on all its chips) or one chip.
            data: Training or calibration set; a test set is refused.
            seed: Seed of everything random in the fit; evaluated chips never depend on it.
            progress: Called now and then as ``progress(done, total, text)``.
            checkpoint: A file to save the state of long work in, and to go on from if it exists.

        Returns:
            A network or chip like ``target`` with the recovery applied and noted in ``applied``.

        Raises:
            DataError: The data is a test set, empty, or does not fit the network.
        """

    def settings(self) -> dict[str, Any]:
        """Return the settings as plain data."""
        return self.model_dump(mode="json")


def network_of(target: MappedNetwork | Chip) -> MappedNetwork:
    """Return the network of a target."""
    return target.network if isinstance(target, Chip) else target
