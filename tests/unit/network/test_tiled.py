"""Layers with converters: the fast form against the plain one, and against hand-made numbers."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import mho
from mho.crossbar.converters import codes_for
from mho.network.analogue import Analogue
from mho.network.plan import Plan
from mho.network.product import Product
from mho.network.ranges import LayerCodes
from mho.network.reference import ReferenceLayer
from mho.network.tiled import TiledLayer

LAYERS = {
    "linear": (lambda: nn.Linear(37, 5), (4, 37)),
    "linear over tokens": (lambda: nn.Linear(20, 3, bias=False), (2, 6, 20)),
    "conv1d": (lambda: nn.Conv1d(6, 4, 3, stride=2), (2, 6, 11)),
    "conv2d": (lambda: nn.Conv2d(7, 4, 3, padding=1), (2, 7, 6, 5)),
    "grouped": (lambda: nn.Conv2d(10, 4, 3, padding=1, groups=2), (2, 10, 5, 5)),
    "depthwise": (lambda: nn.Conv2d(6, 6, 3, dilation=2, groups=6), (2, 6, 7, 7)),
    "reflecting": (lambda: nn.Conv2d(5, 3, 3, padding=1, padding_mode="reflect"), (2, 5, 6, 6)),
    "conv3d": (lambda: nn.Conv3d(3, 2, 2), (2, 3, 4, 4, 4)),
}


@pytest.mark.parametrize("kind", LAYERS)
@given(
    rows=st.sampled_from([9, 16, 27, 128]),
    dac=st.sampled_from([None, 1, 5, 8]),
    adc=st.sampled_from([None, 1, 6, 8]),
    seed=st.integers(0, 99),
)
@settings(max_examples=15, deadline=None)
def test_all_tiles_at_once_equal_tile_by_tile(kind, rows, dac, adc, seed):
    torch.manual_seed(seed)
    make, shape = LAYERS[kind]
    module = make()
    network = mho.map_network(nn.Sequential(module), mho.Hardware(device="ideal", rows=rows))
    layer, product = network.layers[0], Product(module, "0")
    codes = LayerCodes(
        dac and codes_for(dac, 2.0, signed=True), adc and codes_for(adc, 1.0, signed=True)
    )
    weight, branch = torch.randn(layer.shape), torch.randn(layer.shape)
    gain = torch.rand(product.outputs)
    bias = module._parameters.get("bias")
    wide = [t if t is None else t.detach().double() for t in (weight, gain, branch, bias)]
    analogue = Analogue("0", product, network.grid(layer), codes, (1, *layer.shape))
    fast = TiledLayer(analogue).double()
    fast.load(wide[0][None], *wide[1:])
    plain = ReferenceLayer(
        analogue, slices=wide[0][None],
        gain=wide[1].view(-1, *(1,) * (weight.ndim - 1)), branch=wide[2], bias=wide[3],
    )  # fmt: skip
    x = torch.randn(shape).double()
    # In float64 a partial sum close enough to a rounding edge to differ has probability < 1e-10.
    torch.testing.assert_close(fast(x), plain(x), rtol=1e-6, atol=1e-6)


def test_two_tiles_by_hand():
    """Rows 0–1 give 0.26 → 0.3, rows 2–3 give 0.94 → 0.9 at a step of 0.1; 0.96 of input clips."""
    linear = nn.Linear(4, 1, bias=False)
    network = mho.map_network(linear, mho.Hardware(device="ideal", rows=2, dac_bits=3, adc_bits=8))
    codes = LayerCodes(codes_for(3, 0.7, signed=False), codes_for(8, 12.7, signed=True))
    grid = network.grid(network.layers[0])
    layer = TiledLayer(Analogue("x", Product(linear, "x"), grid, codes, (1, 1, 4)))
    layer.load(torch.tensor([[[1.0, 0.2, 2.0, -0.6]]]), None, None, None)
    # codes of the inputs at a step of 0.1: 2, 3, 5, 7 (0.96 is clipped to 0.7; -0.1 would be 0)
    y = layer(torch.tensor([[0.2, 0.3, 0.5, 0.96]]))
    assert y.item() == pytest.approx(0.3 + 0.6)


def test_an_adc_of_b_bits_errs_by_half_a_step_a_tile():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(300, 40, bias=False))
    x = torch.randn(200, 300)
    for bits in (6, 8, 10):
        hardware = mho.Hardware(device="ideal", adc_bits=bits, rows=100)
        network = mho.map_network(model, hardware).calibrate(x)
        plan = Plan(network)
        plan.load(network.program(0).snapshot(0))
        step = network.codes(network.layers[0]).adc.step
        error = plan(x) - network.baseline(x)
        assert error.abs().max() <= 3 * step / 2 * 1.001
        # three independent uniform errors: variance 3 step² / 12, 8,000 of them: within 5 %
        assert error.std() == pytest.approx((3 * step**2 / 12) ** 0.5, rel=0.05)


def small():
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 4, 3, bias=False),
        nn.BatchNorm2d(4),
        nn.Flatten(),
        nn.Linear(64, 5),
    )


def test_a_plan_with_converters_computes_what_the_reference_computes():
    model = small()
    model[1].running_mean.normal_()
    model[4].running_var.uniform_(0.3, 3)
    x = torch.randn(40, 3, 6, 6)
    hardware = mho.Hardware(device="falcone2025", dac_bits=8, adc_bits=8, rows=36)
    network = mho.map_network(model, hardware).calibrate(x)
    plan = Plan(network)
    assert plan._folded == {"0": "1", "3": "4"}
    plain = network.program(1).snapshot("1 d")
    changed = plain.set_parameters({"1.running_mean": torch.ones(8)}).add_digital(
        {"0": torch.randn(8, 3, 3, 3) / 10}
    )
    for snapshot in (plain, changed.set_gain({"3": torch.full((4, 1, 1, 1), 1.5)}), plain):
        plan.load(snapshot)
        with torch.inference_mode():
            expected = network.realise(snapshot)(x)
        difference = (plan(x) - expected).abs() / expected.abs().max()
        # float rounding may tip a partial sum over a rounding edge: one code, in few outputs
        assert difference.median() < 1e-5
        assert difference.max() < 0.05


def test_converters_want_their_ranges_first():
    hardware = mho.Hardware(device="ideal", adc_bits=8)
    network = mho.map_network(small(), hardware)
    with pytest.raises(mho.MhoError, match=r"no range yet.*network\.calibrate\(data\.inputs\)"):
        network.program(0).at(0)


def test_a_layer_with_its_own_forward_is_not_tiled():
    class Doubled(nn.Linear):
        def forward(self, x):
            return 2 * super().forward(x)

    network = mho.map_network(Doubled(4, 2), mho.Hardware(device="ideal", adc_bits=8))
    with pytest.raises(mho.MhoError, match="computes more than a matrix product"):
        network.calibrate(torch.zeros(1, 4))


def test_a_narrower_range_clips_and_ranges_decide_the_digest():
    network = mho.map_network(small(), mho.Hardware(device="ideal", adc_bits=8))
    x = torch.randn(40, 3, 6, 6)
    wide, narrow = network.calibrate(x), network.calibrate(x, quantile=0.9)
    assert all(narrow.ranges[n].y_max < wide.ranges[n].y_max for n in wide.ranges)
    assert not wide.ranges["3"].x_signed
    assert wide.ranges["0"].x_signed
    assert len({network.digest, wide.digest, narrow.digest}) == 3


def test_a_kernel_that_no_tile_holds_is_refused():
    network = mho.map_network(small(), mho.Hardware(device="ideal", rows=8))
    with pytest.raises(mho.MhoError, match="8 rows cannot hold one input channel"):
        network.grid(network.layers[0])
