"""Finished pieces of work are looked up, not done again."""

from __future__ import annotations

import pytest
import torch

from mho.errors import BundleError
from mho.recover.veraplus.journal import Journal


def test_pieces_are_done_once_and_found_again(tmp_path) -> None:
    done: list[str] = []

    def work(unfinished):
        done.append("tensors")
        unfinished.write_bytes(b"half")
        return {"b": torch.arange(3.0)}

    def count() -> list[int]:
        done.append("plain")
        return [1, 2]

    for _ in range(2):
        journal = Journal(tmp_path / "work", "this")
        assert torch.equal(journal.tensors("one", work)["b"], torch.arange(3.0))
        assert journal.plain("two", count) == [1, 2]
    assert done == ["tensors", "plain"]
    assert [p.name for p in tmp_path.iterdir()] == ["work"]


def test_without_a_file_pieces_are_kept_in_memory() -> None:
    journal, calls = Journal(None, "this"), []
    for _ in range(2):
        journal.plain("x", lambda: calls.append(1))
    assert calls == [1]


def test_other_work_is_refused(tmp_path) -> None:
    Journal(tmp_path / "work", "this").plain("x", lambda: 1)
    with pytest.raises(BundleError, match="other work"):
        Journal(tmp_path / "work", "that")
