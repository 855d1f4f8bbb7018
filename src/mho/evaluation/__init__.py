"""Monte-Carlo over chips and times: how accurate is a network, with what certainty."""

from __future__ import annotations

from mho.evaluation.evaluate import evaluate
from mho.evaluation.evaluation import Evaluation
from mho.evaluation.metric import Accuracy, Metric, TopK
from mho.evaluation.passes import digital_accuracy
from mho.evaluation.stopping import HalfWidth, StoppingRule

__all__ = [
    "Accuracy",
    "Evaluation",
    "HalfWidth",
    "Metric",
    "StoppingRule",
    "TopK",
    "digital_accuracy",
    "evaluate",
]
