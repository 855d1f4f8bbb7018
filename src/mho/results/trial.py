"""A trial: one chip at one time."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mho.errors import ConfigError

_LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Trial:
    """What one chip got right at one time; counts, so that results add exactly.

    Args:
        task: Id of everything else that decides the answer (see :func:`mho.results.digest`).
        chip: Seed of the chip.
        t_s: Time since programming in s.
        correct: Images that came out right.
        images: Images that were asked.

    Raises:
        ConfigError: The counts or the time cannot be.

    >>> Trial("demo", chip=7, t_s=1.0, correct=970, images=1000).accuracy
    0.97
    """

    task: str
    chip: int
    t_s: float
    correct: int
    images: int

    def __post_init__(self) -> None:
        if not 0 <= self.correct <= self.images or self.images == 0:
            raise ConfigError(
                f"trial of chip {self.chip}: expected 0 <= correct <= images and images > 0; "
                f"got {self.correct} correct of {self.images}."
            )
        if not 0 <= self.chip <= _LARGEST_SEED:
            raise ConfigError(
                f"a chip is a seed from 0 to {_LARGEST_SEED}; got {self.chip}. Choose another."
            )
        if not math.isfinite(self.t_s) or self.t_s < 0:
            raise ConfigError(
                f"trial of chip {self.chip}: a time since programming must be finite and >= 0; "
                f"got {self.t_s} s."
            )

    @property
    def accuracy(self) -> float:
        """Share of images that came out right."""
        return self.correct / self.images
