"""Where a training stands, in one file: tensors as safetensors, all else as JSON in its header."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from mho.errors import BundleError, ConfigError
from mho.files import atomic_write
from mho.zoo.training.recipe import Recipe


@dataclass
class State:
    """A training between two epochs.

    Args:
        model: The network being trained.
        average: Moving average of its weights and of its batch-norm statistics.
        optimizer: Holds the momentum of each parameter.
        epoch: Epochs done.
        history: What happened in each epoch, for people.
        plan: (epochs done, epochs planned from then on) at the start and at each change.
    """

    model: nn.Module
    average: nn.Module
    optimizer: torch.optim.Optimizer
    epoch: int
    history: list[dict[str, Any]]
    plan: list[tuple[int, int]]


def write_checkpoint(path: Path, state: State, recipe: Recipe) -> None:
    """Write a checkpoint; the file is the old one or the new one, never a part.

    Raises:
        StoreError: The folder cannot be written to.
    """
    tensors: dict[str, Tensor] = {}
    for kind, model in (("model", state.model), ("average", state.average)):
        tensors |= {f"{kind}.{k}": v.contiguous() for k, v in model.state_dict().items()}
    for index, values in state.optimizer.state_dict()["state"].items():
        tensors |= {
            f"optimizer.{index}.{key}": value.contiguous()
            for key, value in values.items()
            if isinstance(value, Tensor)
        }
    header = {
        "recipe": recipe.model_dump_json(),
        "epoch": str(state.epoch),
        "history": json.dumps(state.history),
        "plan": json.dumps(state.plan),
    }
    atomic_write(path, save(tensors, header))


def read_checkpoint(path: Path, state: State, recipe: Recipe) -> None:
    """Set a training back to where a checkpoint says it stood.

    The number of epochs may have been changed since: the learning rate then follows the new
    schedule from here on, and the plan says so.

    Args:
        path: The file.
        state: A fresh training of the same recipe; changed in place.
        recipe: The recipe, which must be the checkpoint's.

    Raises:
        BundleError: The file is incomplete or edited.
        ConfigError: The checkpoint belongs to another recipe.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        written = Recipe.model_validate_json(header["recipe"])
        epoch, history = int(header["epoch"]), json.loads(header["history"])
        plan = [(int(start), int(epochs)) for start, epochs in json.loads(header["plan"])]
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise BundleError(
            f"checkpoint {path} is incomplete or edited ({error}); delete it to train anew."
        ) from None
    _same_recipe(path, written, recipe, epoch)
    try:
        state.model.load_state_dict(_below("model.", tensors))
        state.average.load_state_dict(_below("average.", tensors))
    except RuntimeError as error:
        raise BundleError(f"checkpoint {path} does not fit its recipe: {error}") from None
    plain = state.optimizer.state_dict()
    for key, value in _below("optimizer.", tensors).items():
        index, name = key.split(".")
        plain["state"].setdefault(int(index), {})[name] = value
    state.optimizer.load_state_dict(plain)
    state.epoch, state.history = epoch, history
    state.plan = plan if recipe.epochs == plan[-1][1] else [*plan, (epoch, recipe.epochs)]


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _same_recipe(path: Path, written: Recipe, wanted: Recipe, epoch: int) -> None:
    before, now = written.model_dump(), wanted.model_dump()
    differ = sorted(key for key in now if before[key] != now[key] and key != "epochs")
    if differ:
        raise ConfigError(
            f"checkpoint {path} belongs to another recipe ({', '.join(differ)} differ); "
            "choose another folder, or delete it to train anew."
        )
    if wanted.epochs < epoch:
        raise ConfigError(
            f"checkpoint {path} has {epoch} epochs behind it, the recipe asks for "
            f"{wanted.epochs}; ask for more, or delete it to train anew."
        )
