"""How the reference networks are trained: recipes as values, resumable, with a card at the end."""

from mho.zoo.training.publish import publish, train_and_publish
from mho.zoo.training.recipe import Recipe, list_recipes, load_recipe
from mho.zoo.training.train import count_correct, train

__all__ = [
    "Recipe",
    "count_correct",
    "list_recipes",
    "load_recipe",
    "publish",
    "train",
    "train_and_publish",
]
