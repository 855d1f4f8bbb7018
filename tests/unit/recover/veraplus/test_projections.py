"""The shared pair, and the branch as a weight against the branch computed in two stages."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from mho.recover.veraplus.branches import Branches
from mho.recover.veraplus.geometry import Geometry
from mho.recover.veraplus.projections import (
    Projections,
    branch_weight,
    draw_projections,
    window_unit,
)

CONV = Geometry("conv", 4, 6, kernel=(3, 3), step=4)
GROUPED = Geometry("grouped", 4, 6, groups=2, kernel=(3, 3))
FULL = Geometry("full", 10, 3)
LAYERS = (CONV, GROUPED, FULL)


def _values(geometry: Geometry, rank: int) -> tuple[Tensor, Tensor, Tensor]:
    draw = torch.Generator().manual_seed(1)
    b = torch.randn(geometry.outputs, generator=draw)
    d = torch.randn(rank, generator=draw)
    shape = (2, geometry.inputs, 9, 9) if geometry.kernel else (2, geometry.inputs)
    return b, d, torch.randn(shape, generator=draw)


def _one_by_one(x: Tensor, stride: int, padding: int) -> Tensor:
    """Return what a 1×1 branch sees: the input at the centre of each window of a 3×3 kernel."""
    padded = functional.pad(x, (padding,) * 4)
    inner = padded[:, :, 1:-1, 1:-1]
    return inner[:, :, ::stride, ::stride]


@pytest.mark.parametrize("rank", [1, 4])
@pytest.mark.parametrize(("stride", "padding"), [(1, 1), (2, 1), (1, 0)])
def test_convolution_branch_is_a_1x1_branch_after_the_stride(rank, stride, padding) -> None:
    pair = draw_projections(LAYERS, rank, projection="random", seed=3)
    b, d, x = _values(CONV, rank)
    weight = branch_weight(CONV, pair, b, d)
    merged = functional.conv2d(x, weight, stride=stride, padding=padding)
    low = functional.conv2d(_one_by_one(x, stride, padding), pair.a[:, :4, None, None])
    high = functional.conv2d(low * d[:, None, None], pair.b[:6, :, None, None])
    torch.testing.assert_close(merged, high * b[:, None, None])


def test_linear_branch_is_b_B_d_A() -> None:
    pair = draw_projections(LAYERS, 3, projection="random", seed=3)
    b, d, x = _values(FULL, 3)
    two_stages = b * (pair.b[:3] @ (d[:, None] * (pair.a[:, :10] @ x.T))).T
    torch.testing.assert_close(x @ branch_weight(FULL, pair, b, d).T, two_stages)


def test_groups_see_their_own_inputs_only() -> None:
    pair = draw_projections(LAYERS, 2, projection="random", seed=3)
    b, d, x = _values(GROUPED, 2)
    merged = functional.conv2d(x, branch_weight(GROUPED, pair, b, d), padding=1, groups=2)
    for group in range(2):
        inputs, outputs = slice(2 * group, 2 * group + 2), slice(3 * group, 3 * group + 3)
        low = functional.conv2d(x[:, inputs], pair.a[:, inputs, None, None]) * d[:, None, None]
        high = functional.conv2d(low, pair.b[outputs, :, None, None]) * b[outputs, None, None]
        torch.testing.assert_close(merged[:, outputs], high)


@pytest.mark.parametrize("geometry", LAYERS)
def test_window_row_is_the_sum_of_all_that_an_output_sees(geometry) -> None:
    pair = draw_projections(LAYERS, 1, projection="physical", seed=0)
    b, d, _ = _values(geometry, 1)
    weight = branch_weight(geometry, pair, b, d)
    expected = (b * d * window_unit(geometry)).reshape(-1, *(1,) * (weight.ndim - 1))
    torch.testing.assert_close(weight, expected.expand(geometry.shape))
    assert pair.a.numel() == pair.b.numel() == 0


def test_random_rows_follow_the_window_row() -> None:
    pair = draw_projections(LAYERS, 3, projection="physical", seed=0)
    b, d, _ = _values(CONV, 3)
    window = Projections(pair.a[:0], pair.b[:, :0], window=True)
    random = Projections(pair.a, pair.b, window=False)
    both = branch_weight(CONV, window, b, d[:1]) + branch_weight(CONV, random, b, d[1:])
    torch.testing.assert_close(branch_weight(CONV, pair, b, d), both)


def test_window_reach_gives_random_rows_the_layer_s_own_kernel() -> None:
    pair = draw_projections(LAYERS, 2, projection="random", seed=0, reach="window")
    b, d, _ = _values(CONV, 2)
    expected = (b[:, None] * pair.b[:6] * d) @ pair.a[:, :36]
    torch.testing.assert_close(branch_weight(CONV, pair, b, d), expected.reshape(6, 4, 3, 3))


def test_pair_is_as_large_as_the_largest_layer_and_follows_its_seed() -> None:
    pair = draw_projections(LAYERS, 4, projection="random", seed=5)
    again = draw_projections(LAYERS, 4, projection="random", seed=5)
    other = draw_projections(LAYERS, 4, projection="random", seed=6)
    assert pair.a.shape == (4, 10)
    assert pair.b.shape == (6, 4)
    assert torch.equal(pair.a, again.a)
    assert torch.equal(pair.b, again.b)
    assert not torch.equal(pair.a, other.a)


def test_kaiming_uniform_with_gain_sqrt_2() -> None:
    """Uniform on ±√(6/fan); the sample sd of n = 40,000 is within 4 standard errors of √(2/fan)."""
    wide = (Geometry("wide", 10_000, 2),)
    pair = draw_projections(wide, 4, projection="random", seed=0)
    assert float(pair.a.abs().max()) <= math.sqrt(6 / 10_000)
    sd = math.sqrt(2 / 10_000)
    error = sd * math.sqrt((9 / 5 - 1) / (4 * 40_000))  # kurtosis of a uniform law is 9/5
    assert abs(float(pair.a.std()) - sd) < 4 * error


def test_stored_pairs_are_rounded_to_their_bits() -> None:
    pair = draw_projections(LAYERS, 2, projection="random", seed=0, bits=8)
    codes = pair.a / math.sqrt(6 / 10) * 127
    torch.testing.assert_close(codes, codes.round(), atol=1e-4, rtol=0)


def test_equal_to_peft_s_vera_on_linear_layers() -> None:
    """The same A, B, b and d give PEFT's own output, layers of different sizes sharing one pair."""
    from peft import VeraConfig, get_peft_model

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 20), nn.ReLU(), nn.Linear(20, 5))
    expected_base = [m.weight.detach().clone() for m in (model[0], model[2])]
    config = VeraConfig(r=4, target_modules=["0", "2"], save_projection=True)
    adapted = get_peft_model(model, config).eval()
    layers = [adapted.base_model.model[i] for i in (0, 2)]
    pair = Projections(
        layers[0].vera_A["default"].detach(), layers[0].vera_B["default"].detach(), window=False
    )
    geometries = (Geometry("0", 12, 20), Geometry("2", 20, 5))
    assert tuple(pair.a.shape) == (4, 20)
    branches = Branches(geometries, pair)
    draw = torch.Generator().manual_seed(1)
    b, d = torch.randn(25, generator=draw), torch.randn(8, generator=draw)
    for layer, own_b, own_d in zip(layers, b.split([20, 5]), d.split([4, 4]), strict=True):
        layer.vera_lambda_b["default"].data.copy_(own_b)
        layer.vera_lambda_d["default"].data.copy_(own_d)
    added = branches.weights(b, d)
    x = torch.randn(7, 12, generator=draw)
    hidden = functional.linear(x, expected_base[0] + added["0"], layers[0].base_layer.bias).relu()
    ours = functional.linear(hidden, expected_base[1] + added["2"], layers[1].base_layer.bias)
    with torch.no_grad():
        torch.testing.assert_close(adapted(x), ours)


def test_gradients_reach_b_and_d() -> None:
    pair = draw_projections(LAYERS, 2, projection="physical", seed=0)
    b, d, x = _values(CONV, 2)
    b.requires_grad_()
    d.requires_grad_()
    functional.conv2d(x, branch_weight(CONV, pair, b, d)).square().sum().backward()
    assert bool((b.grad != 0).all())
    assert bool((d.grad != 0).all())
