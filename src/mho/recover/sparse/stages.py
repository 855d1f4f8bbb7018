"""Words of a chip that went on adapting while it drifted: which are in force when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from torch import Tensor

from mho.errors import BundleError
from mho.network.applied import Attachment
from mho.network.chip import Chip
from mho.network.snapshot import Snapshot
from mho.recover.sparse.branch import SparseBranch


class BranchInStages(Attachment):
    """An SRAM branch whose words were trained again at later times.

    Each stage is in force from its time until the next; before the first one the chip has no
    branch. Nothing on the chip needs to know the time: the SRAM holds what it holds.

    Args:
        times_s: When each stage was trained, in s since programming, ascending.
        branches: The words of each stage.
    """

    kind: ClassVar[str] = "sparse-stages"

    def __init__(self, times_s: Sequence[float], branches: Sequence[SparseBranch]) -> None:
        self.times_s = tuple(times_s)
        self.branches = tuple(branches)

    def apply(self, snapshot: Snapshot, chip: Chip) -> Snapshot:
        """Return the snapshot with the words that its time finds in SRAM."""
        stages = zip(self.times_s, self.branches, strict=True)
        present = [branch for t_s, branch in stages if t_s <= snapshot.t_s]
        return present[-1].apply(snapshot, chip) if present else snapshot

    def tensors(self) -> dict[str, Tensor]:
        """Return positions and words by stage and layer."""
        return {
            f"{number}/{name}": tensor
            for number, branch in enumerate(self.branches)
            for name, tensor in branch.tensors().items()
        }

    def settings(self) -> dict[str, Any]:
        """Return times, and what belongs to the words of each stage."""
        return {
            "times_s": list(self.times_s),
            "branches": [branch.settings() for branch in self.branches],
        }

    @classmethod
    def restore(cls, settings: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> BranchInStages:
        """Build the stages again.

        Raises:
            BundleError: Something is missing or does not fit.
        """
        try:
            times_s = [float(t_s) for t_s in settings["times_s"]]
            parts = list(settings["branches"])
            if not times_s or times_s != sorted(times_s) or len(times_s) != len(parts):
                raise ValueError("times and branches do not fit")
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(
                f"the stages of the sparse branch are incomplete ({error}); save the bundle again."
            ) from None
        branches = []
        for number, part in enumerate(parts):
            start = f"{number}/"
            own = {n[len(start) :]: t for n, t in tensors.items() if n.startswith(start)}
            branches.append(SparseBranch.restore(part, own))
        return cls(times_s, branches)
