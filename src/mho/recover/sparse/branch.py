"""The SRAM branch of one chip: signed words at sparse positions, beside the crossbars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from mho.errors import BundleError
from mho.network.applied import Attachment
from mho.network.chip import Chip
from mho.network.snapshot import Snapshot


@dataclass(frozen=True, eq=False)
class Words:
    """The words of one layer.

    Attributes:
        shape: Shape of the layer's weight.
        positions: Positions in the flattened weight, ascending, shape ``(n,)``, int32.
        values: Signed whole numbers, shape ``(n,)``, int16.
        step: What the number 1 stands for, in weight units.
    """

    shape: tuple[int, ...]
    positions: Tensor
    values: Tensor
    step: float

    def weight(self) -> Tensor:
        """Return the words as a weight of the layer's shape, zero where there is no word."""
        dense = torch.zeros(self.shape)
        dense.view(-1)[self.positions.long()] = self.values.float() * self.step
        return dense


class SparseBranch(Attachment):
    """A parallel branch that gets the layer's input and is added to the crossbar's output.

    The layer computes ``(W_rram + M * dW) x``: only ``dW`` at the mask ``M`` exists, in SRAM; the
    RRAM is never written.

    Args:
        words: By layer name.
    """

    kind: ClassVar[str] = "sparse-branch"

    def __init__(self, words: Mapping[str, Words]) -> None:
        self.words = dict(words)
        self._weights = {name: w.weight() for name, w in self.words.items() if len(w.values)}

    def apply(self, snapshot: Snapshot, chip: Chip) -> Snapshot:
        """Return the snapshot with the branch added."""
        return self.added_to(snapshot)

    def added_to(self, snapshot: Snapshot) -> Snapshot:
        """Return a snapshot of the chip that the words belong to with the branch added."""
        return snapshot.add_digital(self._weights)

    def tensors(self) -> dict[str, Tensor]:
        """Return positions and words, by layer."""
        tensors = {}
        for name, words in self.words.items():
            tensors[f"{name}/positions"] = words.positions
            tensors[f"{name}/values"] = words.values
        return tensors

    def settings(self) -> dict[str, Any]:
        """Return shape and step of each layer."""
        return {
            "layers": {
                name: {"shape": list(words.shape), "step": words.step}
                for name, words in self.words.items()
            }
        }

    @classmethod
    def restore(cls, settings: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> SparseBranch:
        """Build the branch again.

        Raises:
            BundleError: Something is missing or does not fit.
        """
        words = {}
        try:
            for name, layer in settings["layers"].items():
                positions, values = tensors[f"{name}/positions"], tensors[f"{name}/values"]
                made = Words(tuple(layer["shape"]), positions, values, float(layer["step"]))
                made.weight()
                words[name] = made
        except (KeyError, TypeError, ValueError, IndexError, RuntimeError) as error:
            raise BundleError(
                f"the sparse branch is incomplete or does not fit its layers ({error}); "
                "save the bundle again."
            ) from None
        return cls(words)
