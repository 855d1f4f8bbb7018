"""Tiles: how the matrix of a layer is cut into pieces of rows × cols."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mho.errors import ConfigError


@dataclass(frozen=True)
class TileGrid:
    """The tiles of one matrix.

    The rows of a convolution's matrix are ordered channel by channel, and a tile takes whole
    channels, as many as fit, the same number in every tile: so each tile is itself a convolution.

    Attributes:
        down: Tiles along the rows (inputs); each gives a partial sum to be converted and added.
        across: Tiles along the columns (outputs).
        channels: Input channels (of one matrix) in a tile.
        rows_used: Rows that a full tile uses.
    """

    down: int
    across: int
    channels: int
    rows_used: int

    @property
    def count(self) -> int:
        """Number of tiles."""
        return self.down * self.across


def tile_grid(matrix_rows: int, matrix_cols: int, kernel: int, *, rows: int, cols: int) -> TileGrid:
    """Cut a matrix into tiles.

    Args:
        matrix_rows: Inputs of the matrix: channels × kernel positions.
        matrix_cols: Outputs of the matrix.
        kernel: Kernel positions of a channel; 1 for a linear layer.
        rows: Rows of a tile.
        cols: Columns of a tile.

    Raises:
        ConfigError: A tile has fewer rows than one channel needs.

    >>> tile_grid(16 * 9, 16, 9, rows=128, cols=128)
    TileGrid(down=2, across=1, channels=8, rows_used=72)
    """
    if kernel > rows:
        raise ConfigError(
            f"a tile of {rows} rows cannot hold one input channel of a layer with {kernel} kernel "
            f"positions; set rows to {kernel} or more, or keep the layer digital."
        )
    channels = matrix_rows // kernel
    down = math.ceil(channels / (rows // kernel))
    per_tile = math.ceil(channels / down)
    return TileGrid(down, math.ceil(matrix_cols / cols), per_tile, per_tile * kernel)
