"""A network whose every chip fits itself once, when it has been programmed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from mho.errors import BundleError, ConfigError, DataError
from mho.network.applied import Attachment
from mho.network.chip import Chip
from mho.network.layer import MappedLayer
from mho.network.snapshot import Snapshot
from mho.recover.onchip.calibration import Calibration

if TYPE_CHECKING:
    from mho.recover.onchip.recovery import OnChipRecovery

_KEPT = 256
"""Most chips that are remembered, so that a chip asked for again is not fitted again."""


class SelfFitting(Attachment):
    """What a chip needs to fit itself: a method, a calibration set, a seed.

    Args:
        method: The method with its settings.
        calibration: What each chip sees.
        seed: Seed of everything random, beside the chip's own number.
    """

    kind: ClassVar[str] = "self-fitting"

    def __init__(self, method: OnChipRecovery, calibration: Calibration, seed: int) -> None:
        self.method = method
        self.calibration = calibration
        self.seed = seed
        # The layers are held on to, so that their id is not given to others meanwhile.
        self._known: dict[tuple[int, str, int], tuple[tuple[MappedLayer, ...], Attachment]] = {}

    def prepare(self, chip: Chip) -> Attachment:
        """Fit a chip, unless that was done before, and return its own attachment."""
        key = (id(chip.network.layers), chip.scope, chip.seed)
        if key not in self._known:
            # Evaluations run in inference mode, whose tensors could not be trained on.
            with torch.inference_mode(False), torch.no_grad():
                fitted = self.method.fit_chip(chip, self.calibration, self.seed).attachment
            if len(self._known) >= _KEPT:
                del self._known[next(iter(self._known))]
            self._known[key] = (chip.network.layers, fitted)
        return self._known[key][1]

    def apply(self, snapshot: Snapshot, chip: Chip) -> Snapshot:
        """Return the snapshot of a chip that fitted itself."""
        return self.prepare(chip).apply(snapshot, chip)

    def tensors(self) -> dict[str, Tensor]:
        """Return the calibration set."""
        return self.calibration.tensors()

    def settings(self) -> dict[str, Any]:
        """Return method, seed and what to call the calibration set."""
        return {
            "method": self.method.method,
            "how": self.method.settings(),
            "seed": self.seed,
            "held": self.calibration.held,
            "data": self.calibration.data.name,
        }

    @classmethod
    def restore(cls, settings: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> SelfFitting:
        """Build it again.

        Raises:
            BundleError: Something is missing or does not fit.
        """
        from mho.recover.onchip.recovery import OnChipRecovery
        from mho.recover.registry import by_name  # it imports every method

        try:
            method = by_name(settings["method"]).parse(settings["how"], where="its settings")
            held, seed = int(settings["held"]), int(settings["seed"])
            calibration = Calibration.restore(str(settings["data"]), held, tensors)
            if not isinstance(method, OnChipRecovery):
                raise ConfigError(f"'{method.method}' is not fitted on chips")
        except (KeyError, TypeError, ValueError, ConfigError, DataError) as error:
            raise BundleError(
                f"what chips need to fit themselves is incomplete or was edited ({error}); "
                "save the bundle again."
            ) from None
        return cls(method, calibration, seed)
