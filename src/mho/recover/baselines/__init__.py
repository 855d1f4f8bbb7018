"""Baselines: what every recovery is compared with, by the same protocol."""

from mho.recover.baselines.batch_norm import BatchNormRecalibration
from mho.recover.baselines.drift_scale import DriftScale
from mho.recover.baselines.nothing import Nothing

__all__ = ["BatchNormRecalibration", "DriftScale", "Nothing"]
