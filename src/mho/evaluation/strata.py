"""Strata of examples: who answers right, and how surely, so that effort goes where chips differ."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.floating[Any]]
Indices: TypeAlias = npt.NDArray[np.int64]
Answers: TypeAlias = list[npt.NDArray[Any]]
"""By group: what came out for the examples drawn; right or not, or the difference of two such."""

_CUTS = (0.02, 0.05, 0.1, 0.17, 0.26, 0.4, 0.6)
"""Where the examples are cut, the unsure first: those are the ones that chips change."""


@dataclass(frozen=True, eq=False)
class Strata:
    """Groups of examples.

    Attributes:
        members: Indices of each group's examples.
    """

    members: tuple[Indices, ...]

    @cached_property
    def sizes(self) -> Indices:
        """Examples in each group."""
        return np.array([len(group) for group in self.members])

    @cached_property
    def total(self) -> int:
        """How many examples there are."""
        return int(self.sizes.sum())

    @cached_property
    def shares(self) -> Floats:
        """Share of all examples in each group."""
        found: Floats = self.sizes / self.total
        return found

    @classmethod
    def whole(cls, count: int) -> Strata:
        """Return one group of all: nothing is known of the examples."""
        return cls((np.arange(count),))

    @classmethod
    def by_margin(cls, right: npt.NDArray[np.bool_], margin: Floats) -> Strata:
        """Group examples by whether the digital network is right, then by its margin.

        Args:
            right: Whether its answer is right, shape ``(n,)``.
            margin: Its largest logit over the second largest, shape ``(n,)``.
        """
        groups = []
        for answer in (True, False):
            those = np.flatnonzero(right == answer)
            ordered = those[np.argsort(margin[those], kind="stable")]
            cuts = [round(cut * len(ordered)) for cut in _CUTS]
            groups += [group for group in np.split(ordered, cuts) if len(group)]
        return cls(tuple(groups))

    def draw(self, sizes: Indices, generator: np.random.Generator) -> list[Indices]:
        """Draw examples of each group without replacement.

        Args:
            sizes: How many of each group.
            generator: Where chance comes from.
        """
        return [
            np.sort(generator.choice(group, size, replace=False))
            for group, size in zip(self.members, sizes, strict=True)
        ]

    def mean(self, answers: Answers) -> float:
        """Return the estimate of the mean answer of one chip over all examples: unbiased."""
        return float(sum(w * a.mean() for w, a in zip(self.shares, answers, strict=True)))

    def sampling_variance(self, answers: Answers) -> float:
        """Return the variance that :meth:`mean` has because examples were drawn; unbiased."""
        total = 0.0
        for share, size, drawn in zip(self.shares, self.sizes, answers, strict=True):
            if len(drawn) > 1:
                left_out = 1 - len(drawn) / size
                total += share**2 * left_out * drawn.var(ddof=1) / len(drawn)
        return total

    def allocate(self, count: int, spreads: Floats) -> Indices:
        """Split a number of examples over the groups: ``share * spread`` (Neyman).

        Every group gets two at least, and none more than it has.

        Args:
            count: How many examples in all.
            spreads: Standard deviation of the answers within each group.
        """
        sizes, weight = self.sizes, self.shares * np.maximum(spreads, 1e-9)
        least = np.minimum(sizes, 2)
        given = least.copy()
        open_groups = np.ones(len(sizes), dtype=bool)
        while open_groups.any():
            left = max(count - int(given[~open_groups].sum()), 0)
            given[open_groups] = np.floor(left * weight / weight[open_groups].sum())[open_groups]
            # What the least takes comes from the others; what a full group leaves goes to them.
            bound = least if (given < least).any() else sizes
            closed = open_groups & ((given < least) if bound is least else (given >= sizes))
            if not closed.any():
                break
            given[closed] = bound[closed]
            open_groups &= ~closed
        return given
