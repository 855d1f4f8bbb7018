"""On-line sparse adaptation in SRAM: where words lie, how they are trained, what they cost."""

from mho.recover.sparse.branch import SparseBranch, Words
from mho.recover.sparse.positions import (
    ImportanceSampling,
    PerColumn,
    RandomDiagonals,
    RandomPositions,
    TopK,
)
from mho.recover.sparse.sparse_adaptation import SparseAdaptation

__all__ = [
    "ImportanceSampling",
    "PerColumn",
    "RandomDiagonals",
    "RandomPositions",
    "SparseAdaptation",
    "SparseBranch",
    "TopK",
    "Words",
]
