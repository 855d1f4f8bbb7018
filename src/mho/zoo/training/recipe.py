"""Recipes: everything that decides the outcome of a training, as a value."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from mho.data.augment import Augmentation
from mho.device.law import Law
from mho.errors import ConfigError, unknown
from mho.zoo.packing import Stored
from mho.zoo.trained import RECIPES


class Recipe(Law):
    """Settings of a training on the cross-entropy; stochastic gradient descent, unless said.

    The learning rate rises linearly to ``peak_lr`` over the first ``warm_up_epochs`` and falls
    to zero along half a cosine, or stays; the weights kept are an exponential moving average.

    Args:
        name: Name of the trained network.
        architecture: What :func:`mho.zoo.build` builds.
        options: Options of the architecture, e.g. ``{"width": 0.25}``.
        initial_sd: Standard deviation of all initial weights; by default each layer's own.
        initial_bias: All initial biases.
        frozen: Modules whose weights stay as they start, with all that is below them.
        data: Data set; its ``train`` split is used.
        columns: Column names of a folder or hub id, see :func:`mho.data.load`.
        tokens: Cut sentences after so many tokens; where nothing is said the longest stays whole.
        tests: Data sets on whose ``test`` split the trained network is evaluated, once.
        epochs: Passes over the training data.
        batch: Examples in a step.
        optimiser: ``"sgd"``, or ``"adam"`` (Kingma and Ba, ICLR 2015, with its usual betas).
        schedule: ``"one-cycle"``, or ``"constant"``: the peak throughout.
        peak_lr: Highest learning rate.
        warm_up_epochs: Epochs of rising learning rate, in one cycle.
        momentum: Nesterov momentum of SGD.
        weight_decay: Strength of the L2 penalty on the weights of matrices; biases and batch norm
            are left free.
        label_smoothing: Share of each label spread over all classes.
        augmentation: ``"none"``, ``"shift"`` or ``"distort"`` (digits), ``"flip-crop"``
            (photographs); see :mod:`mho.data.augment`.
        cut_mix: Share of the images that a rectangle of another one is pasted into, with its share
            of the label.
        average: Share of the moving average kept in each step; 0 keeps the last weights.
        precision: ``"float32"``, or ``"bfloat16"`` products with float32 weights.
        held_out: Training examples left out, to watch the accuracy during training.
        stored: Type of the stored weights: ``"float32"``, ``"float16"``, or ``"int8"`` with a
            step for each output.
        seed: Seed of initial weights, order and augmentation.
    """

    name: str
    architecture: str
    options: dict[str, Any] = Field(default={})
    initial_sd: float | None = Field(default=None, gt=0)
    initial_bias: float = 0.0
    frozen: tuple[str, ...] = ()
    data: str
    columns: dict[str, str] | None = None
    tokens: int | None = Field(default=None, gt=0)
    tests: tuple[str, ...]
    epochs: int = Field(gt=0)
    batch: int = Field(default=128, gt=0)
    optimiser: Literal["sgd", "adam"] = "sgd"
    schedule: Literal["one-cycle", "constant"] = "one-cycle"
    peak_lr: float = Field(gt=0)
    warm_up_epochs: float = Field(default=1.0, ge=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=5e-4, ge=0)
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    augmentation: Augmentation = "none"
    cut_mix: float = Field(default=0.0, ge=0, le=1)
    average: float = Field(default=0.998, ge=0, lt=1)
    precision: Literal["float32", "bfloat16"] = "float32"
    held_out: int = Field(default=0, ge=0)
    stored: Stored = "float32"
    seed: int = 0


def list_recipes() -> list[str]:
    """Return the names of the recipes that come with mho."""
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def load_recipe(name: str | Path) -> Recipe:
    """Read a recipe.

    Args:
        name: A name of :func:`list_recipes`, or the path of a TOML file.

    Raises:
        ConfigError: No such recipe, or a key or value is not understood.

    >>> load_recipe("lenet5").data
    'mnist'
    """
    path = Path(name)
    if path.suffix != ".toml":
        if str(name) not in list_recipes():
            raise unknown("recipe", str(name), list_recipes())
        path = RECIPES / f"{name}.toml"
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"recipe {path} cannot be read as TOML: {error}") from None
    return Recipe.parse(values, where=f"recipe {path.name}")
