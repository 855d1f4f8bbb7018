"""Where cells sit: dies on wafers of lots, for cells drawn with that hierarchy."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from mho.errors import ConfigError
from mho.rng import Streams


@dataclass(frozen=True)
class Place:
    """The identity of a die: dies of one wafer share its offset, wafers of one lot the lot's.

    Args:
        die: Streams of the die.
        wafer: Streams of its wafer.
        lot: Streams of the wafer's lot.
    """

    die: Streams
    wafer: Streams
    lot: Streams


@dataclass(frozen=True)
class Die:
    """One die of :class:`Wafers`: numbers from 1, and its column and row on the wafer."""

    lot: int
    wafer: int
    die: int
    x: int
    y: int

    def columns(self) -> dict[str, int]:
        """Return what a table says of it."""
        names = "lot", "wafer", "die", "die_x", "die_y"
        values = self.lot, self.wafer, self.die, self.x, self.y
        return dict(zip(names, values, strict=True))

    def place(self, seed: int) -> Place:
        """Return the die's identity under a seed."""
        lot = Streams(seed, "simulate", "lot", self.lot)
        wafer = lot.child("wafer", self.wafer)
        return Place(wafer.child("die", self.die), wafer, lot)


@dataclass(frozen=True)
class Wafers:
    """How many dies are measured: ``lots`` of ``wafers`` of ``dies`` each.

    Args:
        dies: Dies on each wafer.
        wafers: Wafers of each lot.
        lots: Lots.

    >>> [(d.wafer, d.die, d.x, d.y) for d in Wafers(dies=2, wafers=2)]
    [(1, 1, 0, 0), (1, 2, 1, 0), (2, 1, 0, 0), (2, 2, 1, 0)]
    """

    dies: int
    wafers: int = 1
    lots: int = 1

    def __post_init__(self) -> None:
        for name in ("dies", "wafers", "lots"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be 1 or more; got {getattr(self, name)}.")

    def __len__(self) -> int:
        return self.lots * self.wafers * self.dies

    def __iter__(self) -> Iterator[Die]:
        positions = _round_wafer(self.dies)
        for lot in range(1, self.lots + 1):
            for wafer in range(1, self.wafers + 1):
                for die, (x, y) in enumerate(positions, 1):
                    yield Die(lot, wafer, die, x, y)


def _round_wafer(dies: int) -> list[tuple[int, int]]:
    """Return columns and rows of so many dies, those nearest to a wafer's centre."""
    side = math.ceil(math.sqrt(dies * 4 / math.pi)) + 2
    middle = (side - 1) / 2
    places = [(x, y) for y in range(side) for x in range(side)]
    places.sort(key=lambda p: ((p[0] - middle) ** 2 + (p[1] - middle) ** 2, p[1], p[0]))
    kept = sorted(places[:dies], key=lambda p: (p[1], p[0]))
    left, top = min(x for x, _ in kept), min(y for _, y in kept)
    return [(x - left, y - top) for x, y in kept]
