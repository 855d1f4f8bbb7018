"""Mapping networks: what goes where, that nothing is silent, that ideal means equal."""

import pytest
import torch
from torch import nn

import mho
from mho.network.self_check import self_check

IDEAL = mho.Hardware(device="ideal")


class Block(nn.Module):
    """Convolutions of several kinds, batch norm, a layer of its own class, and one kept digital."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8)
        self.grouped = nn.Conv2d(8, 12, 1, groups=4)
        self.head = nn.Sequential(nn.ReLU(), nn.Flatten(), Doubled(12 * 16, 5))
        with torch.no_grad():
            self.norm.running_mean.normal_()
            self.norm.running_var.uniform_(0.5, 2)

    def forward(self, x):
        return self.head(self.grouped(self.depthwise(self.norm(self.conv(x)).relu())))


class Doubled(nn.Linear):
    def forward(self, x):
        return 2 * super().forward(x)


@pytest.fixture
def block():
    torch.manual_seed(0)
    return Block()


X = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def test_layers_are_found_with_their_matrices(block):
    network = mho.map_network(block, IDEAL, example=X)
    seen = {l.name: (l.kind, l.rows, l.cols, l.groups, l.macs) for l in network.layers}  # noqa: E741
    assert seen == {
        "conv": ("conv2d", 27, 8, 1, 27 * 8 * 16),
        "depthwise": ("conv2d", 9, 1, 8, 9 * 8 * 16),
        "grouped": ("conv2d", 2, 3, 4, 2 * 12 * 16),
        "head.2": ("linear", 192, 5, 1, 960),
    }


@pytest.mark.parametrize(
    "mapping", [mho.DifferentialPair(), mho.SingleDevice(), mho.SignMagnitude()]
)
def test_an_ideal_device_gives_the_digital_network(block, mapping):
    network = mho.map_network(block, mho.Hardware(device="ideal", mapping=mapping))
    with torch.inference_mode():
        expected = block.eval()(X)
    torch.testing.assert_close(mho.program(network, 3).at(0)(X), expected, rtol=1e-4, atol=1e-5)
    assert self_check(network, X) < 1e-5


@pytest.mark.parametrize("dims", [1, 3])
def test_convolutions_in_other_dimensions(dims):
    torch.manual_seed(0)
    conv = {1: nn.Conv1d, 3: nn.Conv3d}[dims](2, 4, 3, padding=1)
    x = torch.randn(2, 2, *(5,) * dims)
    network = mho.map_network(nn.Sequential(conv, nn.Flatten()), IDEAL, example=x)
    assert network.layers[0].kind == f"conv{dims}d"
    assert network.layers[0].macs == 5**dims * conv.weight.numel()
    torch.testing.assert_close(
        network.program(0).at(0)(x), network.baseline(x), rtol=1e-4, atol=1e-5
    )


def test_coverage_lists_every_parameter_once_with_a_reason(block):
    coverage = mho.map_network(block, IDEAL, example=X).coverage
    assert sum(r.parameters for r in coverage.rows) == sum(p.numel() for p in block.parameters())
    assert all(r.reason for r in coverage.rows)
    where = {r.layer: (r.where, r.reason) for r in coverage.rows}
    assert where["norm"] == ("digital", "batch norm is applied digitally")
    assert where["depthwise.bias"] == ("digital", "added digitally")
    assert where["head.0"] == ("digital", "no weights")
    assert coverage.share_macs == 1.0
    assert "on crossbars: 9" in str(coverage)


def test_what_is_kept_digital_stays_exact_and_is_listed(block):
    hardware = mho.Hardware(device="charan2020")
    network = mho.map_network(block, hardware, digital=["head", "grouped"])
    assert [layer.name for layer in network.layers] == ["conv", "depthwise"]
    assert {r.layer for r in network.coverage.digital} >= {"head.2", "grouped"}
    chip = network.program(0).at(0)
    assert torch.equal(chip.model.grouped.weight, block.grouped.weight)
    assert not torch.equal(chip.model.conv.weight, block.conv.weight)


def test_without_an_example_macs_are_unknown_and_said_to_be(block):
    coverage = mho.map_network(block, IDEAL).coverage
    assert coverage.share_macs is None
    assert "not traced" in str(coverage)


def test_the_users_network_is_never_changed(block):
    block.train()
    before = {n: t.clone() for n, t in block.state_dict().items()}
    network = mho.map_network(block, mho.Hardware(device="charan2020"), example=X)
    network.program(0).at(0)(X)
    assert block.training
    assert all(p.requires_grad for p in block.parameters())
    for name, tensor in block.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_weights_that_are_no_numbers_are_refused_with_their_place(block):
    with torch.no_grad():
        block.grouped.weight[0, 0] = float("nan")
    with pytest.raises(mho.MhoError, match=r"'grouped\.weight' has 1 of 24 values that are NaN"):
        mho.map_network(block, IDEAL)


@pytest.mark.parametrize(
    ("digital", "told"),
    [(["hed"], "unknown module 'hed'. Did you mean 'head'"), ("head", r"write \['head'\]")],
)
def test_a_wrong_name_is_told_the_right_one(block, digital, told):
    with pytest.raises(mho.MhoError, match=told):
        mho.map_network(block, IDEAL, digital=digital)


def test_a_network_without_matrices_is_refused():
    with pytest.raises(mho.MhoError, match="nothing in 'Sequential' can be mapped"):
        mho.map_network(nn.Sequential(nn.ReLU()), IDEAL)


def test_an_example_that_does_not_fit_is_refused(block):
    with pytest.raises(mho.MhoError, match=r"does not run on the example of shape \(1, 7\)"):
        mho.map_network(block, IDEAL, example=torch.zeros(1, 7))


def test_the_self_check_names_the_layer_that_differs(block):
    class Broken(mho.DifferentialPair):
        def encode(self, weight, device, *, output_axis=0):
            encoded = super().encode(weight, device, output_axis=output_axis)
            if weight.shape[-1] == 192:
                encoded.g_target_uS[0] *= 0.9
            return encoded

    network = mho.map_network(block, IDEAL.model_copy(update={"mapping": Broken()}))
    with pytest.raises(mho.MhoError, match=r"layer 'head\.2' differs most"):
        self_check(network, X)


def test_the_legacy_rule_stores_biases_too(block):
    hardware = mho.Hardware(device="charan2020", mapping=mho.CharanLegacy())
    network = mho.map_network(block, hardware)
    assert set(network.stored) == {
        "norm.weight", "norm.bias", "depthwise.bias", "grouped.bias", "head.2.bias"
    }  # fmt: skip
    bias = network.program(0).at(0).model.grouped.bias
    assert (bias.abs() >= 0.1 * 0.01).all()
    assert not torch.equal(bias, block.grouped.bias)


def test_the_digest_knows_what_decides_an_answer(block):
    first = mho.map_network(block, IDEAL)
    assert first.digest == mho.map_network(block, IDEAL, example=X).digest
    assert first.digest != first.with_hardware(mho.Hardware(device="charan2020")).digest
    with torch.no_grad():
        block.conv.weight[0, 0, 0, 0] += 1e-3
    assert first.digest != mho.map_network(block, IDEAL).digest


class Scaled(nn.Module):
    """A matrix that no rule knows, beside a layer that is known."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.bilinear = nn.Bilinear(4, 4, 2)

    def forward(self, x):
        return self.bilinear(x, self.linear(x))


def test_strict_refuses_what_would_stay_digital_and_takes_what_is_named():
    with pytest.raises(mho.MhoError, match=r"strict: bilinear would stay digital.*digital=\[…\]"):
        mho.map_network(Scaled(), IDEAL, strict=True)
    lenient = mho.map_network(Scaled(), IDEAL)
    row = next(r for r in lenient.coverage.digital if r.layer == "bilinear")
    assert (row.parameters, row.reason) == (34, "no known matrix product")
    named = mho.map_network(Scaled(), IDEAL, digital=["bilinear"], strict=True)
    assert {r.layer: r.reason for r in named.coverage.digital}["bilinear"] == (
        "kept digital on request"
    )
