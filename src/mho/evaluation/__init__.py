"""Monte-Carlo over chips and times: how accurate is a network, with what certainty.

The function itself is ``mho.evaluate``. Names are loaded when they are first used, so that a study
file can be read, and its mistakes be told, without waiting for torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_WHERE = {
    "Accuracy": "metric",
    "Evaluation": "evaluation",
    "HalfWidth": "stopping",
    "MeanAccuracy": "mean_accuracy",
    "Metric": "metric",
    "StoppingRule": "stopping",
    "TopK": "metric",
    "TwoStage": "two_stage",
    "digital_accuracy": "passes",
}

if TYPE_CHECKING:
    from mho.evaluation.evaluation import Evaluation as Evaluation
    from mho.evaluation.mean_accuracy import MeanAccuracy as MeanAccuracy
    from mho.evaluation.metric import Accuracy as Accuracy
    from mho.evaluation.metric import Metric as Metric
    from mho.evaluation.metric import TopK as TopK
    from mho.evaluation.passes import digital_accuracy as digital_accuracy
    from mho.evaluation.stopping import HalfWidth as HalfWidth
    from mho.evaluation.stopping import StoppingRule as StoppingRule
    from mho.evaluation.two_stage import TwoStage as TwoStage

__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        value = getattr(importlib.import_module(f"mho.evaluation.{_WHERE[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'mho.evaluation' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
