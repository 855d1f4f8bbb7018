"""Training of the reference networks: resumable, and the same weights however often interrupted."""

from __future__ import annotations

import contextlib
import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from mho.data import Data, Inputs
from mho.data.augment import AUGMENTATIONS, cut_mix
from mho.errors import DataError, unknown
from mho.rng import Streams
from mho.zoo.build import build
from mho.zoo.training.checkpoint import State, read_checkpoint, write_checkpoint
from mho.zoo.training.recipe import Recipe
from mho.zoo.training.schedule import one_cycle
from mho.zoo.training.sentences import by_length, without_padding

Progress: TypeAlias = Callable[[dict[str, Any]], None]


def train(
    recipe: Recipe,
    data: Data,
    checkpoint: Path | None = None,
    *,
    progress: Progress | None = None,
) -> State:
    """Train a network by a recipe, going on from a checkpoint where there is one.

    With the same number of threads, a training that was interrupted ends with the same weights
    as one that was not: every draw is named by its epoch and step. The number of epochs may be
    changed between two calls, when time turns out shorter or longer: the schedule is followed
    anew from there, which the model card records.

    Args:
        recipe: The settings.
        data: Training images (n, channels, height, width), or sentences as a tokenizer makes
            them, with labels.
        checkpoint: File to go on from and to write after each epoch; None keeps nothing.
        progress: Called after each epoch with its figures.

    Returns:
        The training at its end; ``.average`` is the network to keep.

    Raises:
        DataError: The data are not training data, or sentences are to be augmented as images.
        ConfigError: The checkpoint belongs to another recipe, or what is to be frozen is no module.
        BundleError: The checkpoint is incomplete or edited.
        StoreError: The checkpoint cannot be written.
    """
    data.require("train", f"training of '{recipe.name}'")
    held_out, data = data.split(recipe.held_out, recipe.seed) if recipe.held_out else (None, data)
    state = _start(recipe)
    if checkpoint is not None and checkpoint.is_file():
        read_checkpoint(checkpoint, state, recipe)
    while state.epoch < recipe.epochs:
        figures = _epoch(recipe, state, data)
        if held_out is not None:
            figures["held_out"] = count_correct(state.average, held_out) / len(held_out)
        state.epoch += 1
        state.history.append(figures)
        if checkpoint is not None:
            write_checkpoint(checkpoint, state, recipe)
        if progress is not None:
            progress(figures)
    return state


def _start(recipe: Recipe) -> State:
    # Channels-last is the layout that the CPU's convolutions run fastest in.
    model = build(
        recipe.architecture,
        seed=recipe.seed,
        initial_sd=recipe.initial_sd,
        initial_bias=recipe.initial_bias,
        **recipe.options,
    )
    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = copy.deepcopy(model).eval().requires_grad_(False)
    _freeze(model, recipe)
    trained = [p for p in model.parameters() if p.requires_grad]
    matrices = [p for p in trained if p.ndim > 1]
    others = [p for p in trained if p.ndim <= 1]
    groups: list[dict[str, Any]] = [
        {"params": matrices},
        {"params": others, "weight_decay": 0.0},
    ]
    optimizer = _optimizer(recipe, groups)
    return State(model, average, optimizer, epoch=0, history=[], plan=[(0, recipe.epochs)])


def _freeze(model: nn.Module, recipe: Recipe) -> None:
    modules = dict(model.named_modules())
    for name in recipe.frozen:
        if name not in modules:
            raise unknown("module", name, modules, where=f"recipe '{recipe.name}', frozen")
        modules[name].requires_grad_(False)


