"""From a finished training to weights with a model card."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

import mho
from mho.commit import running_commit
from mho.data import Data
from mho.data import load as load_data
from mho.files import writable_folder
from mho.progress import Progress
from mho.zoo.card import Accuracy, ModelCard, TrainingData
from mho.zoo.trained import load, save
from mho.zoo.training.checkpoint import State
from mho.zoo.training.recipe import Recipe
from mho.zoo.training.train import count_correct
from mho.zoo.training.train import train as run_training


def made_here() -> dict[str, Any]:
    """Return what a model card says of where and when: ``commit``, ``date``, ``versions``."""
    return {
        "commit": running_commit(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "versions": {
            "mho": mho.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }


def train_and_publish(
    recipe: Recipe, folder: Path, *, progress: Progress | None = None
) -> tuple[ModelCard, list[dict[str, Any]]]:
    """Train a network by a recipe on its own data and write it; run again it goes on.

    Args:
        recipe: The recipe.
        folder: Where checkpoint, weights and card go; it is made.
        progress: Called as ``progress(epochs done, epochs, text)``.

    Returns:
        The card as written, and what happened in each epoch.

    Raises:
        DataError: The data are not there.
        StoreError: The folder cannot be written to.
        MhoError: As for :func:`mho.zoo.training.train`.
    """
    writable_folder(folder)
    read = partial(load_data, columns=recipe.columns, tokens=recipe.tokens)
    data = read(recipe.data, "train")
    tests = [read(name, "test") for name in recipe.tests]

    def show(figures: dict[str, Any]) -> None:
        """Tell how far the training is."""
        if progress is not None:
            text = f"epoch {figures['epoch']} of {recipe.epochs}, loss {figures['loss']:.4f}"
            progress(figures["epoch"], recipe.epochs, text)

    state = run_training(recipe, data, folder / "checkpoint.safetensors", progress=show)
    return publish(recipe, state, data, tests, folder), state.history


def publish(
    recipe: Recipe, state: State, train: Data, tests: Sequence[Data], folder: Path
) -> ModelCard:
    """Write ``<name>.safetensors`` and ``<name>.json``, with the accuracy of what was written.

    The accuracy is measured on the stored numbers, read back, so a card never claims more than
    its file can do.

    Args:
        recipe: The recipe that was followed.
        state: The training; ``.average`` is written.
        train: What it was trained on.
        tests: Test data, each evaluated once.
        folder: Where to write.

    Returns:
        The card as written.

    Raises:
        DataError: ``tests`` are no test data.
        StoreError: The folder cannot be written to.
    """
    for data in tests:
        data.require("test", f"the accuracy of '{recipe.name}'")
    path = folder / f"{recipe.name}.json"
    card = save(state.average, path, _card(recipe, state, train))
    stored = load(path)
    accuracies = tuple(
        Accuracy(
            data=data.name, note=data.note, images=len(data), correct=count_correct(stored, data)
        )
        for data in tests
    )
    return save(stored, path, card.model_copy(update={"test": accuracies}))


def _card(recipe: Recipe, state: State, train: Data) -> ModelCard:
    return ModelCard(
        name=recipe.name,
        architecture=recipe.architecture,
        options=recipe.options,
        parameters=0,
        stored=recipe.stored,
        sha256="",
        training=TrainingData(
            name=train.name,
            note=train.note,
            images=len(train) - recipe.held_out,
            digest=train.digest,
        ),
        recipe=recipe.model_dump(mode="json"),
        epochs=state.epoch,
        plan=tuple(state.plan) if len(state.plan) > 1 else (),
        seed=recipe.seed,
        test=(),
        **made_here(),
    )
