"""The projections A and B: one pair for all layers and drift levels, cut to each layer's size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

from mho.recover.veraplus.geometry import Geometry
from mho.rng import Streams

Projection: TypeAlias = Literal["random", "physical"]
Reach: TypeAlias = Literal["centre", "window"]


@dataclass(frozen=True, eq=False)
class Projections:
    """The shared pair. Only random rows are stored; a window row is known from the layer's shape.

    Attributes:
        a: Random rows of A, shape ``(rows, inputs)`` of the largest layer (``inputs × taps`` where
            they reach over the window).
        b: Columns of B that belong to them, shape ``(outputs, rows)`` of the largest layer.
        window: Whether an all-ones row over the layer's own kernel window comes first, with a
            column of ones in B: the sum of everything that an output sees.
        reach: Whether random rows touch the window's centre tap alone (a 1×1 kernel) or all of it.
    """

    a: Tensor
    b: Tensor
    window: bool
    reach: Reach = "centre"

    @property
    def rank(self) -> int:
        """Rows of A, the window row included."""
        return len(self.a) + self.window


def draw_projections(
    geometries: Sequence[Geometry],
    rank: int,
    *,
    projection: Projection,
    seed: int,
    reach: Reach = "centre",
    bits: int | None = None,
) -> Projections:
    """Draw the pair as large as the largest layer; the same seed gives the same pair.

    Random rows are Kaiming uniform with gain √2, as in VeRA: ``U(-√(6 / fan), √(6 / fan))`` with
    the fan ``inputs`` for A and ``rows`` for B.

    Args:
        geometries: The layers.
        rank: Rows of A.
        projection: ``"random"`` (the paper's: all rows) or ``"physical"`` (window row first).
        seed: Seed of the pair.
        reach: What random rows touch in a convolution.
        bits: Bits that an entry is rounded to, where A and B are to be stored.

    Source:
        D. Kopiczko et al., VeRA, ICLR 2024 (arXiv 2310.11454), section 3.
    """
    window = projection == "physical"
    rows = rank - window
    inputs = max(g.inputs * (g.taps if reach == "window" else 1) for g in geometries)
    outputs = max(g.outputs for g in geometries)
    streams = Streams(seed, "vera-projections")

    def kaiming(shape: tuple[int, int], fan: int, name: str) -> Tensor:
        bound = math.sqrt(6 / max(fan, 1))
        unit = torch.from_numpy(streams.uniform(shape, name)) * 2 - 1
        if bits is not None:
            steps = 2 ** (bits - 1) - 1
            unit = (unit * steps).round() / steps
        return unit * bound

    return Projections(
        a=kaiming((rows, inputs), inputs, "a"),
        b=kaiming((outputs, rows), rows, "b"),
        window=window,
        reach=reach,
    )


def window_unit(geometry: Geometry) -> float:
    """Return the constant in front of the window row: ``√(2 / fan-in)``.

    It gives the row the norm of a random one, so that coefficients of both are alike in size; in
    hardware it is part of the coefficient.
    """
    return math.sqrt(2 / geometry.fan_in)


def branch_weight(geometry: Geometry, projections: Projections, b: Tensor, d: Tensor) -> Tensor:
    """Return what a branch adds to a layer's weight, differentiable in b and d.

    ``W[o, i, k] = b[o] * sum_j B[o, j] d[j] A[j, i] [k is the centre tap]``, and for the window row
    ``W[o, i, k] = b[o] d[0] unit`` at every tap. In a grouped convolution each group's outputs see
    that group's inputs alone.

    Args:
        geometry: The layer.
        projections: The shared pair.
        b: One value an output, shape ``(outputs,)``.
        d: One value a row, shape ``(rank,)``.

    Returns:
        The weight in the layer's own layout.
    """
    weight = torch.zeros(geometry.shape, dtype=b.dtype)
    spread = (-1, *(1,) * (len(geometry.shape) - 1))
    if len(projections.a):
        low_rank = _low_rank(geometry, projections, b, d[int(projections.window) :])
        if projections.reach == "window":
            weight = low_rank.reshape(geometry.shape)
        else:
            place: Any = (..., *geometry.centre)
            weight[place] = low_rank
    if projections.window:
        weight = weight + (b * d[0] * window_unit(geometry)).reshape(spread)
    return geometry.own_layout(weight)


def _low_rank(geometry: Geometry, projections: Projections, b: Tensor, d: Tensor) -> Tensor:
    """Return ``diag(b) B diag(d) A`` of each group, shape ``(outputs, inputs of a group)``."""
    columns = geometry.inputs * (geometry.taps if projections.reach == "window" else 1)
    a = projections.a[:, :columns].reshape(len(d), geometry.groups, -1)
    left = (b[:, None] * projections.b[: geometry.outputs]) * d
    left = left.reshape(geometry.groups, -1, len(d))
    return torch.einsum("gor,rgi->goi", left, a).reshape(geometry.outputs, -1)
