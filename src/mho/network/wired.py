"""A layer's cells in tiles with wires: what the conductances look like from outside."""

from __future__ import annotations

import numpy as np

from mho.crossbar.hardware import Hardware
from mho.crossbar.tiles import TileGrid
from mho.crossbar.wires import NoWires
from mho.device.law import Array
from mho.network.layer import Matrix


def seen(
    g_uS: Array, shape: tuple[int, ...], matrix: Matrix, grid: TileGrid, hardware: Hardware
) -> Array:
    """Return the conductances that a layer's tiles show outside.

    Every plane of cells (positive, negative, a slice) lies in tiles of its own; a line is as long
    as the part of the tile that the layer uses.

    Args:
        g_uS: Conductances in µS, shape ``(..., *shape)``.
        shape: Shape of the weight.
        matrix: How the weight is a matrix.
        grid: Its tiles.
        hardware: The wires, and the columns of a tile.

    Returns:
        Same shape.
    """
    if isinstance(hardware.wires, NoWires):
        return g_uS
    planes = as_matrices(g_uS.reshape(-1, *shape), matrix)  # (planes * groups, rows, cols)
    out = np.empty_like(planes)
    rows = grid.rows_used
    for top in range(0, matrix.rows, rows):
        for left in range(0, matrix.cols, hardware.cols):
            tile = np.s_[:, top : top + rows, left : left + hardware.cols]
            out[tile] = hardware.wires.seen(planes[tile])
    return from_matrices(out, shape, matrix).reshape(g_uS.shape)


def as_matrices(weights: Array, matrix: Matrix) -> Array:
    """Turn weights ``(n, *shape)`` into matrices ``(n * groups, rows, cols)``, inputs first."""
    n, groups = weights.shape[0], matrix.groups
    if matrix.output_axis == 0:
        by_output = weights.reshape(n * groups, matrix.cols, matrix.rows)
        return np.ascontiguousarray(by_output.swapaxes(1, 2))
    return weights.reshape(n * groups, matrix.rows, matrix.cols)


def from_matrices(matrices: Array, shape: tuple[int, ...], matrix: Matrix) -> Array:
    """Turn matrices back into weights ``(n, *shape)``."""
    if matrix.output_axis == 0:
        matrices = np.ascontiguousarray(matrices.swapaxes(1, 2))
    return matrices.reshape(-1, *shape)
