"""What all cells of a column have in common, read by the chip itself and subtracted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from mho.data import Data
from mho.errors import BundleError
from mho.network.applied import Additions, Applied, Attachment, Knowledge
from mho.network.chip import Chip
from mho.network.mapped import MappedNetwork
from mho.network.snapshot import Snapshot
from mho.recover.base import Progress, Recovery, Target, network_of
from mho.recover.readout.responses import wanted_weight
from mho.recover.veraplus.geometry import Geometry, geometries_of

_WORD_BITS = 16
"""Width of a stored reference, and of the coefficient worked out from a read-out."""


class DriftShift(Recovery):
    """Subtract from each output the mean error of its column times the sum of its inputs.

    Use it where the chip may read itself, first of all recoveries on the chip. All rows are driven
    at once, and each column gives the sum of its weights. What it is off by, over the number of
    rows, is the coefficient of a window sum beside the column::

        y[o] = crossbar(x)[o] - (1/n) (sum_i W[o, i] - sum_i W_wanted[o, i]) sum_i x[i]

    The wanted sums are the same for all chips. Inputs behind a ReLU are never negative, so that the
    sum is most of what an input has: errors that differ from cell to cell, as in differential
    pairs, lose most of their effect, and a mean shift all of it. It takes no data, no training and
    no clock; the read-out is taken to be exact (average reads until it is).

    It is the physical projection of :class:`~mho.recover.VeraPlus` with a coefficient that each
    chip measures for itself, where VeRA+ has one for all chips that it knows from the time.

    Example:
        >>> import mho, torch
        >>> layer = torch.nn.Linear(4, 3)
        >>> network = mho.map_network(layer, mho.Hardware(device="falcone2025"))
        >>> data = mho.data.Data(torch.ones(1, 4), torch.tensor([0]), name="x", role="train")
        >>> steady = mho.recover.DriftShift().fit(network, data)
        >>> ones = steady.program(0).at("10 y")(torch.ones(1, 4))
        >>> torch.allclose(ones, layer(torch.ones(1, 4)), atol=1e-5)
        True
    """

    method: ClassVar[str] = "drift-shift"
    knows: ClassVar[Knowledge] = Knowledge(own_readout=True)

    def fit(
        self,
        target: Target,
        data: Data,
        *,
        seed: int = 0,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Target:
        """Store the wanted sums; no data are used, and each chip reads itself when it is used."""
        network = network_of(target)
        geometries = geometries_of(network)
        sums = {g.layer: _column_sums(g, wanted_weight(network, g)) for g in geometries}
        columns = sum(g.outputs for g in geometries)
        adds = Additions(
            sram_bits=columns * _WORD_BITS,
            rom_bits=columns * _WORD_BITS,
            macs_per_inference=_operations(network, geometries),
        )
        attachment = ColumnShift(geometries, sums)
        return target.with_applied(
            Applied(self.method, self.settings(), self.knows, adds, attachment)
        )


class ColumnShift(Attachment):
    """Window sums beside all columns, with coefficients from the chip's own read-out.

    Args:
        geometries: The layers.
        sums: By layer: the wanted sum of each column's weights, shape ``(outputs,)``.
    """

    kind: ClassVar[str] = "drift-shift"

    def __init__(self, geometries: tuple[Geometry, ...], sums: Mapping[str, Tensor]) -> None:
        self.geometries, self.sums = geometries, dict(sums)

    def apply(self, snapshot: Snapshot, chip: Chip) -> Snapshot:
        """Return the snapshot with each column's mean error taken away."""
        branches = {}
        for geometry in self.geometries:
            now = snapshot.weight(geometry.layer)
            off = _column_sums(geometry, now) - self.sums[geometry.layer]
            shift = (off / geometry.fan_in).reshape(-1, *(1,) * (len(geometry.shape) - 1))
            branches[geometry.layer] = geometry.own_layout((-shift).expand(geometry.shape))
        return snapshot.add_digital(branches)

    def tensors(self) -> dict[str, Tensor]:
        """Return the wanted sums by layer."""
        return dict(self.sums)

    def settings(self) -> dict[str, Any]:
        """Return the layers' shapes."""
        return {"layers": [g.to_dict() for g in self.geometries]}

    @classmethod
    def restore(cls, settings: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> ColumnShift:
        """Build it again.

        Raises:
            BundleError: A layer is missing or of the wrong shape.
        """
        try:
            geometries = tuple(Geometry.from_dict(g) for g in settings["layers"])
            sums = {g.layer: tensors[g.layer] for g in geometries}
        except (KeyError, TypeError, AttributeError) as error:
            raise BundleError(
                f"drift shift: {error} is missing or was edited; save the bundle again."
            ) from None
        for geometry in geometries:
            own = sums[geometry.layer]
            if own.shape != (geometry.outputs,) or not bool(torch.isfinite(own).all()):
                raise BundleError(
                    f"drift shift: the sums of '{geometry.layer}' must be {geometry.outputs} "
                    "finite numbers; save the bundle again."
                )
        return cls(geometries, sums)


def _column_sums(geometry: Geometry, weight: Tensor) -> Tensor:
    """Return what each output gives where all its inputs are 1."""
    return geometry.outputs_first(weight).flatten(1).sum(dim=1)


def _operations(network: MappedNetwork, geometries: tuple[Geometry, ...]) -> int:
    """Return the additions of the window sums and one multiplication an output, per input."""
    return sum(
        (g.inputs * g.step + g.groups * g.taps + g.outputs)
        * (network.layer(g.layer).positions or 1)
        for g in geometries
    )
