"""What this machine has for a study: cores, and memory for so many processes."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def peak_memory_bytes() -> int:
    """Return the most memory that this process has had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def free_memory_bytes(meminfo: Path = _MEMINFO) -> int | None:
    """Return how much memory new processes may take, or None where the system does not say.

    Args:
        meminfo: Where Linux says it.
    """
    try:
        lines = meminfo.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    said = {name: value for name, _, value in (line.partition(":") for line in lines)}
    return int(said["MemAvailable"].split()[0]) * 1024 if "MemAvailable" in said else None


def room() -> int:
    """Return for how many processes like this one there is memory; at least for one."""
    free = free_memory_bytes()
    if free is None:
        return sys.maxsize
    return max(free // peak_memory_bytes(), 1)
