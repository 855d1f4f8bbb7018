"""Bundles: the same logits after a round trip, and a clean refusal of anything else."""

import errno
import hashlib
import json
import pathlib
import shutil

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import mho
from mho.deploy.folder import MANIFEST, SUMS, TENSORS
from mho.network.applied import Additions, Applied, Knowledge
from mho.recover.sparse.branch import SparseBranch, Words

X = torch.randn(4, 1, 28, 28, generator=torch.Generator().manual_seed(0))
TIMES = ["1 s", "1 y", "10 y"]


@pytest.fixture(scope="module")
def network():
    device = mho.load_device("charan2020").with_drift_of(mho.load_device("falcone2025"))
    return mho.map_network(mho.zoo.build("lenet5", seed=3), mho.Hardware(device=device))


@pytest.fixture
def saved(network, tmp_path):
    return mho.save_bundle(network, tmp_path / "bundle")


def same(a, b):
    return all(torch.equal(a.at(t)(X), b.at(t)(X)) for t in TIMES)


def test_a_network_comes_back_with_all_its_chips(network, saved):
    bundle = mho.load_bundle(saved)
    for seed in (0, 7):
        assert same(bundle.chip(seed), network.program(seed))
    assert torch.equal(bundle.at("1 y", chip=7)(X), network.program(7).at("1 y")(X))
    assert bundle.network.digest == network.digest
    assert bundle.network.coverage == network.coverage


def test_a_chip_comes_back_with_what_it_learned(network, tmp_path):
    chip = network.program(5)
    positions = torch.arange(50, dtype=torch.int32) * 7
    values = torch.randint(-127, 128, (50,), dtype=torch.int16)
    branch = SparseBranch({"fc1": Words((120, 400), positions, values, step=0.01)})
    knows, adds = Knowledge(labels=True), Additions(sram_bits=400, share_in_sram=0.0008)
    adapted = chip.with_applied(
        Applied("sparse-adaptation", {"budget": 0.01}, knows, adds, branch, {"steps": 150})
    )
    assert not same(adapted, chip)
    bundle = mho.load_bundle(mho.save_bundle(adapted, tmp_path / "chip"))
    assert same(bundle.chip(), adapted)
    assert same(bundle, adapted)
    [applied] = bundle.chip().applied
    assert (applied.knows, applied.adds, applied.report) == (knows, adds, {"steps": 150})
    with pytest.raises(mho.MhoError, match="this bundle is of chip 5 alone"):
        bundle.chip(6)


def test_converters_keep_their_ranges(tmp_path):
    hardware = mho.Hardware(device="falcone2025", dac_bits=8, adc_bits=8)
    network = mho.map_network(mho.zoo.build("lenet5"), hardware).calibrate(X)
    bundle = mho.load_bundle(mho.save_bundle(network, tmp_path / "b"))
    assert bundle.network.ranges == network.ranges
    assert same(bundle.chip(1), network.program(1))


def test_a_network_that_is_not_in_the_zoo_needs_its_architecture(tmp_path):
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 5))
    network = mho.map_network(model, mho.Hardware(device="falcone2025"), name="mine")
    folder = mho.save_bundle(network, tmp_path / "b")
    with pytest.raises(mho.MhoError, match=r"holds a Sequential.*load_bundle\(folder, model=…\)"):
        mho.load_bundle(folder)
    fresh = nn.Sequential(nn.Flatten(), nn.Linear(784, 5))
    assert same(mho.load_bundle(folder, model=fresh).chip(2), network.program(2))
    with pytest.raises(mho.MhoError, match="does not fit its architecture"):
        mho.load_bundle(folder, model=nn.Sequential(nn.Flatten(), nn.Linear(784, 6)))


def test_analogue_levels_are_kept_as_conductances(tmp_path):
    network = mho.map_network(mho.zoo.build("lenet5"), mho.Hardware(device="wan2022"))
    bundle = mho.load_bundle(mho.save_bundle(network, tmp_path / "b"))
    assert {entry.coding for entry in bundle.manifest.layers} == {"conductance-uS"}


def test_nothing_that_is_there_is_overwritten_unasked(network, saved):
    with pytest.raises(mho.MhoError, match=r"exists already.*overwrite=True"):
        mho.save_bundle(network, saved)
    mho.save_bundle(network, saved, overwrite=True)
    mho.load_bundle(saved)


