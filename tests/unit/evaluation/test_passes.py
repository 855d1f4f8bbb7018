"""Counting what is right: independent of the batch, and strict about what comes out."""

import pytest
import torch
from torch import nn

import mho
from mho.data import Data
from mho.errors import DataError, ModelError
from mho.evaluation import TopK, digital_accuracy
from mho.evaluation.passes import count_right


class Recorder(nn.Module):
    """Remembers how many examples each pass had."""

    def __init__(self):
        super().__init__()
        self.sizes = []

    def forward(self, x):
        self.sizes.append(len(x))
        return x


def test_counts_agree_with_a_plain_loop(small):
    network, data = small
    model = network.program(3).at("1 y")
    with torch.inference_mode():
        expected = sum(
            int(model(x[None]).argmax()) == int(y)
            for x, y in zip(data.inputs, data.labels, strict=True)
        )
    assert count_right(model, data) == expected
    assert 0 < expected < len(data)


@pytest.mark.parametrize("examples", [1, 31, 64, 65, 200])
def test_passes_have_one_size_and_extra_examples_do_not_count(examples):
    """Sizes are what makes sums independent of batch and threads; labels of 0 would count twice."""
    recorder = Recorder()
    data = Data(torch.eye(2)[[0] * examples], torch.zeros(examples, dtype=torch.int64), name="0")
    assert count_right(recorder, data, batch=17) == examples
    assert set(recorder.sizes[:-1]) <= {64}
    assert recorder.sizes[-1] % 32 == 0


def test_dictionaries_of_inputs():
    class Masked(nn.Module):
        def forward(self, x, mask):
            return x * mask

    data = Data(
        {"x": torch.ones(3, 2), "mask": torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])},
        torch.tensor([0, 1, 0]),
        name="masked",
    )
    assert count_right(Masked(), data) == 2


def test_the_baseline_is_the_digital_network(small):
    network, data = small
    assert digital_accuracy(network, data) == 1.0
    shuffled = Data(data.inputs, data.labels.roll(1), name="wrong")
    agree = int((data.labels.roll(1) == data.labels).sum())
    assert digital_accuracy(network, shuffled) == agree / len(data)
    assert digital_accuracy(network, shuffled, metric=TopK(k=5)) == 1.0


@pytest.mark.parametrize(
    ("model", "labels", "error", "says"),
    [
        (lambda x: x * torch.nan, [0, 1], ModelError, "NaN or infinite logits .*example 0"),
        (lambda x: x[:, :, None], [0, 1], ModelError, r"got \(2, 2, 1\)"),
        (lambda x: x, [0, 2], DataError, "label 2 has no logit: chip 4 has 2 classes"),
    ],
)
def test_refusals(model, labels, error, says):
    class Net(nn.Module):
        def forward(self, x):
            return model(x)

    data = Data(torch.eye(2), torch.tensor(labels), name="two")
    with pytest.raises(error, match=says):
        count_right(Net(), data, who="chip 4")


def test_a_batch_below_one_is_refused(small):
    network, data = small
    with pytest.raises(DataError, match="got 0"):
        mho.evaluate(network, data, chips=1, batch=0)
