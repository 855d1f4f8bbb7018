"""On-line sparse adaptation in SRAM: where words lie, how they are trained, what they cost."""

from mho.recover.sparse.branch import SparseBranch, Words
from mho.recover.sparse.positions import (
    ImportanceSampling,
    PerColumn,
    RandomDiagonals,
    RandomPositions,
    TopDiagonals,
    TopK,
)
from mho.recover.sparse.sparse_adaptation import SparseAdaptation
from mho.recover.sparse.stages import BranchInStages

__all__ = [
    "BranchInStages",
    "ImportanceSampling",
    "PerColumn",
    "RandomDiagonals",
    "RandomPositions",
    "SparseAdaptation",
    "SparseBranch",
    "TopDiagonals",
    "TopK",
    "Words",
]
