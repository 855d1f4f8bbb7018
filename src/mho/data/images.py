"""Image files in Parquet (the layout of the Hugging Face hub) as normalised tensors."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mho.data.cache import Arrays, cached, file_key
from mho.errors import DataError

Pixels = npt.NDArray[np.uint8]


def read_parquet_images(
    files: Sequence[Path], image_column: str, label_column: str, *, label: str
) -> Arrays:
    """Read and decode image files kept in Parquet.

    Args:
        files: The shards of one split, in order.
        image_column: Column of ``struct<bytes, path>``.
        label_column: Column of integer classes.
        label: Readable name for the cache of decoded images.

    Returns:
        ``images`` (n, height, width, channels) uint8 and ``labels`` (n,) int64.

    Raises:
        DataError: A file or column is not what it should be.
    """
    return cached(label, file_key(files), lambda: _decode_files(files, image_column, label_column))


def _decode_files(files: Sequence[Path], image_column: str, label_column: str) -> Arrays:
    encoded: list[bytes] = []
    labels: list[int] = []
    for file in files:
        table = read_columns(file, (image_column, label_column))
        encoded += [_bytes_of(cell, file, image_column) for cell in table[image_column].to_pylist()]
        labels += table[label_column].to_pylist()
    return {"images": decode_all(encoded), "labels": np.asarray(labels, dtype=np.int64)}


def read_columns(file: Path, columns: Sequence[str]) -> Any:
    """Return a pyarrow table of these columns of a Parquet file.

    Raises:
        DataError: The file is no Parquet file or lacks a column; the message names what is there.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        present = pyarrow.parquet.read_schema(file).names
        missing = [column for column in columns if column not in present]
        if not missing:
            return pyarrow.parquet.read_table(file, columns=list(columns))
    except (OSError, pyarrow.ArrowInvalid) as error:
        raise DataError(
            f"{file} cannot be read as Parquet: {error}. Copy the file again."
        ) from None
    raise DataError(
        f"{file} has no column {', '.join(repr(c) for c in missing)}; it has "
        f"{', '.join(present)}. Use a file in the layout of the hub's data set."
    )


def _bytes_of(cell: Any, file: Path, column: str) -> bytes:
    if not isinstance(cell, dict) or not isinstance(cell.get("bytes"), bytes):
        raise DataError(
            f"{file}: column '{column}' must hold image files (struct of bytes and path); "
            f"got {type(cell).__name__}."
        )
    contents: bytes = cell["bytes"]
    return contents


def decode_all(encoded: Sequence[bytes]) -> Pixels:
    """Decode image files (PNG, JPEG, …) of one size into (n, height, width, channels) uint8."""
    with ThreadPoolExecutor() as pool:
        return stack([*pool.map(_decode, encoded, chunksize=256)])


def _decode(contents: bytes) -> Pixels:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(contents)) as image:
            return as_pixels(image)
    except UnidentifiedImageError:
        raise DataError(
            f"an image of {len(contents)} bytes is of no known format; copy the data set again."
        ) from None


def as_pixels(image: Any) -> Pixels:
    """Return a Pillow image as (height, width, channels) uint8, grey or RGB."""
    grey = image.mode in ("L", "1", "I", "I;16")
    pixels = np.asarray(image.convert("L" if grey else "RGB"), dtype=np.uint8)
    return pixels[:, :, None] if grey else pixels


def stack(images: Iterable[Pixels]) -> Pixels:
    """Stack images of one size.

    Raises:
        DataError: Sizes differ, or there is no image.
    """
    items = list(images)
    shapes = sorted({image.shape for image in items})
    if len(shapes) != 1:
        raise DataError(
            f"images must have one size (height, width, channels); got {shapes or 'none'}. "
            "Resize them first."
        )
    return np.stack(items)


def normalise(pixels: Pixels, mean: Sequence[float], sd: Sequence[float]) -> Tensor:
    """Return ``(pixels / 255 - mean) / sd`` as float32 of shape (n, channels, height, width).

    Args:
        pixels: (n, height, width, channels), uint8.
        mean: Mean per channel of pixels / 255.
        sd: Standard deviation per channel of pixels / 255.
    """
    out = torch.from_numpy(pixels).permute(0, 3, 1, 2).to(torch.float32).contiguous()
    shape = (1, -1, 1, 1)
    return out.div_(255).sub_(torch.tensor(mean).view(shape)).div_(torch.tensor(sd).view(shape))


def moments(pixels: Pixels) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation per channel of pixels / 255.

    >>> moments(np.full((2, 3, 3, 1), 51, dtype=np.uint8))
    ([0.2], [0.0])
    """
    counts = np.stack(
        [np.bincount(pixels[..., c].ravel(), minlength=256) for c in range(pixels.shape[-1])]
    )
    values = np.arange(256) / 255
    shares = counts / counts.sum(axis=1, keepdims=True)
    mean = shares @ values
    variance = (shares * (values - mean[:, None]) ** 2).sum(axis=1)
    return mean.round(6).tolist(), np.sqrt(variance).round(6).tolist()
