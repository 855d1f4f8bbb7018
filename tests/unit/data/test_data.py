"""Data: roles, reproducible draws, digests, refusals."""

from __future__ import annotations

import pytest
import torch
from torch.utils.data import TensorDataset

from mho.data import Data, as_data
from mho.errors import DataError


def numbered(n=20, **changes):
    inputs = torch.arange(n, dtype=torch.float32)[:, None].repeat(1, 3)
    return Data(inputs, torch.arange(n) % 4, **{"name": "numbered", **changes})


def first_column(data):
    return data.inputs[:, 0].long().tolist()


def test_subset_keeps_order_role_and_note():
    part = numbered(role="calibration", note="by hand").subset([5, 1, 7])
    assert first_column(part) == [5, 1, 7]
    assert part.labels.tolist() == [1, 1, 3]
    assert (part.role, part.note, part.name) == ("calibration", "by hand", "numbered")


@pytest.mark.parametrize("indices", [[-1], [20], [0, 99]])
def test_subset_refuses_positions_that_do_not_exist(indices):
    with pytest.raises(DataError, match="20 examples"):
        numbered().subset(indices)


def test_take_depends_on_the_seed_alone():
    data = numbered()
    assert first_column(data.take(6, 3)) == first_column(data.take(6, 3))
    assert first_column(data.take(6, 3)) != first_column(data.take(6, 4))
    # A larger draw of the same seed contains the smaller one: budgets are nested.
    assert first_column(data.take(9, 3))[:6] == first_column(data.take(6, 3))


def test_split_is_a_partition():
    a, b = numbered().split(7, seed=0)
    assert (len(a), len(b)) == (7, 13)
    assert sorted(first_column(a) + first_column(b)) == list(range(20))


@pytest.mark.parametrize("n", [0, 20, 21, -3])
def test_split_must_leave_two_parts(n):
    with pytest.raises(DataError, match="20 examples"):
        numbered().split(n, seed=0)


def test_digest_is_of_the_contents_alone():
    base = numbered()
    assert base.digest == numbered(name="other", role="test", note="x").digest
    changed = numbered()
    changed.inputs[3, 1] += 1e-6
    assert base.digest != changed.digest
    relabelled = Data(base.inputs, base.labels.flip(0), name="numbered")
    assert base.digest != relabelled.digest
    assert Data(base.inputs.view(20, 3, 1), base.labels, name="numbered").digest != base.digest


def test_digest_does_not_depend_on_memory_layout():
    images = torch.rand(4, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    labels = torch.zeros(4, dtype=torch.int64)
    other = images.contiguous(memory_format=torch.channels_last)
    assert Data(images, labels, name="a").digest == Data(other, labels, name="a").digest


def test_text_inputs_are_cut_together():
    ids = torch.arange(12).view(6, 2)
    data = Data({"ids": ids, "mask": ids * 0 + 1}, torch.zeros(6, dtype=torch.int64), name="text")
    part = data.subset([4, 0])
    assert part.inputs["ids"].tolist() == [[8, 9], [0, 1]]
    assert [len(labels) for _, labels in data.batches(4)] == [4, 2]
    inputs, _ = next(iter(data.batches(4)))
    assert set(inputs) == {"ids", "mask"}
    assert len(inputs["mask"]) == 4


def test_batches_cover_everything_once_in_order():
    parts = list(numbered().batches(6))
    assert [len(labels) for _, labels in parts] == [6, 6, 6, 2]
    assert torch.cat([inputs for inputs, _ in parts])[:, 0].long().tolist() == list(range(20))
    with pytest.raises(DataError, match="at least 1"):
        next(iter(numbered().batches(0)))


def test_test_data_are_refused_for_fitting():
    test = numbered(role="test")
    with pytest.raises(DataError, match=r"distillation expects train or calibration data.*test"):
        test.require(("train", "calibration"), "distillation")
    with pytest.raises(DataError, match="cannot become train data"):
        test.as_role("train")
    numbered().require("train", "distillation")
    assert numbered().as_role("calibration").role == "calibration"
    assert numbered().as_role("test").role == "test"


@pytest.mark.parametrize(
    ("inputs", "labels", "says"),
    [
        (torch.zeros(3, 2), torch.zeros(4, dtype=torch.int64), "one row for each of 4"),
        (torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64), "no example"),
        (torch.zeros(3, 2), torch.zeros(3), "int64"),
        (torch.zeros(3, 2), torch.tensor([0, -1, 1]), "from 0"),
        (torch.full((3, 2), float("nan")), torch.zeros(3, dtype=torch.int64), "NaN"),
    ],
)
def test_what_is_no_data_is_refused(inputs, labels, says):
    with pytest.raises(DataError, match=says):
        Data(inputs, labels, name="broken")


def test_unknown_role():
    with pytest.raises(DataError, match="'tset'"):
        numbered(role="tset")


def test_as_data_reads_pairs_and_datasets():
    data = numbered(role="test")
    assert as_data(data, "train") is data
    pair = as_data((data.inputs.numpy(), data.labels.tolist()), "train", name="mine")
    assert (pair.digest, pair.role, pair.name) == (data.digest, "train", "mine")
    assert as_data(TensorDataset(data.inputs, data.labels), "calibration").digest == data.digest
    for wrong in ("mnist", 3, (data.inputs,), [1, 2]):
        with pytest.raises(DataError, match="must be"):
            as_data(wrong, "train")
