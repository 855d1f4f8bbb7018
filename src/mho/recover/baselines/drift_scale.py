"""Global drift compensation: one multiplier a crossbar, from a read-out of known inputs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from mho.data import Data
from mho.errors import BundleError
from mho.network.applied import Additions, Applied, Attachment, Knowledge
from mho.network.chip import Chip
from mho.network.layer import MappedLayer
from mho.network.mapped import MappedNetwork
from mho.network.snapshot import Snapshot
from mho.recover.base import Progress, Recovery, Target, network_of

_REFERENCE_BITS = 16
"""Width of a stored reference read-out."""


class DriftScale(Recovery):
    """Multiply each crossbar's outputs by ``alpha = reference / present`` read-out.

    Use it as the cheapest baseline for drift that shrinks all conductances alike, as in phase
    change memory. Each row is driven alone and the magnitudes of the outputs are added up, once at
    the device's reference time and once whenever the chip is used; a scale cannot remove an
    additive shift, so it does little for RRAM whose conductances all move by the same amount.

    Args:
        per: One multiplier a ``"layer"``, or one a ``"column"`` (output).

    Source:
        Le Gallo et al., IEEE Trans. Electron Devices 65, 4304 (2018); Joshi et al., Nat. Commun.
        11, 2473 (2020).

    Example:
        >>> import mho, torch
        >>> hardware = mho.Hardware(device="nandakumar2019-pcm")
        >>> network = mho.map_network(torch.nn.Linear(4, 3), hardware)
        >>> data = mho.data.Data(torch.ones(2, 4), torch.tensor([0, 1]), name="x", role="train")
        >>> scaled = mho.recover.DriftScale().fit(network, data)
        >>> snapshot = scaled.program(0).snapshot("1 d")
        >>> bool(snapshot.gain["weight"] > 1)
        True
    """

    per: Literal["layer", "column"] = "layer"
    method: ClassVar[str] = "drift-scale"
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
        """Let each chip note its reference read-out when it is programmed; no data are used."""
        network = network_of(target)
        scales = sum(1 if self.per == "layer" else _outputs(layer) for layer in network.layers)
        adds = Additions(
            sram_bits=scales * _REFERENCE_BITS, macs_per_inference=_multiplications(network)
        )
        return target.with_applied(
            Applied(self.method, self.settings(), self.knows, adds, DriftScaleGain(self.per))
        )


class DriftScaleGain(Attachment):
    """The multipliers of one chip.

    Args:
        per: ``"layer"`` or ``"column"``.
        reference: By layer: the read-out at the reference time; None before a chip was programmed.
    """

    kind: ClassVar[str] = "drift-scale"

    def __init__(self, per: str, reference: Mapping[str, Tensor] | None = None) -> None:
        self.per = per
        self.reference = None if reference is None else dict(reference)

    def prepare(self, chip: Chip) -> DriftScaleGain:
        """Read the chip out at the device's reference time, unless that was done before."""
        if self.reference is not None:
            return self
        network = chip.network
        [fresh] = network.draw([network.hardware.device.t0_s], chip.streams)
        return DriftScaleGain(self.per, {x.name: self._read_out(fresh, x) for x in network.layers})

    def apply(self, snapshot: Snapshot, chip: Chip) -> Snapshot:
        """Return the snapshot with ``alpha = reference / present`` as the gain of each layer."""
        assert self.reference is not None
        gain = {}
        for layer in chip.network.layers:
            present = self._read_out(snapshot, layer)
            sound = present > 1e-12  # a column that reads nothing is left alone
            alpha = torch.where(sound, self.reference[layer.name] / present.clamp(min=1e-12), 1.0)
            gain[layer.name] = alpha
        return snapshot.set_gain(gain)

    def _read_out(self, snapshot: Snapshot, layer: MappedLayer) -> Tensor:
        """Return the outputs' magnitudes added up, broadcastable to the weight."""
        weight = snapshot.crossbar[layer.name].abs()
        if self.per == "layer":
            return weight.sum().reshape((1,) * weight.ndim)
        axes = [axis for axis in range(weight.ndim) if axis != layer.matrix.output_axis]
        return weight.sum(dim=axes, keepdim=True)

    def tensors(self) -> dict[str, Tensor]:
        """Return the reference read-outs by layer; none before a chip was programmed."""
        return dict(self.reference or {})

    def settings(self) -> dict[str, Any]:
        """Return what a multiplier is for."""
        return {"per": self.per}

    @classmethod
    def restore(cls, settings: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> DriftScaleGain:
        """Build the multipliers again.

        Raises:
            BundleError: The settings are not what was saved.
        """
        if settings.get("per") not in ("layer", "column"):
            raise BundleError(
                f"drift scale: 'per' must be 'layer' or 'column'; got {settings.get('per')!r}. "
                "Save the bundle again."
            )
        return cls(settings["per"], tensors or None)


def _outputs(layer: MappedLayer) -> int:
    return layer.cols * layer.groups


def _multiplications(network: MappedNetwork) -> int:
    """Return one multiplication for each output that a crossbar gives."""
    return sum(_outputs(layer) * (layer.positions or 1) for layer in network.layers)
