"""Ways to win back accuracy; all share one protocol and compose in order."""

from mho.recover.base import Recovery
from mho.recover.baselines import BatchNormRecalibration, DriftScale, Nothing
from mho.recover.distill import Distill, KnownStudent, NoiseTraining
from mho.recover.levels import LevelDora, LevelLora, Recurring, Refresh
from mho.recover.readout import DriftShift, ProbeCorrection
from mho.recover.registry import METHODS, by_name
from mho.recover.rewrite import Rewrite
from mho.recover.sparse import SparseAdaptation
from mho.recover.tuning import BatchNormTuning, BiasTuning, Dora, Lora, Retraining
from mho.recover.veraplus import KnownVectors, VeraPlus, load_vectors, save_vectors

__all__ = [
    "METHODS",
    "BatchNormRecalibration",
    "BatchNormTuning",
    "BiasTuning",
    "Distill",
    "Dora",
    "DriftScale",
    "DriftShift",
    "KnownStudent",
    "KnownVectors",
    "LevelDora",
    "LevelLora",
    "Lora",
    "NoiseTraining",
    "Nothing",
    "ProbeCorrection",
    "Recovery",
    "Recurring",
    "Refresh",
    "Retraining",
    "Rewrite",
    "SparseAdaptation",
    "VeraPlus",
    "by_name",
    "load_vectors",
    "save_vectors",
]
