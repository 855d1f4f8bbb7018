"""The branches of all layers of a network, and the two flat vectors that hold their b and d."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from mho.recover.veraplus.geometry import Geometry
from mho.recover.veraplus.projections import Projections, branch_weight


@dataclass(frozen=True, eq=False)
class Branches:
    """One branch beside each layer on crossbars; b and d of all layers are flat vectors.

    Use it to turn vectors into weights: ``branches.weights(b, d)`` is what the branches add to each
    layer when set ``(b, d)`` is in force.

    Attributes:
        geometries: The layers, in the network's order.
        projections: The shared A and B.

    Example:
        >>> from mho.recover.veraplus.geometry import Geometry
        >>> from mho.recover.veraplus.projections import draw_projections
        >>> layers = (Geometry("fc1", 4, 3), Geometry("fc2", 3, 2))
        >>> pair = draw_projections(layers, 1, projection="random", seed=0)
        >>> branches = Branches(layers, pair)
        >>> branches.values, branches.weights(torch.ones(5), torch.ones(2))["fc1"].shape
        (7, torch.Size([3, 4]))
    """

    geometries: tuple[Geometry, ...]
    projections: Projections

    @property
    def rank(self) -> int:
        """Rows of A."""
        return self.projections.rank

    @cached_property
    def b_sizes(self) -> list[int]:
        """Values of b in each layer: its outputs."""
        return [g.outputs for g in self.geometries]

    @cached_property
    def d_sizes(self) -> list[int]:
        """Values of d in each layer: the rank."""
        return [self.rank] * len(self.geometries)

    @property
    def values(self) -> int:
        """Values of one set, b and d of all layers."""
        return sum(self.b_sizes) + sum(self.d_sizes)

    def weights(self, b: Tensor, d: Tensor) -> dict[str, Tensor]:
        """Return what the branches add to each layer's weight, differentiable in b and d.

        Args:
            b: All layers' b one after the other, shape ``(sum of outputs,)``.
            d: All layers' d one after the other, shape ``(layers * rank,)``.
        """
        parts = zip(
            self.geometries, torch.split(b, self.b_sizes), torch.split(d, self.d_sizes), strict=True
        )
        return {g.layer: branch_weight(g, self.projections, own_b, own_d)
                for g, own_b, own_d in parts}  # fmt: skip

    def flat(self, b: Mapping[str, Tensor], d: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return the flat vectors of values given by layer."""
        layers = [g.layer for g in self.geometries]
        return torch.cat([b[name] for name in layers]), torch.cat([d[name] for name in layers])
