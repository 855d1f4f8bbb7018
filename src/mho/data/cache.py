"""Decoded images kept on disk, because decoding 60,000 of them takes a while.

The folder is ``$MHO_CACHE``, else ``$XDG_CACHE_HOME/mho`` or ``~/.cache/mho``; ``MHO_CACHE=off``
keeps nothing. A cached file is named by the SHA-256 of what it was decoded from, so a changed
source is never taken for the old one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from mho.errors import StoreError
from mho.files import atomic_write

Arrays = dict[str, npt.NDArray[np.generic]]


def cache_folder() -> Path | None:
    """Return the folder of decoded images, or None where ``MHO_CACHE=off``."""
    chosen = os.environ.get("MHO_CACHE", "")
    if chosen.lower() in ("off", "0", "no"):
        return None
    if chosen:
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "mho"


def file_key(paths: Iterable[Path]) -> str:
    """Return the SHA-256 (hex) of the contents of several files, in order."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def cached(label: str, key: str, make: Callable[[], Arrays]) -> Arrays:
    """Return the arrays stored under a key, making and storing them where there are none.

    A file that cannot be read is made anew; a folder that cannot be written to costs time, never
    a result.

    Args:
        label: Readable part of the file name.
        key: What identifies the contents, e.g. :func:`file_key` of the sources.
        make: Makes the arrays.
    """
    folder = cache_folder()
    if folder is None:
        return make()
    path = folder / f"{label}-{key[:32]}.safetensors"
    if path.is_file():
        with contextlib.suppress(OSError, SafetensorError):
            return load_file(path)
    arrays = make()
    with contextlib.suppress(StoreError):
        atomic_write(path, save(arrays))
    return arrays
