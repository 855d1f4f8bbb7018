"""Finding the class of an attachment by its kind, as a bundle or an artefact names it."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, Final

from torch import Tensor

from mho.errors import BundleError, nearest
from mho.network.applied import Attachment

_CLASSES: Final = {
    "adapter-sets": "mho.recover.levels.adapters:AdapterSets",
    "batch-norm": "mho.recover.baselines.batch_norm:RecalibratedNorms",
    "drift-scale": "mho.recover.baselines.drift_scale:DriftScaleGain",
    "drift-shift": "mho.recover.readout.drift_shift:ColumnShift",
    "probed-responses": "mho.recover.readout.responses:ProbedResponses",
    "sparse-branch": "mho.recover.sparse.branch:SparseBranch",
    "sparse-stages": "mho.recover.sparse.stages:BranchInStages",
    "refreshed-cells": "mho.recover.levels.refresh:RefreshedCells",
    "renewed": "mho.recover.levels.recurring:Renewed",
    "rewritten-cells": "mho.recover.rewrite.rewrite:RewrittenCells",
    "self-fitting": "mho.recover.onchip.self_fitting:SelfFitting",
    "tuned": "mho.recover.tuning.tuning:Tuned",
    "vera-branch": "mho.recover.veraplus.attachment:VeraBranch",
}


def restore(kind: str, settings: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Attachment:
    """Build an attachment again from what was saved of it.

    Args:
        kind: Its ``kind``, e.g. ``"vera-branch"``.
        settings: What its ``settings()`` returned.
        tensors: What its ``tensors()`` returned.

    Raises:
        BundleError: The kind is unknown, or something is missing or of the wrong shape.
    """
    if kind not in _CLASSES:
        close = nearest(kind, _CLASSES)
        hint = f" The nearest known one is '{close}'." if close else ""
        raise BundleError(
            f"a recovery of unknown kind '{kind}' cannot be loaded.{hint} It may come from a newer "
            "version of mho."
        )
    module, _, name = _CLASSES[kind].partition(":")
    cls: type[Attachment] = getattr(importlib.import_module(module), name)
    return cls.restore(settings, tensors)
