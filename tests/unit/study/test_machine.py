"""What the machine has: read from the system, and None where it does not say."""

import numpy as np

from mho.study.engines.machine import cores, free_memory_bytes, peak_memory_bytes, room


def test_the_peak_grows_with_what_was_used():
    before = peak_memory_bytes()
    block = np.ones(before // 8 + 16_000_000)  # more than there ever was
    assert peak_memory_bytes() > before
    assert peak_memory_bytes() >= block.nbytes


def test_free_memory_as_linux_says_it(tmp_path):
    said = tmp_path / "meminfo"
    said.write_text("MemTotal:  100 kB\nMemAvailable:  42 kB\n")
    assert free_memory_bytes(said) == 42 * 1024
    said.write_text("MemTotal:  100 kB\n")
    assert free_memory_bytes(said) is None
    assert free_memory_bytes(tmp_path / "none") is None


def test_there_is_room_for_one_at_least(monkeypatch):
    monkeypatch.setattr("mho.study.engines.machine.free_memory_bytes", lambda: 1)
    assert room() == 1
    monkeypatch.setattr("mho.study.engines.machine.free_memory_bytes", lambda: None)
    assert room() > 10_000
    assert cores() >= 1
