"""VeRA+: two small vectors per layer and drift level, projections shared by all, over a life."""

from mho.recover.veraplus.attachment import VeraBranch
from mho.recover.veraplus.branches import Branches
from mho.recover.veraplus.known_vectors import KnownVectors, load_vectors, save_vectors
from mho.recover.veraplus.method import VeraPlus
from mho.recover.veraplus.projections import Projections
from mho.recover.veraplus.robustness import robustness, with_clock, with_other_drift
from mho.recover.veraplus.schedule import Schedule

__all__ = [
    "Branches",
    "KnownVectors",
    "Projections",
    "Schedule",
    "VeraBranch",
    "VeraPlus",
    "load_vectors",
    "robustness",
    "save_vectors",
    "with_clock",
    "with_other_drift",
]
