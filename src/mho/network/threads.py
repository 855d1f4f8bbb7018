"""Doing the same to every layer, on as many threads as torch uses."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def for_each(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Return the results in the order of the items, whatever the number of threads.

    Worth it for work that NumPy does without holding Python's lock, such as drawing a layer.

    Args:
        function: What to do; it may share nothing that it changes.
        items: What to do it to.

    >>> for_each(lambda n: n * n, [1, 2, 3])
    [1, 4, 9]
    """
    threads = torch.get_num_threads()
    if threads == 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, items))
