"""Batch-norm recalibration: the statistics re-estimated on the drifted chip."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from mho.costs.storage import calibration_set_bits
from mho.data import Data
from mho.errors import BundleError, DataError, ModelError
from mho.network.applied import Additions, Applied, Attachment, Knowledge
from mho.network.call import Inputs, call
from mho.network.chip import Chip
from mho.network.programmed import with_tensors
from mho.network.snapshot import Snapshot
from mho.recover.base import Progress, Recovery, Target, network_of


class BatchNormRecalibration(Recovery):
    """Re-estimate running means and variances on the chip as it is, from inputs without labels.

    Use it where the network has batch norm and the device may keep a calibration set: at any time
    the set is run through the drifted chip, and batch norm takes the statistics it finds. It undoes
    shifts and scales of a whole channel.

    Args:
        examples: Inputs kept on the device; 2,600 for CIFAR-10 in the source.
        batch: Inputs at a time; statistics are averaged over batches.

    Source:
        AdaBS, Joshi et al., Nat. Commun. 11, 2473 (2020).
    """

    examples: Annotated[int, Field(ge=2)] = 2600
    batch: Annotated[int, Field(ge=2)] = 200
    method: ClassVar[str] = "batch-norm"
    knows: ClassVar[Knowledge] = Knowledge(data_on_device=True, own_readout=True)

    def fit(
        self,
        target: Target,
        data: Data,
        *,
        seed: int = 0,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Target:
        """Put a calibration set onto the device.

        Raises:
            DataError: The data is a test set, or has fewer than ``examples`` inputs.
            ModelError: The network has no batch norm.
        """
        data.require(("train", "calibration"), self.method)
        if not _norms(network_of(target).model):
            raise ModelError(
                f"'{network_of(target).name}' has no batch norm whose statistics could be "
                "recalibrated; use another method, such as 'drift-scale' or 'vera-plus'."
            )
        if len(data) < self.examples:
            raise DataError(
                f"batch-norm recalibration is to keep {self.examples} inputs; '{data.name}' has "
                f"{len(data)}. Set examples={len(data)} or less."
            )
        inputs = data.take(self.examples, seed).inputs
        first = inputs if isinstance(inputs, Tensor) else next(iter(inputs.values()))
        adds = Additions(data_bits=calibration_set_bits(self.examples, tuple(first.shape[1:])))
        attachment = RecalibratedNorms(inputs, self.batch)
        return target.with_applied(
            Applied(self.method, self.settings(), self.knows, adds, attachment)
        )


class RecalibratedNorms(Attachment):
    """A calibration set on the device.

    Args:
        inputs: Inputs, batch first.
        batch: Inputs at a time.
    """

    kind: ClassVar[str] = "batch-norm"

    def __init__(self, inputs: Inputs, batch: int) -> None:
        self.inputs = inputs
        self.batch = batch

    @torch.no_grad()
    def apply(self, snapshot: Snapshot, chip: Chip) -> Snapshot:
        """Return the snapshot with the statistics that the calibration set has on it."""
        realised = chip.network.realise(snapshot).model
        own = {
            f"{name}.{buffer}": value.clone()
            for name, norm in _norms(realised).items()
            for buffer, value in norm.named_buffers(recurse=False)
        }
        model = with_tensors(realised, own)
        for norm in _norms(model).values():
            norm.reset_running_stats()
            norm.momentum = None  # the plain average over batches
            norm.train()
        for start in range(0, self._count, self.batch):
            call(model, self._part(start))
        found = {
            f"{name}.{buffer}": value
            for name, norm in _norms(model).items()
            for buffer, value in norm.named_buffers(recurse=False)
            if buffer in ("running_mean", "running_var")
        }
        return snapshot.set_parameters(found)

    @property
    def _count(self) -> int:
        inputs = self.inputs
        return len(inputs if isinstance(inputs, Tensor) else next(iter(inputs.values())))

    def _part(self, start: int) -> Inputs:
        stop = start + self.batch
        if isinstance(self.inputs, Tensor):
            return self.inputs[start:stop]
        return {name: value[start:stop] for name, value in self.inputs.items()}

    def tensors(self) -> dict[str, Tensor]:
        """Return the calibration set."""
        if isinstance(self.inputs, Tensor):
            return {"inputs": self.inputs}
        return {f"inputs.{name}": value for name, value in self.inputs.items()}

    def settings(self) -> dict[str, Any]:
        """Return the batch."""
        return {"batch": self.batch}

    @classmethod
    def restore(
        cls, settings: Mapping[str, Any], tensors: Mapping[str, Tensor]
    ) -> RecalibratedNorms:
        """Build the calibration set again.

        Raises:
            BundleError: It is missing.
        """
        try:
            batch = int(settings["batch"])
        except (KeyError, TypeError, ValueError):
            raise BundleError("batch norm: 'batch' is missing; save the bundle again.") from None
        if "inputs" in tensors:
            return cls(tensors["inputs"], batch)
        named = {
            name.removeprefix("inputs."): value
            for name, value in tensors.items()
            if name.startswith("inputs.")
        }
        if not named:
            raise BundleError("batch norm: the calibration set is missing; save the bundle again.")
        return cls(named, batch)


def _norms(model: nn.Module) -> dict[str, nn.modules.batchnorm._BatchNorm]:
    """Return the batch norms that keep statistics, by name."""
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is not None
    }
