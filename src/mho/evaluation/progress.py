"""Progress of long work: a bar on a terminal, silence elsewhere, or the caller's own function."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Literal, TypeAlias

Report: TypeAlias = Callable[[float, str], None]
"""Called with the share done in [0, 1] and a word on the present state."""


@contextlib.contextmanager
def progress_bar(label: str, progress: Report | Literal[False] | None) -> Iterator[Report]:
    """Give a function to report progress to while the block runs.

    Args:
        label: What is being done.
        progress: None for a bar on standard error if that is a terminal, False for silence, or
            the function to use.

    >>> with progress_bar("evaluating", False) as report:
    ...     report(0.5, "chip 1 of 2")
    """
    if callable(progress):
        yield progress
    elif progress is None and sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(label, total=1.0)
            yield lambda share, word: bar.update(
                task, completed=share, description=f"{label}: {word}"
            )
    else:
        yield lambda share, word: None
