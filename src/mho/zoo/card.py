"""The model card: what a set of weights is, how it was made, and how accurate it is."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from mho.device.law import Law
from mho.zoo.packing import Stored


class Accuracy(Law):
    """Share of the images of a data set that a network classifies correctly.

    Args:
        data: Name of the data set; its ``test`` split was used.
        note: What a reader must know of the data.
        images: Number of images.
        correct: How many were classified correctly.
    """

    data: str
    note: str
    images: int = Field(gt=0)
    correct: int = Field(ge=0)

    @property
    def accuracy(self) -> float:
        """Share of correct answers, a fraction."""
        return self.correct / self.images


class TrainingData(Law):
    """The examples a network was trained on.

    Args:
        name: Name of the data set; its ``train`` split was used.
        note: What a reader must know of the data.
        images: How many were trained on.
        digest: SHA-256 of inputs and labels.
    """

    name: str
    note: str
    images: int
    digest: str


class ModelCard(Law):
    """Everything known of a set of weights. It lies beside them as JSON.

    Args:
        format: Version of this form.
        name: Name of the trained network.
        architecture: What :func:`mho.zoo.build` builds.
        options: Options of the architecture.
        parameters: Number of trained parameters.
        stored: Type of the stored numbers, see :mod:`mho.zoo.packing`; computation is float32.
        sha256: SHA-256 of the file of weights.
        training: What it was trained on.
        recipe: The settings of the training.
        epochs: Epochs that were trained.
        plan: Where the number of epochs was changed during the training: (epochs done, epochs
            planned from then on), from the start; empty where it was not.
        seed: Seed of initial weights, order and augmentation.
        test: Accuracy on each test set.
        commit: Commit of the code that trained it, or None outside a checkout.
        date: Day the training ended, ISO.
        versions: Versions of what it was trained with.
    """

    format: int = 1
    name: str
    architecture: str
    options: dict[str, Any]
    parameters: int
    stored: Stored
    sha256: str
    training: TrainingData
    recipe: dict[str, Any]
    epochs: int
    plan: tuple[tuple[int, int], ...] = ()
    seed: int
    test: tuple[Accuracy, ...]
    commit: str | None
    date: str
    versions: dict[str, str]
