"""Drives, slices, ranges by column, noise of reads: fast against plain, and against arithmetic."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import mho
from mho.costs.census import census
from mho.crossbar.converters import Codes, codes_for
from mho.crossbar.drive import Bipolar, BitSerial, OffsetInputs, TwoPhase
from mho.crossbar.reading import ReadPerProduct
from mho.crossbar.sliced import BitSliced
from mho.device.levels import UniformLevels
from mho.device.read_noise import RelativeReadNoise
from mho.network.plan import Plan
from mho.network.ranges import LayerCodes
from mho.network.reads import Reads
from mho.network.reference import ReferenceLayer
from mho.network.tally import Tally
from mho.network.tiled import TiledLayer
from mho.rng import Streams

LAYERS = {
    "linear": (lambda: nn.Linear(37, 5), (4, 37)),
    "linear over tokens": (lambda: nn.Linear(20, 3, bias=False), (2, 6, 20)),
    "conv1d": (lambda: nn.Conv1d(6, 4, 3, stride=2), (2, 6, 11)),
    "conv2d": (lambda: nn.Conv2d(7, 4, 3, padding=1), (2, 7, 6, 5)),
    "grouped": (lambda: nn.Conv2d(10, 4, 3, padding=1, groups=2), (2, 10, 5, 5)),
    "reflecting": (lambda: nn.Conv2d(5, 3, 3, padding=1, padding_mode="reflect"), (2, 5, 6, 6)),
}
DRIVES = [Bipolar(), TwoPhase(), OffsetInputs(), BitSerial(), BitSerial(bits_per_cycle=3)]
READING = mho.load_device("ideal").replace(read_noise=RelativeReadNoise(fraction=0.05))


@pytest.mark.parametrize("kind", LAYERS)
@given(
    drive=st.sampled_from(DRIVES),
    signed=st.booleans(),
    slices=st.sampled_from([1, 3]),
    adc=st.sampled_from([None, "layer", "column"]),
    noisy=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(max_examples=20, deadline=None)
def test_all_at_once_equals_wave_by_wave_and_tile_by_tile(
    kind, drive, signed, slices, adc, noisy, seed
):
    torch.manual_seed(seed)
    make, shape = LAYERS[kind]
    hardware = mho.Hardware(
        device="ideal", rows=18, dac_bits=5, adc_bits=adc and 7, drive=drive,
        mapping=mho.DifferentialPair() if slices == 1 else BitSliced(slices=slices, bits=2),
    )  # fmt: skip
    network = mho.map_network(nn.Sequential(make()), hardware)
    layer = network.layers[0]
    down, outputs = network.grid(layer).down, layer.cols * layer.groups
    scale = {
        None: None,
        "layer": torch.rand(slices, 1, 1).double() + 0.3,
        "column": torch.rand(slices, down, outputs).double() + 0.3,
    }[adc]
    codes = LayerCodes(
        codes_for(5, 2.0, signed=signed),
        None if scale is None else codes_for(7, scale, signed=True),
        x_signed=signed,
    )
    analogue = network.analogue(layer, codes)
    own = torch.randn(analogue.shape).double() / 10
    variance = torch.rand(analogue.shape).double() / 100 if noisy else None
    gain, bias = torch.rand(outputs).double(), torch.randn(outputs).double()
    reads = Reads()
    reads.streams = Streams(seed)
    fast = TiledLayer(analogue).double()
    fast.reads = reads
    fast.load(own, gain, None, bias, variance)
    plain = ReferenceLayer(
        analogue, slices=own, variance=variance,
        gain=gain.view(-1, *(1,) * (len(layer.shape) - 1)), branch=None, bias=bias, reads=reads,
    ).double()  # fmt: skip
    if analogue.wanted is not None:
        object.__setattr__(analogue, "wanted", analogue.wanted.double())
    x = torch.randn(shape).double()
    x = x if signed else x.abs()
    found = []
    for form in (fast, plain):
        reads.start(3, shape[0])
        found.append(form(x))
    # In float64 a partial sum close enough to a rounding edge to differ has probability < 1e-6.
    torch.testing.assert_close(found[0], found[1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("drive", DRIVES, ids=lambda d: d.model_dump_json())
@pytest.mark.parametrize("signed", [True, False])
def test_waves_add_up_to_the_codes(drive, signed):
    dac = codes_for(6, 1.0, signed=signed)
    codes = torch.arange(dac.low, dac.high + 1.0)
    total = sum(wave.weight * wave.values for wave in drive.waves(codes, dac, signed=signed))
    assert torch.equal(total, codes)


def test_one_bit_a_cycle_drives_rows_with_switches():
    dac = Codes(step=1.0, low=-31, high=31)
    waves = list(BitSerial().waves(torch.tensor([-5.0, 22.0]), dac, signed=True))
    assert [w.weight for w in waves] == [1, 2, 4, 8, 16, -1, -2, -4, -8, -16]
    assert [w.values.tolist() for w in waves[:5]] == [[0, 0], [0, 1], [0, 1], [0, 0], [0, 1]]
    assert [w.values.tolist() for w in waves[5:8]] == [[1, 0], [0, 0], [1, 0]]


def small(bias=True):
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=bias), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Conv2d(8, 4, 3), nn.Flatten(), nn.Linear(64, 5),
    ).eval()  # fmt: skip


X = torch.randn(40, 3, 6, 6, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("drive", DRIVES, ids=lambda d: d.model_dump_json())
@pytest.mark.parametrize("adc_range", ["layer", "column"])
def test_an_ideal_device_with_enough_bits_is_the_digital_network(drive, adc_range):
    hardware = mho.Hardware(
        device="ideal", dac_bits=14, adc_bits=16, rows=27, drive=drive, adc_range=adc_range
    )
    network = mho.map_network(small(), hardware).calibrate(X)
    plan = Plan(network)
    plan.load(network.program(0).snapshot(0))
    expected = network.baseline(X)
    assert (plan(X) - expected).abs().max() < 4e-3 * expected.abs().max()


@pytest.mark.parametrize("slices", [2, 4, 8])
def test_slices_of_two_bits_give_weights_of_their_bits(slices):
    """The error of a weight is at most half a step of 2 slices bits, and reaches a third of it."""
    weight = np.random.default_rng(0).normal(size=(40, 50)).astype(np.float32)
    device = mho.load_device("ideal").replace(levels=UniformLevels(count=4))
    encoded = BitSliced(slices=slices, bits=2).encode(weight, device)
    error = np.abs(encoded.decode(encoded.g_target_uS) - weight).max()
    half_step = np.abs(weight).max() / (4**slices - 1) / 2
    assert half_step / 3 - 1e-6 < error < half_step * 1.001 + 1e-6
    parts = encoded.decode_slices(encoded.g_target_uS)
    assert parts.shape == (slices, 40, 50)
    np.testing.assert_allclose(parts.sum(0), encoded.decode(encoded.g_target_uS), atol=1e-5)


def test_slices_are_converted_each_on_their_own():
    """By hand: 6/15 in base 4 is (1, 2) → slices of 4 and 2; an ADC of 1 signed bit keeps signs."""
    linear = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        linear.weight.fill_(1.0)
    hardware = mho.Hardware(device="ideal", mapping=BitSliced(slices=2, bits=2), adc_bits=1)
    network = mho.map_network(linear, hardware)
    analogue = network.analogue(network.layers[0], LayerCodes(adc=Codes(0.2, -1, 1)))
    layer = TiledLayer(analogue)
    layer.load(torch.tensor([[[0.8]], [[0.2]]]), None, None, None)
    assert layer(torch.tensor([[1.0]])).item() == pytest.approx(0.4)  # clipped 0.2 and 0.2


def test_bits_and_slices_count_cells():
    network = mho.map_network(
        nn.Linear(10, 3, bias=False), mho.Hardware(device="ideal", mapping=BitSliced(slices=3))
    )
    assert network.layers[0].encoded.g_target_uS.shape == (6, 3, 10)
    assert census(network).cells == 6 * 30


def test_a_plan_with_everything_is_what_the_reference_computes():
    hardware = mho.Hardware(
        device=mho.load_device("falcone2025"), dac_bits=6, adc_bits=9, rows=36,
        adc_range="column", drive=BitSerial(bits_per_cycle=3), reading=ReadPerProduct(),
        mapping=BitSliced(slices=2, bits=4),
    )  # fmt: skip
    network = mho.map_network(small(bias=False), hardware).calibrate(X)
    plan = Plan(network)
    for seed in (0, 1):
        snapshot = network.program(seed).snapshot("1 d", read=2)
        plan.load(snapshot)
        with torch.inference_mode():
            expected = network.realise(snapshot)(X)
        difference = (plan(X) - expected).abs() / expected.abs().max()
        # float rounding may tip a sum over a rounding edge: one code of one wave, in few outputs
        assert difference.median() < 1e-5
        assert difference.max() < 0.05


# Read noise of products


def reading_network(model, **settings):
    hardware = mho.Hardware(device=READING, reading=ReadPerProduct(), **settings)
    return mho.map_network(model, hardware)


def test_noise_does_not_depend_on_how_the_data_are_cut():
    network = reading_network(small())
    plan = Plan(network)
    plan.load(network.program(3).snapshot(0, read=1))
    whole = plan(X)
    parts = [plan(X[a:b], first=a) for a, b in ((0, 7), (7, 33), (33, 40))]
    torch.testing.assert_close(torch.cat(parts), whole, rtol=1e-5, atol=1e-6)
    programmed = network.program(3).at(0, read=1)
    programmed.first_example = 7
    with torch.inference_mode():
        torch.testing.assert_close(programmed(X[7:33]), whole[7:33], rtol=1e-4, atol=1e-5)


def test_each_read_and_each_example_has_noise_of_its_own():
    network = reading_network(nn.Linear(6, 4))
    plan = Plan(network)
    x = torch.ones(64, 6)
    plan.load(network.program(0).snapshot(0, read=0))
    first = plan(x)
    assert len(first.unique(dim=0)) == 64
    plan.load(network.program(0).snapshot(0, read=1))
    assert not torch.equal(plan(x), first)
    plan.load(network.program(0).snapshot(0, read=0))
    assert torch.equal(plan(x), first)
    plan.load(network.program(0).snapshot(0))  # no read: no noise
    assert torch.allclose(plan(x), network.baseline(x), atol=1e-5)


def test_a_layer_used_twice_is_read_twice():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(5, 5)

        def forward(self, x):
            return self.linear(x) - self.linear(x)

    network = reading_network(Twice())
    with torch.inference_mode():
        assert network.program(0).at(0)(torch.ones(3, 5)).abs().min() > 0


@pytest.mark.parametrize("drive", [Bipolar(), TwoPhase(), BitSerial(bits_per_cycle=2)])
def test_drawing_sums_is_drawing_every_cell_at_every_read(drive):
    """Mean and covariance of the outputs against explicit reads of all cells.

    10,000 reads on either side; each of 5 means and 15 covariances within 5 standard errors: a
    false alarm below 1 in 10,000 for a new seed.
    """
    n = 10_000
    torch.manual_seed(2)
    linear = nn.Linear(12, 5, bias=False)
    network = reading_network(linear, dac_bits=6, drive=drive)
    x = torch.randn(12)
    network = network.calibrate(torch.stack([x, -x]))
    layer = network.layers[0]
    plan = Plan(network)
    plan.load(network.program(0).snapshot(0, read=0))
    found = plan(x.expand(n, 12)).double().numpy()

    dac = network.codes(layer).dac
    codes = (x / dac.step).round().clamp(dac.low, dac.high)
    waves = list(drive.waves(codes, dac, signed=True))
    rng = np.random.default_rng(0)
    g = layer.encoded.g_target_uS
    expected = np.zeros((n, 5))
    for wave in waves:
        for start in range(0, n, 1000):
            read = g + 0.05 * g * rng.standard_normal((1000, *g.shape))
            driven = (wave.values * dac.step).numpy()
            expected[start : start + 1000] += wave.weight * layer.encoded.decode(read) @ driven
    sd = expected.std(0)
    assert np.abs((found.mean(0) - expected.mean(0)) / sd).max() < 5 * (2 / n) ** 0.5
    a, b = np.cov((found / sd).T), np.cov((expected / sd).T)
    assert np.abs(np.diag(a) - np.diag(b)).max() < 5 * (4 / n) ** 0.5
    assert np.abs(a - b).max() < 5 * (4 / n) ** 0.5


# Counting


def test_what_is_clipped_is_counted():
    linear = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[1.0, 0.5]]))
    network = mho.map_network(linear, mho.Hardware(device="ideal", dac_bits=3, adc_bits=4))
    codes = LayerCodes(codes_for(3, 3.0, signed=True), codes_for(4, 3.5, signed=True))
    layer = TiledLayer(network.analogue(network.layers[0], codes))
    layer.load(network.wanted(network.layers[0]), None, None, None)
    layer.tally = Tally()
    layer(torch.tensor([[1.0, 1.0], [3.0, 4.0], [-9.0, 0.0]]))
    tally = layer.tally
    assert (tally.inputs, tally.inputs_clipped) == (6, 2)  # 4 and -9 lie beyond 3
    assert (tally.sums, tally.sums_clipped) == (3, 1)  # 4.5 lies beyond 3.5
    assert tally.largest_sum == pytest.approx(4.5 / 3.5)
    assert tally.use_of_range == pytest.approx(((1.5**2 + 4.5**2 + 3**2) / 3) ** 0.5 / 3.5)


def test_ranges_of_columns_are_those_of_the_columns():
    torch.manual_seed(0)
    x = torch.randn(50, 8)
    model = nn.Linear(8, 3, bias=False)
    hardware = mho.Hardware(device="ideal", adc_bits=8, rows=4, adc_range="column")
    network = mho.map_network(model, hardware).calibrate(x)
    found = torch.tensor(network.ranges["weight"].columns)
    weight = model.weight.detach()
    for tile in range(2):
        sums = x[:, 4 * tile : 4 * tile + 4] @ weight[:, 4 * tile : 4 * tile + 4].T
        torch.testing.assert_close(found[0, tile], sums.abs().amax(0), rtol=1e-4, atol=1e-6)


def test_a_student_has_ranges_of_its_own_from_the_same_inputs():
    network = mho.map_network(small(), mho.Hardware(device="ideal", adc_bits=8)).calibrate(X)
    doubled = {
        name: 2 * t for name, t in network.model.state_dict().items() if t.is_floating_point()
    }
    student = network.with_weights({**network.model.state_dict(), **doubled})
    assert student.calibration.inputs is X
    assert student.ranges["0"].y_max > 1.9 * network.ranges["0"].y_max
    assert network.with_hardware(mho.Hardware(device="ideal")).ranges == {}
