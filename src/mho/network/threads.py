"""Doing the same to every layer or micro-batch, on as many threads as torch uses.

Two threads that each do whole pieces of work wait for each other once; two that share each step of
it, as torch's own do, wait at every step. So pieces go to workers, and a worker computes alone.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def for_each(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Return the results in the order of the items, whatever the number of threads.

    Worth it for work that is done without holding Python's lock: drawing a layer with NumPy,
    running a micro-batch with torch. Inside the function torch has one thread.

    Args:
        function: What to do; it may share nothing that it changes.
        items: What to do it to.

    >>> for_each(lambda n: n * n, [1, 2, 3])
    [1, 4, 9]
    """
    items, threads = list(items), torch.get_num_threads()
    if threads == 1 or len(items) < 2:
        return [function(item) for item in items]
    return list(_workers(threads).map(function, items))


@functools.cache
def _workers(threads: int) -> ThreadPoolExecutor:
    """Return workers that are kept for the life of the process."""
    started = threading.Barrier(threads + 1)

    def alone() -> None:
        torch.get_num_threads()  # else torch takes the process's number at the first operation
        torch.set_num_threads(1)
        started.wait()

    pool = ThreadPoolExecutor(threads, "mho", initializer=alone)
    for _ in range(threads):
        pool.submit(int)
    started.wait()
    torch.set_num_threads(threads)  # a worker's setting is also the one that later threads get
    return pool


if hasattr(os, "register_at_fork"):  # threads do not live on in a forked process
    os.register_at_fork(after_in_child=_workers.cache_clear)
