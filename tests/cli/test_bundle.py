"""``mho bundle`` as a user runs it."""

import json
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
import torch

import mho


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    network = mho.map_network(mho.zoo.build("lenet5"), mho.Hardware(device="falcone2025"))
    return mho.save_bundle(network, tmp_path_factory.mktemp("bundles") / "edge-model")


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "mho", "bundle", *map(str, arguments)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_inspect_shows_crossbars_and_writes_json(bundle, tmp_path):
    done = run("inspect", bundle, "--json", tmp_path / "out.json")
    assert done.returncode == 0, done.stderr
    assert "device falcone2025" in done.stdout
    assert "400 × 120" in done.stdout
    written = json.loads((tmp_path / "out.json").read_text())
    assert [e["layer"] for e in written["manifest"]["layers"]][-1] == "fc3"


def test_verify_says_that_a_bundle_is_whole(bundle):
    done = run("verify", bundle)
    assert done.returncode == 0, done.stderr
    assert "whole; 5 crossbars agree with their weights" in done.stdout


def test_a_truncated_bundle_is_one_sentence_and_exit_2(bundle, tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in bundle.iterdir():
        (broken / file.name).write_bytes(file.read_bytes()[:-100])
    for command in ("inspect", "verify"):
        done = run(command, broken)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.count("\n") == 1
        assert done.stderr.startswith("error: ")


def test_export_writes_a_graph_that_onnxruntime_runs(bundle, tmp_path):
    done = run("export", bundle, "--onnx", tmp_path / "chip.onnx", "--chip", "7", "--cells", "1 d")
    assert done.returncode == 0, done.stderr
    assert "inputs x and t_s" in done.stdout
    x = torch.randn(2, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    session = onnxruntime.InferenceSession(tmp_path / "chip.onnx")
    [found] = session.run(None, {"x": x.numpy(), "t_s": np.array(86400.0)})
    expected = mho.load_bundle(bundle).at("1 d", chip=7)(x).detach().numpy()
    assert np.abs(found - expected).max() < 1e-4


def test_export_refuses_cells_of_a_network(bundle, tmp_path):
    done = run("export", bundle, "--onnx", tmp_path / "chip.onnx", "--cells", "1 d")
    assert (done.returncode, done.stdout) == (2, "")
    assert "a network has none of its own" in done.stderr
    assert not list(tmp_path.iterdir())
