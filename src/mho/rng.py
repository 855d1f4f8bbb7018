"""The one place random numbers come from: streams that are named, never shared.

A stream is keyed by a seed and a path of labels, e.g. ``(7, "chip", "conv1", "programming")``.
Equal keys give equal numbers whatever was drawn before, in whichever order, process or thread, so a
chip is its seed. Numbers are made on the CPU in blocks of 65,536, each block from its own key:
several threads may fill one array and the result does not depend on how many there are.

Normal numbers take most of the time that a chip costs, so they are made by table: the sum of two
entries, each the mean of one of 65,536 equally likely pieces of the normal distribution. That is
three times faster than the ziggurat, and made of sums alone it gives the same bits on every
machine. Against the normal distribution the excess kurtosis is -1e-4 and the share beyond 4, 4.5
and 5 standard deviations is 0.5 %, 3 % and 10 % too small; nothing lies beyond 6.2.
"""

from __future__ import annotations

import functools
import hashlib
import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Label: TypeAlias = str | int | float
FloatArray: TypeAlias = npt.NDArray[np.float32]

_BLOCK = 1 << 16
_PIECES = 1 << 16
_PART = 8192
"""Numbers made at once: so few that temporaries stay in the cache and cost no page faults."""
_DOMAIN = b"mho-streams-1"


def _feed(digest: hashlib.blake2b, labels: tuple[Label, ...]) -> hashlib.blake2b:
    """Return a digest of further labels; types are told apart (1, 1.0 and "1" differ)."""
    digest = digest.copy()
    for label in labels:
        text = label.hex() if isinstance(label, float) else str(label)
        encoded = f"{type(label).__name__}:{text}".encode()
        digest.update(len(encoded).to_bytes(4, "little") + encoded)
    return digest


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
        root = hashlib.blake2b(_DOMAIN, digest_size=16)
        self._digest = _feed(root, (self.seed, *scope))

    def child(self, *scope: Label) -> Streams:
        """Return the streams below these labels."""
        return Streams(self.seed, *self.scope, *scope)

    def _key(self, labels: tuple[Label, ...]) -> int:
        """Return 128 bits that seed, scope and labels decide."""
        return int.from_bytes(_feed(self._digest, labels).digest(), "little")

    def generator(self, *labels: Label) -> np.random.Generator:
        """Return a fresh NumPy generator at these labels (for shuffles and choices)."""
        return np.random.Generator(np.random.SFC64(self._key(labels)))

    def integer(self, *labels: Label) -> int:
        """Return one integer in [0, 2**63), e.g. to seed another library."""
        return self._key(labels) & ((1 << 63) - 1)

    def normal(self, shape: tuple[int, ...], *labels: Label) -> FloatArray:
        """Draw standard normal numbers (float32) of the given shape."""
        return self._fill(shape, labels, _fill_normal)

    def uniform(self, shape: tuple[int, ...], *labels: Label) -> FloatArray:
        """Draw uniform numbers in [0, 1) (float32) of the given shape."""
        return self._fill(shape, labels, _fill_uniform)

    def _fill(
        self,
        shape: tuple[int, ...],
        labels: tuple[Label, ...],
        fill: Callable[[np.random.Generator, FloatArray], None],
    ) -> FloatArray:
        out = np.empty(math.prod(shape), dtype=np.float32)

        def block(start: int) -> None:
            """Fill one block from its own stream, so that any thread may."""
            fill(self.generator(*labels, start // _BLOCK), out[start : start + _BLOCK])

        starts = range(0, out.size, _BLOCK)
        if len(starts) < 4:
            for start in starts:
                block(start)
        else:
            with ThreadPoolExecutor(min(len(starts), os.cpu_count() or 1)) as pool:
                list(pool.map(block, starts))
        return out.reshape(shape)


def _fill_uniform(generator: np.random.Generator, out: FloatArray) -> None:
    generator.random(dtype=np.float32, out=out)


def _fill_normal(generator: np.random.Generator, out: FloatArray) -> None:
    table = _means_of_pieces()
    means = np.empty((_PART, 2), dtype=np.float32)
    for start in range(0, out.size, _PART):
        part = out[start : start + _PART]
        words = generator.bit_generator.random_raw(-(-part.size // 2))
        pieces = words.astype("<u8", copy=False).view("<u2").reshape(-1, 2)[: part.size]
        # No piece is out of range; of the ways to look one up, "wrap" is the fastest.
        found = table.take(pieces, out=means[: part.size], mode="wrap")
        np.add(found[:, 0], found[:, 1], out=part)


@functools.cache
def _means_of_pieces() -> FloatArray:
    """Return the means of equally likely pieces of a normal law of variance 1/2, shape (65536,).

    They are rounded to multiples of 2**-22, so that no library's last bit decides a chip.
    """
    normal = NormalDist()
    edges = [normal.inv_cdf(piece / _PIECES) for piece in range(1, _PIECES // 2 + 1)]
    density = np.array([0.0, *(normal.pdf(edge) for edge in edges)])
    lower = (density[:-1] - density[1:]) * _PIECES
    means = np.concatenate([lower, -lower[::-1]])
    means /= math.sqrt(2 * float((means**2).mean()))
    return np.asarray(np.round(means * 2**22) / 2**22, dtype=np.float32)
