"""Memory that was freed stays with the process."""

import platform
import subprocess
import sys

import pytest

from mho.allocator import keep_memory

ROUNDS = """
import resource, numpy
from mho.allocator import keep_memory
assert {kept} is False or keep_memory()
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for round in range(12):
    if round == 2:
        before = faults()
    arrays = [numpy.ones(1 << 20) for _ in range(6)]
    del arrays
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_freed_memory_is_used_again_without_page_faults():
    """Ten rounds of six times 8 MiB are 122,880 pages of 4 KiB; kept ones are mapped once."""
    found = {
        kept: int(subprocess.check_output([sys.executable, "-c", ROUNDS.format(kept=kept)]))
        for kept in (False, True)
    }
    assert found[True] < 500
    assert found[False] > 10 * max(found[True], 1)


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert keep_memory() is False
