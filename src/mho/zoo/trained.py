"""Trained weights: safetensors with a model card beside them, checked when they are read."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Final

from safetensors import SafetensorError
from safetensors.torch import load as tensors_from
from safetensors.torch import save as bytes_of
from torch import Tensor, nn

from mho.errors import BundleError, ConfigError, unknown
from mho.files import atomic_write
from mho.zoo.build import build, shell
from mho.zoo.card import ModelCard
from mho.zoo.packing import pack, unpack
from mho.zoo.transformer import TRANSFORMER

SHIPPED: Final = Path(__file__).parent / "weights"
"""Folder of the weights that come with mho."""


RECIPES: Final = Path(__file__).parent / "recipes"
"""Folder of the recipes that come with mho, one TOML file for each trained network."""


def home_of(name: str) -> Path:
    """Return the folder in which ``mho train NAME`` keeps a network that is not shipped.

    It is ``$MHO_NETWORKS/NAME``, else ``~/.cache/mho/networks/NAME``; :func:`load` looks there.
    """
    base = os.environ.get("MHO_NETWORKS")
    if base:
        return Path(base).expanduser() / name
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "mho" / "networks" / name


def list_networks() -> list[str]:
    """Return the names of the trained networks that come with mho.

    >>> "lenet5" in list_networks()
    True
    """
    return sorted(path.stem for path in SHIPPED.glob("*.json"))


def load(name: str | Path, *, sha256: str | None = None) -> nn.Module:
    """Load a trained network, in evaluation mode, float32, on the CPU.

    Args:
        name: A name of :func:`list_networks`, that of a network that ``mho train NAME`` trained
            here, or the path of a model card (``….json``) with its weights (``….safetensors``)
            beside it.
        sha256: Digest that the weights must have; by default any will do.

    Raises:
        ConfigError: No such network; the nearest known one is named, or how to train it. Or its
            weights are not those asked for.
        BundleError: The weights are incomplete, edited, or do not fit the card.

    >>> type(load("lenet5")).__name__
    'Sequential'
    """
    path = _card_path(name)
    found = _read_card(path)
    if sha256 is not None and sha256 != found.sha256:
        raise ConfigError(
            f"network '{name}' has weights of digest {found.sha256[:12]}…; {sha256[:12]}… was "
            "asked for. Leave the digest out, or fetch those weights."
        )
    make = shell if found.architecture == TRANSFORMER else build  # its weights are read below
    model = make(found.architecture, **found.options)
    state = _read_weights(path.with_suffix(".safetensors"), found)
    _check_fit(path, model, state)
    model.load_state_dict(state)
    return model.eval()


def card(name: str | Path) -> ModelCard:
    """Read the model card of a trained network: data, recipe, seed, accuracy.

    Args:
        name: As for :func:`load`.

    Raises:
        ConfigError: No such network.
        BundleError: The card cannot be read.

    >>> card("lenet5").architecture
    'lenet5'
    """
    return _read_card(_card_path(name))


def save(model: nn.Module, path: Path, make_card: ModelCard) -> ModelCard:
    """Write weights and model card; each file appears whole or not at all.

    Args:
        model: The trained network.
        path: The card's path, ``….json``; the weights lie beside it as ``….safetensors``.
        make_card: The card; ``parameters`` and ``sha256`` are filled in here, ``stored`` says in
            which type floating-point numbers are kept.

    Returns:
        The card as written.

    Raises:
        StoreError: The folder cannot be written to.
    """
    contents = bytes_of(pack(model.state_dict(), make_card.stored))
    written = make_card.model_copy(
        update={
            "sha256": hashlib.sha256(contents).hexdigest(),
            "parameters": sum(p.numel() for p in model.parameters()),
        }
    )
    atomic_write(path.with_suffix(".safetensors"), contents)
    atomic_write(path, json.dumps(written.model_dump(), indent=1) + "\n")
    return written


def _card_path(name: str | Path) -> Path:
    path = Path(name)
    if path.suffix in (".json", ".safetensors"):
        path = path.with_suffix(".json")
        if not path.is_file():
            raise ConfigError(f"there is no model card {path}; give one that 'mho train' wrote.")
        return path
    if str(name) in list_networks():
        return SHIPPED / f"{name}.json"
    if not (RECIPES / f"{name}.toml").is_file():
        raise unknown("trained network", str(name), list_networks())
    path = home_of(str(name)) / f"{name}.json"
    if not path.is_file():
        raise ConfigError(
            f"the weights of network '{name}' are not shipped and were not found in "
            f"{path.parent}. Train it, which can be interrupted and gone on with: mho train {name}"
        )
    return path


def _read_card(path: Path) -> ModelCard:
    try:
        return ModelCard.parse(json.loads(path.read_text(encoding="utf-8")), where=str(path))
    except (OSError, ValueError, TypeError) as error:
        raise BundleError(f"model card {path} cannot be read: {error}") from None


def _read_weights(path: Path, found: ModelCard) -> dict[str, Tensor]:
    try:
        contents = path.read_bytes()
        if hashlib.sha256(contents).hexdigest() != found.sha256:
            raise BundleError(
                f"the weights {path} are not those that their card describes (SHA-256 differs): "
                "the file was cut short or edited. Fetch or train them again."
            )
        state = tensors_from(contents)
    except (OSError, SafetensorError) as error:
        raise BundleError(f"weights {path} cannot be read: {error}") from None
    return unpack(state)


def _check_fit(path: Path, model: nn.Module, state: dict[str, Tensor]) -> None:
    expected = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    came = {key: tuple(value.shape) for key, value in state.items()}
    if expected != came:
        differ = sorted({key for key, _ in expected.items() ^ came.items()})
        raise BundleError(
            f"the weights of {path} do not fit the network that their card names; "
            f"these differ: {', '.join(differ[:4])}."
        )
