"""Data sets by local folder in hub layout or by hub id, through Hugging Face ``datasets``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from mho.data import images
from mho.data.cache import Arrays, cached
from mho.data.data import Data
from mho.data.named import ROLES, known_names
from mho.data.text import Tokenizer, tokenise
from mho.errors import DataError, MissingDependencyError, nearest, unknown

_USUAL: Final = {
    "input": ("image", "img", "images", "text", "sentence"),
    "label": ("label", "labels"),
}


def load_hub(
    name: str,
    split: str,
    *,
    columns: Mapping[str, str] | None = None,
    tokenizer: Tokenizer | str | None = None,
    tokens: int | None = None,
) -> Data:
    """Load a data set from a folder in hub layout or from the hub.

    Images are normalised with mean and standard deviation of the split ``train``.

    Args:
        name: Folder, or hub id such as ``"ylecun/mnist"``.
        split: A split of the data set; other names than train, validation and test get the role
            ``"calibration"``.
        columns: Column of each part, ``{"input": …, "label": …}``, where the names are not the
            usual ones (image, img, text, sentence; label, labels); ``"pair"`` names that of the
            second sentence, where sentences come in pairs.
        tokenizer: For text, see :func:`mho.data.text.tokenise`.
        tokens: Likewise.

    Raises:
        DataError: The data set, split or columns are not there.
        MissingDependencyError: ``datasets`` is not installed.
    """
    splits = _open(name)
    if split not in splits:
        raise unknown("split", split, list(splits), where=f"data set '{name}'")
    rows = splits[split]
    source, label = (_column(name, rows, part, columns) for part in ("input", "label"))
    labels = _labels(name, rows, label)
    role = ROLES.get(split, "calibration")
    if type(rows.features[source]).__name__ != "Image":
        sentences, seconds = _sentences(name, rows, source, "input"), None
        if "pair" in (columns or {}):
            seconds = _sentences(name, rows, _column(name, rows, "pair", columns), "pair")
        inputs = tokenise(sentences, tokenizer, tokens, seconds)
        return Data(inputs, labels, name=name, role=role)
    pixels = _pixels(name, split, rows, source)
    train = pixels if split == "train" else _pixels(name, "train", splits.get("train"), source)
    mean, sd = images.moments(train)
    if not all(sd):
        raise DataError(f"data set '{name}': a channel of its training images is constant.")
    note = f"{name}, normalised with mean {mean} and sd {sd} of its training images"
    return Data(images.normalise(pixels, mean, sd), labels, name=name, role=role, note=note)


def _open(name: str) -> Any:
    folder = Path(name).expanduser()
    looks_like_id = name.count("/") == 1 and not name.startswith((".", "~", "/"))
    if not folder.is_dir() and not looks_like_id:
        close = nearest(name, known_names())
        hint = f" Did you mean '{close}'?" if close else ""
        raise DataError(
            f"unknown data set '{name}'.{hint} Known: {', '.join(known_names())}; or give a "
            "folder in hub layout that exists, or a hub id such as 'ylecun/mnist'."
        )
    try:
        import datasets
    except ImportError:
        raise MissingDependencyError(
            f"data set '{name}' needs the package datasets, which is not installed; "
            "run: pip install 'mho[data]'"
        ) from None
    try:
        return datasets.load_dataset(str(folder) if folder.is_dir() else name)
    except (OSError, ValueError, RuntimeError) as error:
        raise DataError(f"data set '{name}' could not be loaded: {error}") from None


def _column(name: str, rows: Any, part: str, columns: Mapping[str, str] | None) -> str:
    present = list(rows.column_names)
    given = (columns or {}).get(part)
    candidates = (given,) if given else _USUAL.get(part, ())
    for candidate in candidates:
        if candidate in present:
            return candidate
    raise DataError(
        f"data set '{name}' has no {part} column {' or '.join(repr(c) for c in candidates)}; it "
        f"has {', '.join(present)}. Say which by columns={{'{part}': …}}."
    )


def _sentences(name: str, rows: Any, column: str, part: str) -> list[str]:
    sentences: list[str] = rows[column][:]
    if not all(isinstance(sentence, str) for sentence in sentences):
        raise DataError(
            f"data set '{name}': column '{column}' must hold images or text; it is "
            f"{rows.features[column]}. Choose another by columns={{'{part}': …}}."
        )
    return sentences


def _labels(name: str, rows: Any, column: str) -> torch.Tensor:
    values = rows[column][:]
    if not all(isinstance(value, int) for value in values):
        raise DataError(
            f"data set '{name}': column '{column}' must hold integer classes; it is "
            f"{rows.features[column]}."
        )
    return torch.tensor(values, dtype=torch.int64)


def _pixels(name: str, split: str, rows: Any, column: str) -> images.Pixels:
    if rows is None:
        raise DataError(
            f"data set '{name}' has no split 'train', whose mean and standard deviation normalise "
            "its images; add it, or give mho the tensors as (inputs, labels)."
        )

    def decode() -> Arrays:
        return {"images": images.stack(images.as_pixels(image) for image in rows[column])}

    label = f"{name.strip('/').replace('/', '--')[-60:]}-{split}"
    arrays = cached(label, f"{rows._fingerprint}{column}", decode)
    return np.asarray(arrays["images"], dtype=np.uint8)
