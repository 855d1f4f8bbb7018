"""Recoveries by the name that studies and tables use."""

from __future__ import annotations

from typing import Final

from mho.errors import unknown
from mho.recover.base import Recovery
from mho.recover.baselines import BatchNormRecalibration, DriftScale, Nothing
from mho.recover.distill import Distill, KnownStudent, NoiseTraining
from mho.recover.levels import LevelDora, LevelLora, Recurring, Refresh
from mho.recover.readout import DriftShift, ProbeCorrection
from mho.recover.rewrite import Rewrite
from mho.recover.sparse import SparseAdaptation
from mho.recover.tuning import BatchNormTuning, BiasTuning, Dora, Lora, Retraining
from mho.recover.veraplus import KnownVectors, VeraPlus

METHODS: Final[dict[str, type[Recovery]]] = {
    kind.method: kind
    for kind in (
        Nothing,
        DriftScale,
        DriftShift,
        ProbeCorrection,
        BatchNormRecalibration,
        NoiseTraining,
        Distill,
        KnownStudent,
        SparseAdaptation,
        Rewrite,
        BiasTuning,
        BatchNormTuning,
        Lora,
        Dora,
        Retraining,
        VeraPlus,
        KnownVectors,
        LevelLora,
        LevelDora,
        Recurring,
        Refresh,
    )
}
"""Every recovery that mho has, by name."""


def by_name(method: str, *, where: str = "") -> type[Recovery]:
    """Return the recovery of a name.

    Args:
        method: Its name, e.g. ``"sparse-adaptation"``.
        where: Place of the name, for the error.

    Raises:
        ConfigError: There is none; the nearest is named.

    >>> by_name("distill").__name__
    'Distill'
    """
    if method not in METHODS:
        raise unknown("method", method, METHODS, where=where)
    return METHODS[method]
