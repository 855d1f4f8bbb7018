"""Vectors that are shipped with a reproduction: kept from its folder, found again, checked."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import torch

import mho
from mho.data import Data
from mho.errors import BundleError
from mho.recover import KnownVectors
from mho.reproduce import vectors as shipping
from mho.reproduce.paper import list_papers, study_file
from mho.reproduce.vectors import keep_vectors, shipped_vectors
from mho.study.plan import key_of, plan
from mho.study.spec import AS_IS, read_study

STUDY = "lenet5-single-device"


IMAGES = Data(torch.rand(60, 1, 28, 28), torch.arange(60) % 10, name="noise")


def mapped():
    hardware = mho.Hardware(device="falcone2025", mapping=mho.SingleDevice())
    return mho.map_network(mho.zoo.load("lenet5"), hardware)


@pytest.fixture(scope="module")
def lasting():
    return mho.recover.VeraPlus(steps=0, testing_chips=2, grid_per_decade=1).fit(mapped(), IMAGES)


def test_vectors_are_kept_from_a_finished_reproduction(lasting, tmp_path, monkeypatch):
    results, out = tmp_path / "results", tmp_path / "vectors"
    mho.save_bundle(lasting, results / STUDY / "artefacts" / "one")
    known = key_of(plan(read_study(study_file("veraplus", STUDY))))
    steps = [
        {"name": AS_IS, "method": "nothing"},
        {"name": "VeRA+ physical r = 1", "method": "vera-plus", "bundle": "artefacts/one"},
    ]
    (results / STUDY / "results.json").write_text(json.dumps({"plan": known, "steps": steps}))
    parts = SimpleNamespace(network=SimpleNamespace(model=mho.zoo.load("lenet5")))
    monkeypatch.setattr(shipping, "Parts", lambda *args: parts)
    [file] = keep_vectors("veraplus", results, out)
    assert file.name == "lenet5-single-device--vera-physical-r-1.safetensors"
    assert file.stat().st_size < 20_000
    monkeypatch.setattr(shipping, "vectors_folder", lambda paper: out)
    shipped = shipped_vectors("veraplus")[STUDY]["VeRA+ physical r = 1"]
    known = KnownVectors(vectors=str(shipped.path), sha256=shipped.sha256)
    one, two = (
        mho.program(network, 0).at("10 y")(IMAGES.inputs)
        for network in (lasting, known.fit(mapped(), IMAGES))
    )
    assert torch.equal(one, two)
    (out / "index.json").write_text("[]")
    with pytest.raises(BundleError, match="is damaged"):
        shipped_vectors("veraplus")
    with pytest.raises(mho.MhoError, match="no study of 'veraplus' is finished"):
        keep_vectors("veraplus", tmp_path / "empty", out)


@pytest.mark.parametrize("name", list_papers())
def test_shipped_vectors_are_whole_and_of_their_studies(name):
    for study, of in shipped_vectors(name).items():
        steps = {step.name: step for step in read_study(study_file(name, study)).study.recover}
        for step, file in of.items():
            assert steps[step].method == "vera-plus"
            assert KnownVectors(vectors=str(file.path)).settings()["sha256"] == file.sha256


def test_shipped_vectors_are_small():
    files = [
        f.path for p in list_papers() for of in shipped_vectors(p).values() for f in of.values()
    ]
    assert sum(path.stat().st_size for path in files) < 1_000_000
