"""The lean form: every rewritten step against the step that it replaces."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from mho.network.lean import add_to, lean, max_pool


@given(
    size=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    kernel=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    stride=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    channels_last=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_maxima_of_slices_are_max_pooling_to_the_bit(size, kernel, stride, channels_last):
    kernel = (min(kernel[0], size[0]), min(kernel[1], size[1]))
    x = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(1))
    if channels_last:
        x = x.contiguous(memory_format=torch.channels_last)
    assert torch.equal(max_pool(x, kernel, stride), F.max_pool2d(x, kernel, stride))


def test_nan_stays_nan():
    x = torch.zeros(1, 1, 2, 2)
    x[0, 0, 1, 1] = torch.nan
    assert max_pool(x, (2, 2), (2, 2)).isnan().all()


@pytest.mark.parametrize(
    ("pool", "rewritten"),
    [
        (nn.MaxPool2d(2), True),
        (nn.MaxPool2d((3, 2), stride=(2, 1)), True),
        (nn.MaxPool2d(2, padding=1), False),
        (nn.MaxPool2d(2, dilation=2), False),
        (nn.MaxPool2d(2, ceil_mode=True), False),
    ],
)
def test_which_pools_are_rewritten(pool, rewritten):
    model = nn.Sequential(nn.Conv2d(2, 3, 3), pool).eval()
    x = torch.randn(2, 2, 9, 9)
    expected = model(x)
    form = lean(model).module
    assert torch.equal(form(x), expected)
    assert any(node.target is max_pool for node in form.graph.nodes) == rewritten


class Sums(nn.Module):
    """A fresh tensor with one reader, one with two, a broadcast and a constant."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(2, 2, 1), nn.Conv2d(2, 2, 1)
        self.wide = nn.AdaptiveAvgPool2d(1)

    def forward(self, x):
        y = self.a(x) + x
        z = self.b(y) + y
        w = self.wide(z) + z
        return (z + 1.0) + w


def test_sums_are_done_in_place_only_where_nobody_can_tell():
    model, x = Sums().eval(), torch.randn(3, 2, 4, 4)
    expected, before = model(x), x.clone()
    form = lean(model).module
    assert torch.equal(form(x), expected)
    assert torch.equal(x, before)
    assert sum(node.target is add_to for node in form.graph.nodes) == 4


def test_a_sum_wider_than_its_fresh_term_is_a_new_tensor():
    fresh, wide = torch.ones(1, 3), torch.ones(2, 3)
    assert add_to(fresh, wide).tolist() == [[2.0] * 3] * 2
    assert fresh.tolist() == [[1.0] * 3]


def test_sums_of_sizes_are_no_tensors():
    class Sizes(nn.Module):
        def forward(self, x):
            return x.flatten(1)[:, : x.size(1) + x.size(2) + x.size(3)]

    x = torch.randn(2, 1, 3, 4)
    assert torch.equal(lean(Sizes().eval()).module(x), x.flatten(1)[:, :8])
