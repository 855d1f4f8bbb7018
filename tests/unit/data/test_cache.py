"""The cache of decoded images: same arrays, whole files, and it can be switched off."""

from __future__ import annotations

import numpy as np
import pytest

from mho.data.cache import cache_folder, cached, file_key


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MHO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Maker:
    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return {"images": np.arange(6, dtype=np.uint8).reshape(2, 3)}


def test_made_once_and_read_back(folder):
    make = Maker()
    for _ in range(3):
        np.testing.assert_array_equal(cached("x", "k", make)["images"], [[0, 1, 2], [3, 4, 5]])
    assert make.calls == 1
    assert [p.name for p in folder.iterdir()] == ["x-k.safetensors"]


def test_another_key_is_another_file(folder):
    make = Maker()
    cached("x", "k", make)
    cached("x", "l", make)
    assert make.calls == 2


def test_a_broken_file_is_made_anew(folder):
    make = Maker()
    cached("x", "k", make)
    path = folder / "x-k.safetensors"
    path.write_bytes(path.read_bytes()[:-3])
    assert cached("x", "k", make)["images"].shape == (2, 3)
    assert make.calls == 2
    cached("x", "k", make)
    assert make.calls == 2


def test_off_keeps_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("MHO_CACHE", "off")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    make = Maker()
    cached("x", "k", make)
    cached("x", "k", make)
    assert make.calls == 2
    assert cache_folder() is None
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_folder_costs_time_only(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MHO_CACHE", str(tmp_path / "file" / "cache"))
    assert cached("x", "k", Maker())["images"].shape == (2, 3)


def test_default_folders(monkeypatch, tmp_path):
    monkeypatch.delenv("MHO_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "mho"


def test_key_follows_contents_and_order(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_bytes(b"one")
    b.write_bytes(b"two")
    assert file_key([a, b]) == file_key([a, b])
    assert file_key([a, b]) != file_key([b, a])
    before = file_key([a])
    a.write_bytes(b"One")
    assert file_key([a]) != before
