"""Attention, recurrent layers and transposed convolutions with real periphery.

Where reads are noisy by product, layers are computed tile by tile. Without a read there is then
neither noise nor rounding, so that what is around the products must equal torch's own modules.
"""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

import mho
from mho.crossbar.reading import ReadPerProduct
from mho.crossbar.sliced import BitSliced
from mho.device.read_noise import RelativeReadNoise
from mho.network.composite import TiledAttention, TiledOverlap, TiledRecurrent
from mho.network.plan import Plan

READING = mho.load_device("ideal").replace(read_noise=RelativeReadNoise(fraction=0.05))
TOKENS = torch.randn(3, 7, 8, generator=torch.Generator().manual_seed(0))


class Attention(nn.Module):
    """Attention called with some arguments; returns output and, if asked, attention weights."""

    def __init__(self, call=None, **sizes):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, **{"batch_first": True, **sizes})
        self.call = call or {}

    def forward(self, x):
        keys = x[..., :6] if self.attention.kdim == 6 else x
        values = x[..., :4] if self.attention.vdim == 4 else keys
        if self.call.get("cross"):
            keys = values = x.flip(1)[:, :5]
        call = {key: value for key, value in self.call.items() if key != "cross"}
        output, weights = self.attention(x, keys, values, **call)
        return output if weights is None else torch.cat([output.flatten(), weights.flatten()])


class Recurrent(nn.Module):
    """A recurrent layer with or without a first state; returns outputs and last states."""

    def __init__(self, kind, first=False, **options):
        super().__init__()
        self.rnn = kind(8, 5, **{"batch_first": True, **options})
        self.first = first

    def forward(self, x):
        states = None
        if self.first:
            ways = 2 if self.rnn.bidirectional else 1
            h = torch.linspace(-1, 1, self.rnn.num_layers * ways * 3 * 5).view(-1, 3, 5)
            states = (h, h / 2) if self.rnn.mode == "LSTM" else h
        output, last = self.rnn(x, states)
        last = last if isinstance(last, tuple) else (last,)
        return torch.cat([output.flatten(), *(state.flatten() for state in last)])


class Encoder(nn.Module):
    """A stack that would use fused kernels, with masked tokens."""

    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2)

    def forward(self, x):
        masked = torch.zeros(x.shape[:2], dtype=torch.bool)
        masked[:, 5:] = True
        return self.layers(x, src_key_padding_mask=masked)[:, :5]


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerDecoderLayer(8, 2, dim_feedforward=16, batch_first=True)

    def forward(self, x):
        return self.layer(x[:, :4], x)


CAUSAL = nn.Transformer.generate_square_subsequent_mask(7)
PADDED = torch.arange(7).expand(3, 7) > torch.tensor([[6], [4], [2]])
IMAGES = torch.randn(3, 4, 5, 5, generator=torch.Generator().manual_seed(1))
MODELS = {
    "self-attention": (lambda: Attention(), TOKENS),
    "no weights asked": (lambda: Attention({"need_weights": False}), TOKENS),
    "weights by head": (lambda: Attention({"average_attn_weights": False}), TOKENS),
    "causal": (lambda: Attention({"attn_mask": CAUSAL, "is_causal": True}), TOKENS),
    "padding": (lambda: Attention({"key_padding_mask": PADDED}), TOKENS),
    "cross attention": (lambda: Attention({"cross": True}), TOKENS),
    "own sizes of keys and values": (lambda: Attention(kdim=6, vdim=4), TOKENS),
    "no biases": (lambda: Attention(bias=False), TOKENS),
    "added keys": (lambda: Attention(add_bias_kv=True, add_zero_attn=True), TOKENS),
    "tokens first": (lambda: Attention(batch_first=False), TOKENS),
    "encoder": (Encoder, TOKENS),
    "decoder": (Decoder, TOKENS),
    "lstm": (lambda: Recurrent(nn.LSTM), TOKENS),
    "lstm, first state, two ways": (
        lambda: Recurrent(nn.LSTM, first=True, bidirectional=True, num_layers=2), TOKENS),
    "lstm, projected": (lambda: Recurrent(nn.LSTM, proj_size=3, num_layers=2), TOKENS),
    "lstm, steps first": (
        lambda: Recurrent(nn.LSTM, batch_first=False, bias=False), TOKENS.transpose(0, 1)),
    "gru": (lambda: Recurrent(nn.GRU, first=True), TOKENS),
    "gru, two ways, two layers": (
        lambda: Recurrent(nn.GRU, bidirectional=True, num_layers=2), TOKENS),
    "rnn": (lambda: Recurrent(nn.RNN), TOKENS),
    "rnn, relu": (lambda: Recurrent(nn.RNN, nonlinearity="relu"), TOKENS),
    "transposed 1d": (lambda: nn.ConvTranspose1d(8, 3, 4, stride=3), TOKENS.transpose(1, 2)),
    "transposed 2d": (
        lambda: nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2),
        IMAGES),
    "transposed 2d, dilated": (lambda: nn.ConvTranspose2d(4, 2, 2, dilation=2, bias=False), IMAGES),
    "transposed 3d": (lambda: nn.ConvTranspose3d(2, 3, 2), torch.randn(2, 2, 3, 3, 3)),
}  # fmt: skip


