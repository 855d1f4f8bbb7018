"""Bundles put together with intent: whatever they say, the answer is a sentence, and a small one.

Every example is signed again, as its author would, so that only the content can give it away.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import struct
import tracemalloc
from copy import deepcopy

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

import mho
from mho.deploy.folder import MANIFEST, SUMS, TENSORS
from mho.network.applied import Applied
from mho.recover.sparse.branch import SparseBranch, Words

SLOW = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
LIMIT = 64 << 20
"""Most bytes that a hostile bundle may make us allocate."""


def architecture():
    return nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))


@pytest.fixture(scope="module")
def rich(tmp_path_factory):
    """A small bundle that has one of everything which a bundle can hold."""
    torch.manual_seed(0)
    x = torch.randn(60, 6)
    data = mho.data.Data(x, (x[:, 0] > 0).long(), name="signs")
    device = mho.load_device("charan2020").with_drift_of(mho.load_device("falcone2025"))
    hardware = mho.Hardware(device=device, mapping=mho.SingleDevice())
    network = mho.map_network(architecture(), hardware, example=x[:1])
    words = Words((4, 6), torch.arange(3, dtype=torch.int32), torch.ones(3, dtype=torch.int16), 0.1)
    network = network.with_applied(
        Applied("sparse-adaptation", {}, attachment=SparseBranch({"0": words}))
    )
    recover = mho.recover
    quick = {"steps": 0, "testing_chips": 2, "grid_per_decade": 1}
    for method in (
        recover.DriftScale(per="column"),
        recover.LevelDora(levels=2, steps=1),
        recover.Recurring(times=("1 d",), settings_of={"steps": 1}),
        recover.Refresh(every="1 y"),
        recover.VeraPlus(rank=2, pair_stored=True, **quick),
        recover.DriftShift(),
        recover.ProbeCorrection(),
    ):
        network = method.fit(network, data)
    return mho.save_bundle(network, tmp_path_factory.mktemp("rich") / "b")


@pytest.fixture
def copy(rich, tmp_path):
    folder = tmp_path / "b"

    def fresh():
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(rich, folder)
        return folder

    return fresh


def sign(folder):
    (folder / SUMS).write_text(
        "".join(
            f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n"
            for name in (MANIFEST, TENSORS)
        )
    )


def answer(folder):
    """Load and run a bundle; return the refusal, or None where it was a bundle after all."""
    sign(folder)
    tracemalloc.start()
    try:
        bundle = mho.load_bundle(folder, model=architecture())
        bundle.at("1 d", chip=1)(torch.ones(1, 6))
    except mho.MhoError as refusal:
        return str(refusal)
    else:
        return None
    finally:
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < LIMIT


def test_the_whole_bundle_is_accepted(copy):
    assert answer(copy()) is None


HOSTILE = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, -1, 1, 2**31, 2**63, 10**30, -(10**30)]),
    st.sampled_from([0.5, -1.0, 1e308, math.inf, -math.inf, math.nan]),
    st.sampled_from(["", "../../etc/passwd", "/etc/passwd", "cells/0", "vera-branch", "\0", "1y"]),
    st.sampled_from([[], {}, [[]], [0], [10**9, 10**9], {"law": "x"}, [["a"] * 50] * 50]),
)


def places(value, path=()):
    """Every place in plain data."""
    yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=SLOW)
def test_any_value_anywhere_in_the_manifest(copy, data):
    folder = copy()
    manifest = json.loads((folder / MANIFEST).read_text())
    for _ in range(data.draw(st.integers(1, 2))):
        *path, last = data.draw(st.sampled_from([p for p in places(manifest) if p]))
        inner = manifest
        for key in path:
            inner = inner[key]
        if data.draw(st.integers(0, 4)) == 0:
            del inner[last]
        else:
            inner[last] = deepcopy(data.draw(HOSTILE))
    (folder / MANIFEST).write_text(json.dumps(manifest))
    told = answer(folder)
    assert told is None or len(told) < 2000


def repacked(content, header):
    """Return a safetensors file with another header before the same bytes."""
    (length,) = struct.unpack("<Q", content[:8])
    written = json.dumps(header).encode()
    return struct.pack("<Q", len(written)) + written + content[8 + length :]


def header_of(content):
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length])


SHAPES = st.lists(st.sampled_from([0, 1, 2, 4, 6, 2**16, 2**31, 2**62, -1]), max_size=4)


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
def test_any_header_of_the_tensors(copy, data):
    folder = copy()
    content = (folder / TENSORS).read_bytes()
    header = header_of(content)
    name = data.draw(st.sampled_from(sorted(set(header) - {"__metadata__"})))
    what = data.draw(st.sampled_from(["shape", "dtype", "offsets", "name", "twice", "gone"]))
    if what == "shape":
        header[name]["shape"] = data.draw(SHAPES)
    elif what == "dtype":
        header[name]["dtype"] = data.draw(st.sampled_from(["F32", "I16", "BOOL", "I64", "X", ""]))
    elif what == "offsets":
        ends = st.sampled_from([0, 1, 7, len(content), 2**40, 2**63, -4])
        header[name]["data_offsets"] = [data.draw(ends), data.draw(ends)]
    elif what == "name":
        header[data.draw(st.sampled_from(["../../x", "/x", "model/0.weight\0"]))] = header.pop(name)
    elif what == "twice":
        header["model/more"] = header[name]
    else:
        del header[name]
    (folder / TENSORS).write_bytes(repacked(content, header))
    answer(folder)


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e30, -1e30])
def test_any_number_in_the_tensors(copy, value):
    """Numbers that were never written are refused, or computed with; they never crash."""
    from safetensors.torch import load_file, save_file

    names = load_file(copy() / TENSORS)
    for name, tensor in names.items():
        folder = copy()
        if not tensor.is_floating_point() or not tensor.numel():
            continue
        tensors = load_file(folder / TENSORS)
        tensors[name] = tensors[name].clone()
        tensors[name].view(-1)[0] = value
        save_file(tensors, folder / TENSORS)
        answer(folder)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"format": 1' + "0" * 10_000 + "}",
        '{"format": 1, "x": "\\ud800"}',
        "NaN",
        "",
        '{"format": 1, "format": 1}',
    ],
    ids=["lists", "objects", "digits", "half a letter", "nan", "nothing", "twice"],
)
def test_json_bombs(copy, text):
    folder = copy()
    (folder / MANIFEST).write_text(text)
    assert answer(folder) is not None


@pytest.mark.parametrize("name", [MANIFEST, TENSORS, SUMS])
def test_a_file_of_many_bytes_is_not_read(copy, name):
    """A sparse file of 10 GB costs its author nothing."""
    folder = copy()
    with (folder / name).open("r+b") as file:
        file.truncate(10 << 30)
    tracemalloc.start()
    with pytest.raises(mho.MhoError, match="bytes; that of a bundle has at most"):
        mho.load_bundle(folder, model=architecture())
    assert tracemalloc.get_traced_memory()[1] < LIMIT
    tracemalloc.stop()


def test_a_header_that_claims_to_be_endless(copy):
    folder = copy()
    content = (folder / TENSORS).read_bytes()
    for length in (2**63, 2**40, len(content)):
        (folder / TENSORS).write_bytes(struct.pack("<Q", length) + content[8:])
        assert answer(folder) is not None


@pytest.fixture(scope="module")
def vgg(tmp_path_factory):
    network = mho.map_network(mho.zoo.build("vgg16", width=0.01), mho.Hardware(device="charan2020"))
    return mho.save_bundle(network, tmp_path_factory.mktemp("vgg") / "b")


@pytest.mark.parametrize("width", [1e6, -1, 0, "wide", None, [1]])
def test_an_architecture_is_not_built_larger_than_its_weights(vgg, width):
    """A network of the zoo takes options; a bundle may not make us allocate 10 TB with them."""
    manifest = json.loads((vgg / MANIFEST).read_text())
    manifest["architecture"]["settings"] = {"width": width}
    (vgg / MANIFEST).write_text(json.dumps(manifest))
    sign(vgg)
    with pytest.raises(mho.MhoError, match="fit its architecture|Save it anew|must be above 0"):
        mho.load_bundle(vgg)
