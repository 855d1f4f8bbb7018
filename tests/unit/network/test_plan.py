"""The fast forward against the plain reference: random small networks, chips and overrides."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import mho
from mho.crossbar.reading import ReadPerProduct
from mho.crossbar.sliced import BitSliced
from mho.crossbar.wires import LadderWires
from mho.device.read_noise import RelativeReadNoise
from mho.network.lean import lean
from mho.network.plan import Plan

READING = mho.load_device("ideal").replace(read_noise=RelativeReadNoise(fraction=0.05))


class Residual(nn.Module):
    """Two convolutions around a shortcut, with or without batch norm and bias."""

    def __init__(self, channels, groups, norm, bias):
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, groups=groups, bias=bias)
        self.norm1 = nn.BatchNorm2d(channels, affine=bias) if norm else nn.Identity()
        self.second = nn.Conv2d(channels, channels, 1, bias=not bias)
        self.norm2 = nn.BatchNorm2d(channels) if norm else nn.Identity()

    def forward(self, x):
        y = torch.relu(self.norm1(self.first(x)))
        return (self.norm2(self.second(y)) + x).relu()


def network_of(seed, channels, groups, norm, bias, hardware=None):
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(2, channels, 3, stride=2, bias=bias),
        nn.BatchNorm2d(channels) if norm else nn.ReLU(),
        Residual(channels, groups, norm, bias),
        nn.Flatten(),
        nn.Linear(channels * 9, 6),
        nn.BatchNorm1d(6) if norm else nn.ReLU(),
        nn.Linear(6, 3),
    )
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.3, 3)
    return mho.map_network(model, hardware or mho.Hardware(device="charan2020"))


HARDWARE = [
    mho.Hardware(device="charan2020"),
    mho.Hardware(device="falcone2025", mapping=mho.SingleDevice(scale="column")),
    mho.Hardware(device="wan2022", mapping=mho.SignMagnitude()),
    mho.Hardware(device="charan2020", mapping=mho.CharanLegacy()),
    mho.Hardware(device="charan2020", mapping=BitSliced(slices=2, bits=3)),
    mho.Hardware(device="ideal", rows=64, wires=LadderWires(row_ohm=1, col_ohm=1)),
    mho.Hardware(device=READING, reading=ReadPerProduct(), rows=36),
]
X = torch.randn(21, 2, 8, 8, generator=torch.Generator().manual_seed(5))


def assert_equal(plan, snapshot, inputs=X):
    with torch.inference_mode():
        expected = plan.network.realise(snapshot)(inputs)
    plan.load(snapshot)
    error = (plan(inputs) - expected).abs().max() / expected.abs().max()
    assert error < 1e-5


@given(
    seed=st.integers(0, 1000),
    channels=st.sampled_from([4, 8]),
    groups=st.sampled_from([1, 4]),
    norm=st.booleans(),
    bias=st.booleans(),
    hardware=st.sampled_from(HARDWARE),
)
@settings(max_examples=40, deadline=None)
def test_a_plan_computes_what_the_reference_computes(seed, channels, groups, norm, bias, hardware):
    network = network_of(seed, channels, groups, norm, bias, hardware)
    plan = Plan(network)
    for chip in (seed, seed + 1):
        assert_equal(plan, network.program(chip).snapshot(0, read=chip))


def test_batch_norms_behind_products_are_folded_away():
    network = network_of(0, 4, 1, norm=True, bias=True)
    folded = Plan(network)._folded
    assert folded == {"0": "1", "2.first": "2.norm1", "2.second": "2.norm2", "4": "5"}


def test_a_chips_own_batch_norm_comes_and_goes_with_it():
    network = network_of(3, 4, 1, norm=True, bias=True)
    plain = network.program(0).snapshot(0)
    recalibrated = plain.set_parameters(
        {"2.norm1.running_mean": torch.full((4,), 0.7), "1.running_var": torch.full((4,), 5.0)}
    )
    branch = plain.add_digital({"4": torch.ones(6, 36)}).set_gain({"6": torch.full((3, 1), 2.0)})
    plan = Plan(network)
    for snapshot in (recalibrated, plain, branch, plain):
        assert_equal(plan, snapshot)


@pytest.mark.parametrize("sizes", [[1, 20], [7, 7, 7], [21]])
def test_the_callers_batches_change_no_bit(sizes):
    network = network_of(1, 8, 4, norm=True, bias=False)
    plan = Plan(network)
    plan.load(network.program(0).snapshot(0))
    whole = plan(X.repeat(30, 1, 1, 1))
    assert torch.equal(plan(X.repeat(30, 1, 1, 1)), whole)
    parts = torch.cat([plan(part) for part in X.split(sizes)])
    torch.testing.assert_close(parts, whole[:21], rtol=1e-5, atol=1e-6)


class Untraceable(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        return self.linear(x) if float(x.sum()) > 0 else -self.linear(x)


def test_a_network_that_cannot_be_traced_runs_in_its_own_form():
    network = mho.map_network(Untraceable(), mho.Hardware(device="charan2020"))
    plan = Plan(network)
    for sign in (1, -1):
        assert_equal(plan, network.program(2).snapshot(0), sign * torch.ones(3, 4))


def test_a_shared_layer_is_not_folded():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2)

        def forward(self, x):
            return self.norm(self.conv(x)) + self.conv(x)

    assert lean(Twice().eval()).folded == {}


def test_relu_in_place_never_touches_the_callers_tensor():
    network = mho.map_network(
        nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(128, 2)), mho.Hardware(device="ideal")
    )
    plan, before = Plan(network), X.clone()
    plan(X)
    assert torch.equal(X, before)


def test_dictionaries_of_inputs():
    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 2)

        def forward(self, a, b):
            return self.linear(a + b)

    network = mho.map_network(Sum(), mho.Hardware(device="ideal"))
    plan = Plan(network)
    inputs = {"a": torch.randn(5, 4), "b": torch.randn(5, 4)}
    plan.load(network.program(0).snapshot(0))
    torch.testing.assert_close(plan(inputs), network.baseline(inputs), rtol=1e-5, atol=1e-6)
