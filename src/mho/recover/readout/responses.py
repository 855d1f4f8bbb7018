"""What a chip's layers answer to known patterns, and the branch that sets the answers right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from mho.errors import BundleError, ConfigError
from mho.network.applied import Attachment
from mho.network.chip import Chip
from mho.network.mapped import MappedNetwork
from mho.network.snapshot import Snapshot
from mho.recover.readout.patterns import Reach, expanded
from mho.recover.veraplus.geometry import Geometry


class ProbedResponses(Attachment):
    """A branch of low rank beside each layer, whose coefficients the chip reads from itself.

    Args:
        geometries: The layers that have patterns.
        patterns: By layer: patterns as in :class:`~mho.recover.readout.patterns.Spectrum`.
        wanted: By layer: what each output is to answer to each, shape ``(outputs, patterns)``.
        reach: What patterns reach over.
    """

    kind: ClassVar[str] = "probed-responses"

    def __init__(
        self,
        geometries: tuple[Geometry, ...],
        patterns: Mapping[str, Tensor],
        wanted: Mapping[str, Tensor],
        reach: Reach,
    ) -> None:
        self.geometries, self.reach = geometries, reach
        self.patterns, self.wanted = dict(patterns), dict(wanted)

    def apply(self, snapshot: Snapshot, chip: Chip) -> Snapshot:
        """Return the snapshot with the error along the patterns taken away."""
        branches = {}
        for geometry in self.geometries:
            patterns = expanded(geometry, self.patterns[geometry.layer], self.reach)
            off = responses(geometry, snapshot.weight(geometry.layer), patterns)
            off = off - self.wanted[geometry.layer]
            by_group = off.reshape(geometry.groups, -1, off.shape[1])
            branch = -(by_group @ patterns.transpose(1, 2)).reshape(geometry.shape)
            branches[geometry.layer] = geometry.own_layout(branch)
        return snapshot.add_digital(branches)

    def tensors(self) -> dict[str, Tensor]:
        """Return patterns and wanted responses."""
        found = {f"patterns.{name}": value for name, value in self.patterns.items()}
        return found | {f"wanted.{name}": value for name, value in self.wanted.items()}

    def settings(self) -> dict[str, Any]:
        """Return the layers' shapes, and what patterns reach over."""
        return {"layers": [g.to_dict() for g in self.geometries], "reach": self.reach}

    @classmethod
    def restore(cls, settings: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> ProbedResponses:
        """Build it again.

        Raises:
            BundleError: A layer is missing or of the wrong shape.
        """
        try:
            geometries = tuple(Geometry.from_dict(g) for g in settings["layers"])
            patterns = {g.layer: tensors[f"patterns.{g.layer}"] for g in geometries}
            wanted = {g.layer: tensors[f"wanted.{g.layer}"] for g in geometries}
            reach = settings["reach"]
        except (KeyError, TypeError, AttributeError) as error:
            raise BundleError(
                f"probe correction: {error} is missing or was edited; save the bundle again."
            ) from None
        if reach not in ("channels", "window"):
            raise BundleError(
                f"probe correction: 'reach' must be 'channels' or 'window'; got {reach!r}. "
                "Save the bundle again."
            )
        for geometry in geometries:
            _check(geometry, patterns[geometry.layer], wanted[geometry.layer], reach)
        return cls(geometries, patterns, wanted, reach)


def _check(geometry: Geometry, patterns: Tensor, wanted: Tensor, reach: Reach) -> None:
    numbers = geometry.fan_in // (1 if reach == "window" else geometry.taps)
    count = patterns.shape[-1] if patterns.ndim else 0
    sound = bool(torch.isfinite(patterns).all() and torch.isfinite(wanted).all())
    expected = ((geometry.groups, numbers, count), (geometry.outputs, count))
    if not sound or (tuple(patterns.shape), tuple(wanted.shape)) != expected:
        raise BundleError(
            f"probe correction: patterns and responses of '{geometry.layer}' must be finite and of "
            f"shapes {expected[0]} and {expected[1]}; got {tuple(patterns.shape)} and "
            f"{tuple(wanted.shape)}. Save the bundle again."
        )


def wanted_weight(network: MappedNetwork, geometry: Geometry) -> Tensor:
    """Return what a layer's cells were to hold, in its own layout: what a chip is to answer with.

    That is the digital weight, saturated where the mapping lets outliers saturate: what a few
    outliers lack is no error that varies along directions of the inputs, and correcting it along
    some would spread it over others.

    Args:
        network: The network.
        geometry: The layer.

    Raises:
        ConfigError: Outliers saturate, and words of SRAM have brought them back already.
    """
    digital = network.model.get_parameter(network.layer(geometry.layer).parameter)
    held = network.held_weight(geometry.layer)
    if network.adds.share_in_sram and not torch.equal(held, digital):
        raise ConfigError(
            f"weights of layer '{geometry.layer}' saturate (clip_sd), and words of SRAM have "
            "set them right: a read-out would take that for an error. Let the chip read itself "
            "first and adapt after it, or leave clip_sd out of the mapping."
        )
    return held


def responses(geometry: Geometry, weight: Tensor, patterns: Tensor) -> Tensor:
    """Return what each output answers to patterns over its window, shape ``(outputs, patterns)``.

    Args:
        geometry: The layer.
        weight: Its weight, in its own layout.
        patterns: Shape ``(groups, fan-in, patterns)``.
    """
    matrix = geometry.outputs_first(weight).reshape(geometry.groups, -1, geometry.fan_in)
    return (matrix @ patterns).reshape(geometry.outputs, -1)
