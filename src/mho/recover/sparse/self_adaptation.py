"""A network whose every chip adapts itself once, when it has been programmed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from mho.errors import BundleError, ConfigError, DataError
from mho.network.applied import Attachment
from mho.network.chip import Chip
from mho.network.layer import MappedLayer
from mho.network.snapshot import Snapshot
from mho.recover.sparse.adapt import adapt
from mho.recover.sparse.branch import SparseBranch
from mho.recover.sparse.calibration import Calibration
from mho.recover.sparse.settings import SparseSettings

_KEPT = 256
"""Most chips whose words are remembered, so that a chip asked for again is not adapted again."""


class SelfAdaptation(Attachment):
    """What a chip needs to adapt itself: settings, a calibration set, a seed.

    Args:
        adaptation: How.
        calibration: What each chip sees.
        seed: Seed of positions, order and rounding.
    """

    kind: ClassVar[str] = "sparse-self-adaptation"

    def __init__(self, adaptation: SparseSettings, calibration: Calibration, seed: int) -> None:
        self.adaptation = adaptation
        self.calibration = calibration
        self.seed = seed
        # The layers are held on to, so that their id is not given to others meanwhile.
        self._known: dict[tuple[int, str, int], tuple[tuple[MappedLayer, ...], SparseBranch]] = {}

    def prepare(self, chip: Chip) -> SparseBranch:
        """Adapt a chip and return its words."""
        key = (id(chip.network.layers), chip.scope, chip.seed)
        if key not in self._known:
            branch = adapt(self.adaptation, chip, self.calibration, seed=self.seed).branch
            if len(self._known) >= _KEPT:
                del self._known[next(iter(self._known))]
            self._known[key] = (chip.network.layers, branch)
        return self._known[key][1]

    def apply(self, snapshot: Snapshot, chip: Chip) -> Snapshot:
        """Return the snapshot of a chip that adapted itself."""
        return self.prepare(chip).apply(snapshot, chip)

    def tensors(self) -> dict[str, Tensor]:
        """Return the calibration set."""
        return self.calibration.tensors()

    def settings(self) -> dict[str, Any]:
        """Return settings, seed and what to call the calibration set."""
        return {
            "adaptation": self.adaptation.model_dump(mode="json"),
            "seed": self.seed,
            "held": self.calibration.held,
            "data": self.calibration.data.name,
        }

    @classmethod
    def restore(cls, settings: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> SelfAdaptation:
        """Build it again.

        Raises:
            BundleError: Something is missing or does not fit.
        """
        try:
            adaptation = SparseSettings.parse(settings["adaptation"], where="its settings")
            held, seed = int(settings["held"]), int(settings["seed"])
            calibration = Calibration.restore(str(settings["data"]), held, tensors)
        except (KeyError, TypeError, ValueError, AttributeError, ConfigError, DataError) as error:
            raise BundleError(
                f"sparse self-adaptation is incomplete or was edited ({error}); "
                "save the bundle again."
            ) from None
        return cls(adaptation, calibration, seed)
