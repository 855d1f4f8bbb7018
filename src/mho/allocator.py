"""Keeping memory that was freed, for commands that run networks.

With glibc's defaults the tensors of a forward pass are asked from the system and given back layer
by layer: some 20,000 page faults a pass, which cost as much as the arithmetic. A command may keep
what it freed for the next pass. It changes the whole process, so a library does not do it unasked.
"""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST = 32 << 20
"""Blocks from this size on still go back at once; glibc allows no higher threshold."""
_KEPT = 1 << 30


def keep_memory() -> bool:
    """Let this process keep freed memory instead of handing it back to the system.

    Use it at the start of a command that runs networks; never on import.

    Returns:
        Whether the C library took it; False where it is not glibc.

    >>> keep_memory() in (True, False)
    True
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _LARGEST) and mallopt(_TRIM_THRESHOLD, _KEPT))
