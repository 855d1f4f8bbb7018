"""The one place random numbers come from: streams that are named, never shared.

A stream is keyed by a seed and a path of labels, e.g. ``(7, "chip", "conv1", "programming")``.
Equal keys give equal numbers whatever was drawn before, in whichever order, process or thread, so a
chip is its seed. Numbers are made on the CPU in blocks of 65,536, each block from its own key:
several threads may fill one array and the result does not depend on how many there are.
"""

from __future__ import annotations

import hashlib
import math
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Label: TypeAlias = str | int | float
FloatArray: TypeAlias = npt.NDArray[np.float32]

_BLOCK = 1 << 16
_DOMAIN = b"mho-streams-1"


def _key(labels: tuple[Label, ...]) -> int:
    """Hash a path of labels to 128 bits; types are told apart (1, 1.0 and "1" differ)."""
    digest = hashlib.blake2b(_DOMAIN, digest_size=16)
    for label in labels:
        text = label.hex() if isinstance(label, float) else str(label)
        encoded = f"{type(label).__name__}:{text}".encode()
        digest.update(len(encoded).to_bytes(4, "little") + encoded)
    return int.from_bytes(digest.digest(), "little")


class Streams:
    """Random numbers by name: the same seed and labels give the same numbers, always.

    Args:
        seed: Any integer; chip ``k`` of a study is the seed ``k``.
        scope: Labels under which everything drawn here lives.

    >>> a = Streams(7, "conv1").normal((3,), "programming")
    >>> b = Streams(7).child("conv1").normal((3,), "programming")
    >>> bool((a == b).all())
    True
    """

    def __init__(self, seed: int, *scope: Label) -> None:
        self.seed = int(seed)
        self.scope = scope

    def child(self, *scope: Label) -> Streams:
        """Return the streams below these labels."""
        return Streams(self.seed, *self.scope, *scope)

    def generator(self, *labels: Label) -> np.random.Generator:
        """Return a fresh NumPy generator at these labels (for shuffles and choices)."""
        return np.random.Generator(np.random.SFC64(_key((self.seed, *self.scope, *labels))))

    def integer(self, *labels: Label) -> int:
        """Return one integer in [0, 2**63), e.g. to seed another library."""
        return _key((self.seed, *self.scope, *labels)) & ((1 << 63) - 1)

    def normal(self, shape: tuple[int, ...], *labels: Label) -> FloatArray:
        """Draw standard normal numbers (float32) of the given shape."""
        return self._fill(shape, labels, "standard_normal")

    def uniform(self, shape: tuple[int, ...], *labels: Label) -> FloatArray:
        """Draw uniform numbers in [0, 1) (float32) of the given shape."""
        return self._fill(shape, labels, "random")

    def _fill(self, shape: tuple[int, ...], labels: tuple[Label, ...], method: str) -> FloatArray:
        out = np.empty(math.prod(shape), dtype=np.float32)

        def block(start: int) -> None:
            generator = self.generator(*labels, start // _BLOCK)
            getattr(generator, method)(dtype=np.float32, out=out[start : start + _BLOCK])

        starts = range(0, out.size, _BLOCK)
        if len(starts) < 4:
            for start in starts:
                block(start)
        else:
            with ThreadPoolExecutor(min(len(starts), os.cpu_count() or 1)) as pool:
                list(pool.map(block, starts))
        return out.reshape(shape)
