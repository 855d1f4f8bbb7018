"""The learning rate over a training, as a pure function of the step."""

from __future__ import annotations

import math


def one_cycle(step: int, steps: int, warm_up: int, peak: float) -> float:
    """Return the learning rate of a step: linear rise, then half a cosine down to zero.

    Equation: ``peak (s+1)/w`` for s < w, else ``peak (1 + cos(pi (s-w)/(n-w))) / 2``.

    Args:
        step: s, counted from 0.
        steps: n, steps of the whole training.
        warm_up: w, steps of rising rate.
        peak: Highest learning rate.

    >>> [round(one_cycle(s, 4, 2, 1.0), 3) for s in range(4)]
    [0.5, 1.0, 1.0, 0.5]
    """
    if step < warm_up:
        return peak * (step + 1) / warm_up
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))