def _optimizer(recipe: Recipe, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    if recipe.optimiser == "adam":
        return torch.optim.Adam(groups, lr=recipe.peak_lr, weight_decay=recipe.weight_decay)
    return torch.optim.SGD(
        groups,
        lr=recipe.peak_lr,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        nesterov=recipe.momentum > 0,
    )


def _epoch(recipe: Recipe, state: State, data: Data) -> dict[str, Any]:
    """Train one epoch; return its figures."""
    began = time.monotonic()
    streams = Streams(recipe.seed, "train", recipe.name, state.epoch)
    order = torch.from_numpy(streams.generator("order").permutation(len(data)))
    if isinstance(data.inputs, dict):
        order = by_length(order, data.inputs, recipe.batch)
    state.model.train()
    total, per_epoch = 0.0, math.ceil(len(data) / recipe.batch)
    for step, chosen in enumerate(torch.split(order, recipe.batch)):
        part = data.subset(chosen)
        inputs, labels = _augmented(recipe, part, streams.child(step))
        lr = recipe.peak_lr
        if recipe.schedule == "one-cycle":
            lr = one_cycle(
                state.epoch * per_epoch + step,
                recipe.epochs * per_epoch,
                round(recipe.warm_up_epochs * per_epoch),
                recipe.peak_lr,
            )
        with _dropping_out(streams.child(step)):
            loss = _step(recipe, state, inputs, labels, lr)
        _update_average(state, recipe.average)
        total += loss * len(chosen)
    return {
        "epoch": state.epoch + 1,
        "loss": total / len(data),
        "seconds": round(time.monotonic() - began, 1),
    }


@dataclass(frozen=True)
class _Labels:
    """Labels of a batch: each example has its own, and of another one what it lacks to 1."""

    own: Tensor
    others: Tensor | None = None
    part: Tensor | None = None

    def loss(self, logits: Tensor, smoothing: float) -> Tensor:
        """Return the cross-entropy, mean over the batch."""
        if self.others is None or self.part is None:
            return functional.cross_entropy(logits, self.own, label_smoothing=smoothing)
        each = partial(
            functional.cross_entropy, logits, label_smoothing=smoothing, reduction="none"
        )
        return (self.part * each(self.own) + (1 - self.part) * each(self.others)).mean()


def _augmented(recipe: Recipe, part: Data, streams: Streams) -> tuple[Inputs, _Labels]:
    if isinstance(part.inputs, Tensor):
        images, labels = part.inputs, _Labels(part.labels)
        if recipe.augmentation != "none":
            images = AUGMENTATIONS[recipe.augmentation](images, streams)
        if recipe.cut_mix > 0:
            images, others, own = cut_mix(images, recipe.cut_mix, streams)
            labels = _Labels(part.labels, part.labels[others], own)
        return images.contiguous(memory_format=torch.channels_last), labels
    for key, value in (("augmentation", recipe.augmentation), ("cut_mix", recipe.cut_mix)):
        if value not in ("none", 0.0):
            raise DataError(
                f"training of '{recipe.name}': {key} = {value!r} is for images; "
                f"'{part.name}' holds none. Leave it out."
            )
    return without_padding(part.inputs), _Labels(part.labels)


@contextlib.contextmanager
def _dropping_out(streams: Streams) -> Iterator[None]:
    """Let dropout, which draws from torch's own generator, depend on the step alone."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(streams.integer("dropout"))
        yield


def _step(recipe: Recipe, state: State, inputs: Inputs, labels: _Labels, lr: float) -> float:
    for group in state.optimizer.param_groups:
        group["lr"] = lr
    with torch.autocast("cpu", torch.bfloat16, enabled=recipe.precision == "bfloat16"):
        logits = _logits(state.model, inputs)
    loss = labels.loss(logits.float(), recipe.label_smoothing)
    state.optimizer.zero_grad()
    torch.autograd.backward(loss)
    state.optimizer.step()
    return loss.item()


def _logits(model: nn.Module, inputs: Inputs) -> Tensor:
    """Return a network's logits; those of transformers return them beside other things."""
    output = model(**inputs) if isinstance(inputs, dict) else model(inputs)
    logits: Tensor = getattr(output, "logits", output)
    return logits


@torch.no_grad()
def _update_average(state: State, kept: float) -> None:
    """Move the average towards the weights: ``a <- k a + (1 - k) w``; counters are copied."""
    averages = list(state.average.state_dict().values())
    values = list(state.model.state_dict().values())
    pairs = list(zip(averages, values, strict=True))
    floats = [pair for pair in pairs if pair[0].is_floating_point()]
    torch._foreach_lerp_([a for a, _ in floats], [v for _, v in floats], 1 - kept)
    for average, value in pairs:
        if not average.is_floating_point():
            average.copy_(value)


@torch.no_grad()
def count_correct(model: nn.Module, data: Data, batch: int = 500) -> int:
    """Return how many examples a network classifies correctly, in evaluation mode."""
    was_training = model.training
    model.eval()
    correct = 0
    for inputs, labels in data.batches(batch):
        correct += int((_logits(model, inputs).argmax(1) == labels).sum())
    model.train(was_training)
    return correct
