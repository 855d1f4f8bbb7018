"""Students trained under the statistics of the devices: distillation and noise-aware training."""

from mho.recover.distill.distill import Distill, charan2020
from mho.recover.distill.known_student import KnownStudent
from mho.recover.distill.losses import CharanCifar, CharanMnist, SoftTargets
from mho.recover.distill.noise_training import NoiseTraining

__all__ = [
    "CharanCifar",
    "CharanMnist",
    "Distill",
    "KnownStudent",
    "NoiseTraining",
    "SoftTargets",
    "charan2020",
]
