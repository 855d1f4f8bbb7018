"""Files are whole or absent, and a refusal is one sentence with the place and the remedy."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from mho import files
from mho.errors import StoreError


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_text_is_written_as_utf8_and_parents_are_made(tmp_path):
    files.atomic_write(tmp_path / "a" / "b.txt", "µS\n")
    assert (tmp_path / "a" / "b.txt").read_bytes() == "µS\n".encode()
    assert names(tmp_path / "a") == ["b.txt"]


def test_the_file_has_the_mode_of_any_new_file(tmp_path):
    files.atomic_write(tmp_path / "ours", b"x")
    (tmp_path / "theirs").write_bytes(b"x")
    modes = [stat.S_IMODE((tmp_path / n).stat().st_mode) for n in ("ours", "theirs")]
    assert modes[0] == modes[1]


def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "kept.json"
    target.write_text("old")

    def fail_halfway():
        with files.atomic_path(target) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_halfway()
    assert target.read_text() == "old"
    assert names(tmp_path) == ["kept.json"]


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path, monkeypatch):
    def full(fd):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(StoreError, match=r"cannot write '.*out\.bin': the disk is full; free"):
        files.atomic_write(tmp_path / "out.bin", b"x")
    assert names(tmp_path) == []


def test_a_path_through_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("I am not a folder")
    for refuse in (
        files.writable_folder,
        files.writable_file,
        lambda p: files.atomic_write(p, "x"),
    ):
        with pytest.raises(StoreError, match="part of the path is a file"):
            refuse(tmp_path / "file" / "below" / "out.json")


def test_a_folder_is_refused_where_a_file_is_wanted(tmp_path):
    with pytest.raises(StoreError, match="it is a folder; give the name of a file"):
        files.writable_file(tmp_path)
    with pytest.raises(StoreError, match="it is a folder"):
        files.atomic_write(tmp_path, "x")


def test_checking_a_folder_leaves_no_file_in_it(tmp_path):
    assert names(files.writable_folder(tmp_path / "new")) == []


def test_an_error_that_is_already_a_sentence_passes_through(tmp_path):
    def refuse():
        with files.atomic_path(tmp_path / "x"):
            raise StoreError("the store is locked; close the other run.")

    with pytest.raises(StoreError, match=r"^the store is locked; close the other run\.$"):
        refuse()


def test_an_unknown_reason_keeps_the_words_of_the_system():
    sentence = files.os_sentence(OSError(errno.EIO, "Input/output error"), "read", "a.csv")
    assert sentence == "cannot read 'a.csv': input/output error."
