"""Wires: what the resistance of word and bit lines does to a tile.

Rows are driven from the left, columns end on the right side of the last row in virtual grounds.
Between two crossings, before the first and after the last one, a line has one segment. The network
is linear in the voltages, so a tile acts as another conductance matrix, the one *seen* from
outside: column currents are ``I = G_seen^T v`` whatever the inputs. Cells stay in the weight
domain.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mho.device.law import Array, Law
from mho.errors import ConfigError

Ohm = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_SIEMENS = 1e-6  # in a µS
_LARGEST_LOAD = 0.3


class Wires(Law, ABC):
    """The interface of a wire model; implementations are final."""

    @abstractmethod
    def seen(self, g_uS: Array) -> Array:
        """Return the conductances that a tile shows outside.

        Args:
            g_uS: Conductances in µS, shape ``(..., rows, cols)``, each an array of its own.

        Returns:
            Same shape: entry ``(i, j)`` is the current of column j per volt on row i alone.
        """


class NoWires(Wires):
    """Lines without resistance."""

    law: Literal["none"] = "none"

    def seen(self, g_uS: Array) -> Array:
        """Return the conductances as they are."""
        return g_uS


class NodalWires(Wires):
    """The exact solution: Kirchhoff's current law at all ``2 rows cols`` nodes, solved sparsely.

    A 128 × 128 tile takes about a second, so it is for small networks and for checking
    :class:`LadderWires`.

    Args:
        row_ohm: Resistance of one segment of a row in Ω.
        col_ohm: Resistance of one segment of a column in Ω.

    Example:
        >>> import numpy as np
        >>> one_cell = NodalWires(row_ohm=10, col_ohm=10).seen(np.array([[1e4]]))  # 100 Ω
        >>> round(float(one_cell[0, 0]), 6)  # 120 Ω in all
        8333.333333
    """

    law: Literal["nodal"] = "nodal"
    row_ohm: Ohm
    col_ohm: Ohm

    def seen(self, g_uS: Array) -> Array:
        """Return what the tiles show outside, shape ``(..., rows, cols)`` in µS."""
        flat = g_uS.reshape(-1, *g_uS.shape[-2:])
        seen = np.stack([self._one(np.asarray(g, dtype=np.float64)) for g in flat])
        return seen.reshape(g_uS.shape).astype(g_uS.dtype)

    def _one(self, g_uS: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        from scipy.sparse.linalg import splu

        rows, cols = g_uS.shape
        matrix = nodal_matrix(g_uS * _SIEMENS, 1 / self.row_ohm, 1 / self.col_ohm)
        solve = splu(matrix, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}).solve
        # The matrix is symmetric, so either end may be driven: the one with fewer lines is.
        nodes = np.arange(rows * cols).reshape(rows, cols)
        first, last = nodes[:, 0], rows * cols + nodes[-1]
        drive, sense = (first, last) if rows <= cols else (last, first)
        unit = np.zeros((2 * rows * cols, drive.size))
        unit[drive, np.arange(drive.size)] = 1
        volts = solve(unit)[sense]  # shape (sensed lines, driven lines)
        seen = volts.T if rows <= cols else volts
        return np.asarray(seen / (self.row_ohm * self.col_ohm * _SIEMENS))


class LadderWires(Wires):
    """A fast approximation: each line as a ladder of its own.

    ``g_seen = g α β``: α is the share of the row's voltage that reaches the cell while all columns
    lie at ground, β the share of the cell's current that reaches the column's end while all rows
    do. Both are exact ladders; what is left out is that current which leaves a column through
    another row comes back through a third line. So the seen conductances are always too *small*.
    With the load ``k = (row_ohm cols² + col_ohm rows²) g_mean / 2`` and all rows driven, the
    current of a column is short by less than ``0.2 k²`` on average and ``0.5 k²`` at most, and no
    seen conductance by more than ``3 k²`` of the mean one (tested with uniform, full and sparse
    tiles of 16 × 64 to 96 × 96); leaving wires out altogether errs by about ``0.7 k``. Tiles with
    ``k`` above 0.3 are refused.

    Args:
        row_ohm: Resistance of one segment of a row in Ω.
        col_ohm: Resistance of one segment of a column in Ω.
    """

    law: Literal["ladder"] = "ladder"
    row_ohm: Ohm
    col_ohm: Ohm

    def seen(self, g_uS: Array) -> Array:
        """Return what the tiles show outside, shape ``(..., rows, cols)`` in µS.

        Raises:
            ConfigError: The load of a tile is too high for the approximation.
        """
        g = np.asarray(g_uS, dtype=np.float64) * _SIEMENS
        load = float(line_load(g, self.row_ohm, self.col_ohm).max(initial=0.0))
        if load > _LARGEST_LOAD:
            raise ConfigError(
                f"ladder wires: the lines of a tile carry a load of {load:.2f}; above "
                f"{_LARGEST_LOAD} the approximation errs by more than 2 % on average. Use "
                f"NodalWires(row_ohm={self.row_ohm:g}, col_ohm={self.col_ohm:g}), smaller tiles or "
                "a smaller resistance."
            )
        along_rows = ladder(g, self.row_ohm)
        along_cols = ladder(g[..., ::-1, :].swapaxes(-1, -2), self.col_ohm)
        along_cols = along_cols.swapaxes(-1, -2)[..., ::-1, :]
        return np.asarray(g_uS * along_rows * along_cols, dtype=g_uS.dtype)


def line_load(g: npt.NDArray[np.float64], row_ohm: float, col_ohm: float) -> Array:
    """Return ``(row_ohm cols² + col_ohm rows²) g_mean / 2``, the first-order loss of a tile.

    Args:
        g: Conductances in S, shape ``(..., rows, cols)``.
        row_ohm: Resistance of one segment of a row in Ω.
        col_ohm: Resistance of one segment of a column in Ω.
    """
    rows, cols = g.shape[-2:]
    return np.asarray((row_ohm * cols**2 + col_ohm * rows**2) / 2 * g.mean(axis=(-2, -1)))


def ladder(g: npt.NDArray[np.float64], ohm: float) -> npt.NDArray[np.float64]:
    """Return the share of a line's voltage that reaches each of its cells.

    The line is driven at its start; a cell's other end lies at ground.

    Args:
        g: Conductances in S, shape ``(..., cells of a line)``.
        ohm: Resistance of a segment in Ω.

    >>> ladder(np.array([0.01, 0.0]), 100.0).tolist()  # 100 Ω and 100 Ω: half
    [0.5, 0.5]
    """
    to_ground = np.array(g)  # of a cell and all that lies behind it
    for cell in range(g.shape[-1] - 2, -1, -1):
        behind = to_ground[..., cell + 1]
        to_ground[..., cell] += behind / (1 + ohm * behind)
    return np.asarray(np.cumprod(1 / (1 + ohm * to_ground), axis=-1))


def nodal_matrix(g: npt.NDArray[np.float64], per_row: float, per_col: float) -> Any:
    """Return the conductance matrix of a tile: currents out of the nodes = matrix @ voltages.

    The nodes of the rows come first, then those of the columns, each ``rows * cols`` in C order.
    The segments to the drivers and to ground are on the diagonal.

    Args:
        g: Conductances of the cells in S, shape ``(rows, cols)``.
        per_row: Conductance of a segment of a row in S.
        per_col: Conductance of a segment of a column in S.
    """
    from scipy import sparse

    rows, cols = g.shape
    nodes = np.arange(rows * cols).reshape(rows, cols)
    links = [
        (nodes[:, :-1], nodes[:, 1:], np.full((rows, cols - 1), per_row)),
        (rows * cols + nodes[:-1], rows * cols + nodes[1:], np.full((rows - 1, cols), per_col)),
        (nodes, rows * cols + nodes, g),
    ]
    start, end, link = (np.concatenate([part[k].ravel() for part in links]) for k in range(3))
    to_ends = np.zeros(2 * rows * cols)
    to_ends[nodes[:, 0]] += per_row
    to_ends[rows * cols + nodes[-1]] += per_col
    size = to_ends.size
    between = sparse.coo_matrix((link, (start, end)), shape=(size, size))
    between = between + between.T
    diagonal = np.asarray(between.sum(axis=1)).ravel() + to_ends
    return (sparse.diags(diagonal) - between).tocsc()


AnyWires = Annotated[NoWires | NodalWires | LadderWires, Field(discriminator="law")]
