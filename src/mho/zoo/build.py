"""Untrained reference networks by name."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any, Final

import torch
from torch import nn

from mho.errors import ConfigError, unknown
from mho.rng import Streams
from mho.zoo.lenet import charan_mnist, lenet5
from mho.zoo.resnet import resnet20, resnet32
from mho.zoo.transformer import TRANSFORMER, start_from_source, transformer
from mho.zoo.vgg import vgg16

ARCHITECTURES: Final[dict[str, Callable[..., nn.Module]]] = {
    "charan-mnist": charan_mnist,
    "lenet5": lenet5,
    "resnet20": resnet20,
    "resnet32": resnet32,
    TRANSFORMER: transformer,
    "vgg16": vgg16,
}
"""What builds each reference network; of images 1 or 3 channels in, 10 classes out."""

_DIGITS: Final = ("charan-mnist", "lenet5")
_RECIPE: Final = "zoo_recipe"
_EXAMPLE: Final = "example_shape"  # map_network traces a zero input of this shape


def build(
    name: str,
    *,
    seed: int = 0,
    initial_sd: float | None = None,
    initial_bias: float = 0.0,
    **options: Any,
) -> nn.Module:
    """Build an untrained reference network.

    Use it to train or to test; :func:`mho.zoo.load` gives networks that are trained. Weights are
    drawn from N(0, 2 / inputs of the matrix) (He et al., ICCV 2015), biases are zero, unless said.
    A ``"transformer"`` has the weights that its source comes with, and a last layer of its own.

    Args:
        name: ``"lenet5"``, ``"charan-mnist"``, ``"resnet20"``, ``"resnet32"``, ``"vgg16"`` or
            ``"transformer"``.
        seed: Draw of the initial weights: the same seed gives the same network.
        initial_sd: Standard deviation of the initial weights of every layer, whatever its size.
        initial_bias: All initial biases.
        options: What the network's builder takes, e.g. ``width=0.25`` for ``"vgg16"``.

    Raises:
        ConfigError: Name or option is unknown; the nearest known one is named. Or initial weights
            were asked for where the network brings its own.
        MissingDependencyError: A transformer was asked for without transformers.

    >>> sum(p.numel() for p in build("lenet5").parameters())
    61706
    """
    model = shell(name, **options)
    if name == TRANSFORMER:
        if initial_sd is not None or initial_bias:
            raise ConfigError(
                f"network '{name}' starts from the weights of its source; leave out initial_sd "
                "and initial_bias."
            )
        start_from_source(model, Streams(seed, "zoo", name), **options)
        return model  # a bundle names no source: it would be read from wherever that points
    _initialise(model, Streams(seed, "zoo", name), initial_sd, initial_bias)
    setattr(model, _RECIPE, (name, dict(options)))
    setattr(model, _EXAMPLE, (1, 28, 28) if name in _DIGITS else (3, 32, 32))
    return model


def shell(name: str, **options: Any) -> nn.Module:
    """Return the layers of a reference network with whatever is in their weights.

    On torch's ``meta`` device it costs no memory, however large the options make the network.

    Args:
        name: As for :func:`build`.
        options: What the network's builder takes.

    Raises:
        ConfigError: Name or option is unknown; the nearest known one is named.
    """
    if name not in ARCHITECTURES:
        raise unknown("network", name, ARCHITECTURES)
    builder = ARCHITECTURES[name]
    known = list(inspect.signature(builder).parameters)
    for option in options:
        if option not in known:
            raise unknown("option", option, known or ["none"], where=f"network '{name}'")
    return builder(**options)


def recipe_of(model: nn.Module) -> tuple[str, dict[str, Any]] | None:
    """Return the name and options that :func:`build` made a network with, or None.

    A bundle keeps them, so that a reference network can be rebuilt without its code.

    >>> recipe_of(build("lenet5"))
    ('lenet5', {})
    """
    recipe: tuple[str, dict[str, Any]] | None = getattr(model, _RECIPE, None)
    return recipe


@torch.no_grad()
def _initialise(model: nn.Module, streams: Streams, sd: float | None, bias: float) -> None:
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            shape = tuple(module.weight.shape)
            draw = torch.from_numpy(streams.normal(shape, name))
            module.weight.copy_(draw * (sd or math.sqrt(2 / math.prod(shape[1:]))))
            if module.bias is not None:
                module.bias.fill_(bias)
