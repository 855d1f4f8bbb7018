"""Reference networks, and weights for them that were trained with mho's own recipes."""

from mho.zoo.build import ARCHITECTURES, build, recipe_of, shell
from mho.zoo.card import Accuracy, ModelCard, TrainingData
from mho.zoo.trained import card, home_of, list_networks, load, save
from mho.zoo.transformer import TRANSFORMER

__all__ = [
    "ARCHITECTURES",
    "TRANSFORMER",
    "Accuracy",
    "ModelCard",
    "TrainingData",
    "build",
    "card",
    "home_of",
    "list_networks",
    "load",
    "recipe_of",
    "save",
    "shell",
]
