"""Reference networks, and weights for them that were trained with mho's own recipes."""

from mho.zoo.build import ARCHITECTURES, build, recipe_of, shell
from mho.zoo.card import Accuracy, ModelCard, TrainingData
from mho.zoo.trained import card, list_networks, load, save

__all__ = [
    "ARCHITECTURES",
    "Accuracy",
    "ModelCard",
    "TrainingData",
    "build",
    "card",
    "list_networks",
    "load",
    "recipe_of",
    "save",
    "shell",
]
