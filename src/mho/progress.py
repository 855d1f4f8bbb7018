"""Progress of long work: a bar on a terminal, silence elsewhere, or the caller's own function."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Literal, TypeAlias

Progress: TypeAlias = Callable[[float, float, str], None]
"""Called as ``progress(done, total, text)`` while long work goes on."""


@contextlib.contextmanager
def progress_bar(
    label: str, progress: Progress | Literal[False] | None = None
) -> Iterator[Progress]:
    """Give a function to report progress to while the block runs.

    Give it to commands with ``None``, and to library functions that pass on what they got.

    Args:
        label: What is being done.
        progress: None for a bar on standard error if that is a terminal, False for silence, or
            the function to use.

    >>> with progress_bar("evaluating", False) as report:
    ...     report(1, 2, "chip 1 of 2")
    """
    if callable(progress):
        yield progress
    elif progress is None and sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(label)
            yield lambda done, total, text: bar.update(
                task, completed=done, total=total, description=f"{label}: {text}"
            )
    else:
        yield lambda done, total, text: None
