"""Vectors in a file: the same logits, a few KB, and nothing but what was saved."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import mho
from mho.data import Data
from mho.errors import BundleError, ConfigError
from mho.recover.veraplus import KnownVectors, load_vectors, save_vectors


def mapped(outputs=2):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, outputs))
    return mho.map_network(model, mho.Hardware(device="falcone2025", mapping=mho.SingleDevice()))


@pytest.fixture(scope="module")
def data():
    x = torch.randn(80, 6, generator=torch.Generator().manual_seed(0))
    return Data(x, (x[:, 0] > 0).long(), name="signs")


QUICK = {"steps": 3, "testing_chips": 2, "grid_per_decade": 1, "max_sets": 2}


@pytest.fixture(
    params=[{}, {"bits": None}, {"bits": 12}, {"projection": "random", "pair_stored": True}]
)
def lasting(request, data):
    return mho.recover.VeraPlus(rank=2, **QUICK, **request.param).fit(mapped(), data)


def test_the_same_logits_come_back(lasting, data, tmp_path):
    file = tmp_path / "v.safetensors"
    digest = save_vectors(lasting.applied[-1], file)
    again = KnownVectors(vectors=str(file), sha256=digest).fit(mapped(), data)
    assert again.digest == lasting.digest
    for time in ("1 s", "1 d", "10 y"):
        one, two = (mho.program(network, 3).at(time)(data.inputs) for network in (lasting, again))
        assert torch.equal(one, two)
    assert again.applied[-1].adds == lasting.applied[-1].adds
    assert again.applied[-1].report["schedule"] == lasting.applied[-1].report["schedule"]
    assert [p.name for p in tmp_path.iterdir()] == ["v.safetensors"]
    assert KnownVectors(vectors=str(file)).settings()["sha256"] == digest


@pytest.fixture(scope="module")
def file(data, tmp_path_factory):
    path = tmp_path_factory.mktemp("vectors") / "v.safetensors"
    save_vectors(mho.recover.VeraPlus(**QUICK).fit(mapped(), data).applied[-1], path)
    return path


def test_vectors_of_another_network_are_refused(file, data):
    with pytest.raises(ConfigError, match=r"not of the layers .*: 2\. Name vectors of the same"):
        KnownVectors(vectors=str(file)).fit(mapped(outputs=3), data)


def test_edited_files_are_refused(file, tmp_path):
    copy = tmp_path / "c.safetensors"
    whole = file.read_bytes()
    for contents in (
        whole[:-1],
        whole[:100],
        b"",
        b"\x80\x04." + whole,
        whole.replace(b"b_sc", b"x_sc"),
    ):
        copy.write_bytes(contents)
        with pytest.raises(BundleError, match="holds no vectors that mho saved"):
            load_vectors(copy)
    middle = len(whole) - 3
    copy.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    with pytest.raises(BundleError, match="cut short, edited or replaced"):
        load_vectors(copy, sha256="0" * 64)
    with pytest.raises(BundleError, match="cannot"):
        load_vectors(str(tmp_path / "none.safetensors"))


def test_only_vectors_are_saved(tmp_path, data):
    scaled = mho.recover.DriftScale().fit(mapped(), data)
    with pytest.raises(ConfigError, match="only VeRA\\+ has vectors to save; got 'drift-scale'"):
        save_vectors(scaled.applied[-1], tmp_path / "v.safetensors")
    assert not list(tmp_path.iterdir())