def made(kind):
    torch.manual_seed(0)
    make, x = MODELS[kind]
    model = make().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "bias" in name:
                parameter.normal_()  # torch starts some biases at 0, which would hide them
    return model, x


def relative(found, expected):
    return float((found - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("kind", MODELS)
def test_what_is_around_the_products_is_what_torch_does(kind):
    model, x = made(kind)
    hardware = mho.Hardware(device=READING, reading=ReadPerProduct(), rows=5)
    network = mho.map_network(model, hardware)
    with torch.inference_mode():
        found = network.realise(network.program(0).snapshot(0))(x)
    assert relative(found, network.baseline(x)) < 2e-6


FULL = ["self-attention", "cross attention", "own sizes of keys and values", "encoder", "lstm",
        "gru, two ways, two layers", "transposed 1d", "transposed 2d"]  # fmt: skip


class Flat(nn.Module):
    """One row an example, so that a plan can cut batches."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        model = self.model
        if isinstance(model, Attention):
            return model(x) if model.call.get("need_weights") is False else self.attended(x)
        if isinstance(model, Recurrent):
            return model.rnn(x)[0].flatten(1)
        return model(x).flatten(1)

    def attended(self, x):
        attention = self.model.attention
        keys = x[..., :6] if attention.kdim == 6 else x
        values = x[..., :4] if attention.vdim == 4 else keys
        if self.model.call.get("cross"):
            keys = values = x.flip(1)[:, :5]
        return attention(x, keys, values)[0].flatten(1)


@pytest.mark.parametrize("kind", FULL)
def test_the_fast_form_with_noise_of_reads_is_the_reference(kind):
    model, x = made(kind)
    hardware = mho.Hardware(device=READING, reading=ReadPerProduct(), rows=5)
    network = mho.map_network(Flat(model), hardware)
    plan = Plan(network)
    for seed in (0, 1):
        snapshot = network.program(seed).snapshot(0, read=1)
        plan.load(snapshot)
        with torch.inference_mode():
            expected = network.realise(snapshot)(x)
        assert relative(plan(x), expected) < 1e-5
        assert relative(plan(x), network.baseline(x)) > 1e-3


@pytest.mark.parametrize("kind", FULL)
@pytest.mark.parametrize("slices", [1, 3])
def test_enough_bits_on_an_ideal_device_are_the_digital_network(kind, slices):
    model, x = made(kind)
    mapping = mho.DifferentialPair() if slices == 1 else BitSliced(slices=slices, bits=5)
    hardware = mho.Hardware(
        device="ideal", dac_bits=14, adc_bits=16, rows=5, adc_range="column", mapping=mapping
    )
    network = mho.map_network(Flat(model), hardware).calibrate(x)
    plan = Plan(network)
    plan.load(network.program(0).snapshot(0))
    assert relative(plan(x), network.baseline(x)) < 4e-3
    assert len(network.ranges) == len(network.layers)


def test_branches_and_gains_go_into_the_products_layout():
    """One per output along the second axis of a transposed convolution, in front of the bias."""
    model, x = made("transposed 2d")
    hardware = mho.Hardware(device=READING, reading=ReadPerProduct())
    network = mho.map_network(model, hardware)
    name = network.layers[0].name
    gain = torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1, 1)
    branch = torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(2))
    snapshot = network.program(0).snapshot(0)
    snapshot = snapshot.set_gain({name: gain}).add_digital({name: branch})
    with torch.no_grad():
        expected = torch.func.functional_call(model, {"weight": snapshot.weight(name)}, (x,))
    plan = Plan(network)
    plan.load(snapshot)
    assert relative(plan(x), expected) < 1e-5
    with torch.inference_mode():
        assert relative(network.realise(snapshot)(x), expected) < 1e-5


def test_biases_of_a_chip_reach_the_modules_around():
    model, x = made("lstm")
    network = mho.map_network(Flat(model), mho.Hardware(device=READING, reading=ReadPerProduct()))
    plain = network.program(0).snapshot(0)
    other = plain.set_parameters({"model.rnn.bias_hh_l0": torch.linspace(-2, 2, 20)})
    plan = Plan(network)
    for snapshot in (other, plain):
        plan.load(snapshot)
        with torch.inference_mode():
            assert relative(plan(x), network.realise(snapshot)(x)) < 1e-5
    assert relative(network.baseline(x), plan(x)) < 1e-5


@pytest.mark.parametrize("kind", ["encoder", "lstm, projected", "own sizes of keys and values"])
def test_one_product_alone_may_be_on_tiles(kind):
    model, x = made(kind)
    hardware = mho.Hardware(device=READING, reading=ReadPerProduct(), rows=5)
    network = mho.map_network(model, hardware)
    expected = network.baseline(x)
    for layer in network.layers:
        alone = replace(network, layers=(layer,))
        with torch.inference_mode():
            clean = alone.realise(network.program(0).snapshot(0))(x)
            noisy = alone.realise(network.program(0).snapshot(0, read=0))(x)
        assert relative(clean, expected) < 2e-6
        assert relative(noisy, expected) > 1e-4, f"{layer.name} has no effect"


def test_packed_sequences_are_refused():
    network = mho.map_network(
        nn.GRU(8, 5, batch_first=True), mho.Hardware(device=READING, reading=ReadPerProduct())
    )
    packed = pack_padded_sequence(TOKENS, torch.tensor([7, 5, 3]), batch_first=True)
    with pytest.raises(mho.MhoError, match="pad_packed_sequence"):
        network.program(0).at(0)(packed)


@pytest.mark.parametrize(
    "parent", [nn.MultiheadAttention, nn.GRU, nn.ConvTranspose2d], ids=lambda c: c.__name__
)
def test_a_module_with_its_own_forward_is_refused_by_name(parent):
    class Own(parent):
        def forward(self, *args):
            return super().forward(*args)

    made = {nn.ConvTranspose2d: (2, 3, 2), nn.GRU: (8, 5), nn.MultiheadAttention: (8, 2)}
    model = nn.Sequential(Own(*made[parent]), nn.Linear(8, 8))
    network = mho.map_network(model, mho.Hardware(device="ideal", adc_bits=8))
    with pytest.raises(mho.MhoError, match=r"forward pass of its own.*digital=\['0'\]"):
        network.calibrate(TOKENS)


def test_forms_are_put_where_they_belong():
    kinds = {"encoder": TiledAttention, "lstm": TiledRecurrent, "transposed 2d": TiledOverlap}
    for kind, expected in kinds.items():
        model, _x = made(kind)
        network = mho.map_network(model, mho.Hardware(device=READING, reading=ReadPerProduct()))
        realised = network.program(0).at(0)
        assert any(isinstance(m, expected) for m in realised.modules())
        assert not any(type(m) in (nn.Linear, nn.LSTM, nn.ConvTranspose2d, nn.MultiheadAttention)
                       for m in realised.modules())  # fmt: skip