def test_overwrite_replaces_bundles_only(network, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.txt").write_text("years of work")
    with pytest.raises(mho.MhoError, match="exists already"):
        mho.save_bundle(network, tmp_path / "thesis", overwrite=True)
    assert (tmp_path / "thesis" / "chapter1.txt").exists()


def test_the_files_are_what_sha256sum_reads(saved):
    for line in (saved / SUMS).read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((saved / name).read_bytes()).hexdigest() == digest
    assert sorted(p.name for p in saved.iterdir()) == sorted([SUMS, MANIFEST, TENSORS])


def resign(folder):
    """Make the checksums right again, as somebody who edits with intent would."""
    lines = [
        f"{hashlib.sha256((folder / n).read_bytes()).hexdigest()}  {n}\n"
        for n in (MANIFEST, TENSORS)
    ]
    (folder / SUMS).write_text("".join(lines))


def edit(folder, change):
    manifest = json.loads((folder / MANIFEST).read_text())
    change(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest))


def test_an_edited_manifest_is_refused(saved):
    edit(saved, lambda m: m.update(name="other"))
    with pytest.raises(mho.MhoError, match=r"manifest\.json' was truncated or edited"):
        mho.load_bundle(saved)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda m: m.update(format=2), "bundle format 2; this version of mho reads format 1"),
        (lambda m: m.update(frmat=1), "unknown key 'frmat'. Did you mean 'format'"),
        (lambda m: m.update(layers=[]), "layers"),
        (lambda m: m["layers"].pop(), "lists 4 layers on crossbars"),
        (lambda m: m["layers"][0].update(cells="cells/fc1"), "cells of layer 'conv1'"),
        (lambda m: m["layers"][0].update(cells="../../etc/passwd"), "cells of layer 'conv1'"),
        (lambda m: m["architecture"].update(zoo="lenet6"), "Did you mean 'lenet5'"),
        (lambda m: m["hardware"].update(rows=-3), "rows"),
        (lambda m: m["hardware"]["device"].update(g_min_uS=1e9), "must exceed g_min_uS"),
    ],
)
def test_a_manifest_edited_with_intent_is_refused_too(saved, change, told):
    edit(saved, change)
    resign(saved)
    with pytest.raises(mho.MhoError, match=told):
        mho.load_bundle(saved)


@pytest.mark.parametrize("name", [MANIFEST, TENSORS, SUMS])
def test_a_missing_or_linked_file_is_refused(saved, name, tmp_path):
    content = (saved / name).read_bytes()
    (saved / name).unlink()
    with pytest.raises(mho.MhoError, match="missing or not a plain file"):
        mho.load_bundle(saved)
    (tmp_path / "elsewhere").write_bytes(content)
    (saved / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(mho.MhoError, match="missing or not a plain file"):
        mho.load_bundle(saved)


def test_a_folder_that_is_no_bundle_is_refused(tmp_path):
    with pytest.raises(mho.MhoError, match="is not a folder"):
        mho.load_bundle(tmp_path / "nowhere")
    with pytest.raises(mho.MhoError, match="missing or not a plain file"):
        mho.load_bundle(tmp_path)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    model = nn.Sequential(nn.Linear(3, 2))
    network = mho.map_network(model, mho.Hardware(device="charan2020"))
    return mho.save_bundle(network, tmp_path_factory.mktemp("small") / "b")


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_any_truncation_or_flipped_bit_is_refused_cleanly(small, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("broken") / "b"
    shutil.copytree(small, folder)
    name = data.draw(st.sampled_from([MANIFEST, TENSORS, SUMS]))
    content = bytearray((folder / name).read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= 1 << data.draw(st.integers(0, 7))
    (folder / name).write_bytes(content)
    with_intent = name != SUMS and data.draw(st.booleans())
    if with_intent:
        resign(folder)
    model = nn.Sequential(nn.Linear(3, 2))
    try:
        bundle = mho.load_bundle(folder, model=model)
    except mho.MhoError:
        return
    # An edit whose checksums were made right again may be a bundle in its own right, never a crash;
    # without that only the unused last newline of the checksums may differ.
    assert with_intent or (folder / SUMS).read_text().strip() == (small / SUMS).read_text().strip()
    bundle.at(0)(torch.ones(1, 3))


def test_a_place_that_cannot_be_written_is_refused_and_left_alone(network, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(mho.MhoError, match="part of the path is a file"):
        mho.save_bundle(network, tmp_path / "file" / "b")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_leaves_nothing(network, tmp_path, monkeypatch):
    def full(self, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pathlib.Path, "write_bytes", full)
    with pytest.raises(mho.MhoError, match="the disk is full"):
        mho.save_bundle(network, tmp_path / "b")
    assert not list(tmp_path.iterdir())
