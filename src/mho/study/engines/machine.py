"""What this machine has for a study: cores, and memory for so many processes."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_STATUS = Path("/proc/self/status")


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def peak_memory_bytes() -> int:
    """Return the most memory that this process has had.

    Linux counts what the parent had before it started this program into the resource usage, so its
    own file is read there.
    """
    own = _said(_STATUS, "VmHWM")
    if own is not None:
        return own
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def free_memory_bytes(meminfo: Path = _MEMINFO) -> int | None:
    """Return how much memory new processes may take, or None where the system does not say.

    Args:
        meminfo: Where Linux says it.
    """
    return _said(meminfo, "MemAvailable")


def _said(file: Path, name: str) -> int | None:
    """Return the bytes that a line such as ``VmHWM:  12 kB`` says; None where there is none."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith(f"{name}:")]
    return int(found[0]) * 1024 if found else None


def room() -> int:
    """Return for how many processes like this one there is memory; at least for one."""
    free = free_memory_bytes()
    if free is None:
        return sys.maxsize
    return max(free // peak_memory_bytes(), 1)
