"""Every kind of layer: found, counted, and equal to the digital one on an ideal device."""

import copy

import pytest
import torch
from torch import nn

import mho
from mho.crossbar.reading import ReadPerProduct
from mho.device.read_noise import RelativeReadNoise
from mho.network.call import call_with
from mho.network.plan import Plan

IDEAL = mho.Hardware(device="ideal")
NOISY = mho.Hardware(device="charan2020")


class Attention(nn.Module):
    def __init__(self, **sizes):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True, **sizes)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        keys = x[..., :6] if self.attention.kdim == 6 else x
        return self.head(self.attention(x, keys, keys, need_weights=False)[0].mean(1))


class Recurrent(nn.Module):
    def __init__(self, kind, **options):
        super().__init__()
        self.rnn = kind(8, 5, batch_first=True, **options)
        self.head = nn.Linear(5 * (2 if self.rnn.bidirectional else 1), 3)

    def forward(self, x):
        return self.head(self.rnn(x)[0].mean(1))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.layers(x).mean(1))


class Tied(nn.Module):
    """An embedding and an output layer with one weight, and one layer called twice."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, 8)
        self.twice = nn.Linear(8, 8)
        self.out = nn.Linear(8, 11, bias=False)
        self.out.weight = self.embedding.weight

    def forward(self, x):
        return self.out(self.twice(self.twice(self.embedding(x))).mean(1))


def upsampling():
    return nn.Sequential(
        nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, groups=2),
        nn.ReLU(),
        nn.ConvTranspose2d(6, 2, 2),
        nn.Flatten(),
    )


TOKENS = torch.randn(3, 7, 8, generator=torch.Generator().manual_seed(0))
MODELS = {
    "attention": (Attention, TOKENS, 7 * 8 * 24 + 7 * 64 + 24),
    "attention, own sizes": (lambda: Attention(kdim=6, vdim=6), TOKENS, None),
    "lstm": (lambda: Recurrent(nn.LSTM), TOKENS, 7 * 20 * (8 + 5) + 15),
    "gru, two ways, two layers": (
        lambda: Recurrent(nn.GRU, bidirectional=True, num_layers=2), TOKENS, None,
    ),
    "encoder": (Encoder, TOKENS, 2 * 7 * (8 * 24 + 64 + 2 * 128) + 24),
    "shared weights": (Tied, torch.arange(10).view(2, 5), 2 * 5 * 64 + 88),
    "transposed": (upsampling, torch.randn(2, 4, 4, 4), 4 * 3 * 9 * 16 + 6 * 2 * 4 * 49),
}  # fmt: skip


def made(kind):
    torch.manual_seed(0)
    make, x, macs = MODELS[kind]
    return make().eval(), x, macs


@pytest.mark.parametrize("kind", MODELS)
def test_an_ideal_device_gives_the_digital_network(kind):
    model, x, _ = made(kind)
    with torch.inference_mode():
        expected = copy.deepcopy(model)(x)
    network = mho.map_network(model, IDEAL)
    torch.testing.assert_close(network.program(0).at(0)(x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", MODELS)
def test_every_matrix_is_on_a_crossbar_and_its_noise_reaches_the_output(kind):
    model, x, macs = made(kind)
    network = mho.map_network(model, NOISY, example=x, strict=kind != "shared weights")
    assert all(p.ndim < 2 or r.where == "crossbar" or "embedding" in r.layer
               for r in network.coverage.rows
               for n, p in model.named_parameters() if n == r.layer)  # fmt: skip
    if macs is not None:
        assert sum(layer.macs for layer in network.layers) == macs
    snapshot = network.program(0).snapshot(0)
    clean = network.baseline(x)
    state = network.model.state_dict()
    for layer in network.layers:
        one = {n: state[m.parameter] for m in network.layers for n in [m.name]}
        one[layer.name] = snapshot.crossbar[layer.name]
        noisy = network.realise(type(snapshot)(0.0, crossbar=one))(x)
        assert (noisy - clean).abs().max() > 1e-4, f"{layer.name} has no effect"


@pytest.mark.parametrize("kind", MODELS)
def test_the_fast_forward_and_the_functional_call_agree_with_the_reference(kind):
    model, x, _ = made(kind)
    network = mho.map_network(model, NOISY)
    plan = Plan(network)
    for seed in (1, 2):
        snapshot = network.program(seed).snapshot(0)
        expected = network.realise(snapshot)(x)
        plan.load(snapshot)
        torch.testing.assert_close(plan(x), expected, rtol=1e-4, atol=1e-5)
        with torch.no_grad():
            called = call_with(network.model, network.tensors(snapshot), x)
        torch.testing.assert_close(called, expected, rtol=1e-4, atol=1e-5)


def test_a_shared_weight_lies_on_its_own_crossbar():
    model, _x, _ = made("shared weights")
    network = mho.map_network(model, NOISY)
    chip = network.program(0).at(0).model
    assert torch.equal(chip.embedding.weight, model.embedding.weight)
    assert not torch.equal(chip.out.weight, model.out.weight)


def test_column_scales_follow_the_outputs_of_a_transposed_layer():
    hardware = mho.Hardware(device="ideal", mapping=mho.DifferentialPair(scale="column"))
    network = mho.map_network(upsampling(), hardware)
    assert network.layers[0].encoded.scale.shape == (1, 3, 1, 1)


transformers = pytest.importorskip("transformers", reason="mho[text] is not installed")


def tiny(name):
    """Build a small model of the transformers library from its configuration: no download."""
    torch.manual_seed(0)
    t = transformers
    image = torch.randn(2, 3, 32, 32)
    words = torch.arange(20).view(2, 10)
    small = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    models = {
        "ResNet": (t.ResNetForImageClassification, t.ResNetConfig(
            embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic"), image),
        "MobileNetV2": (t.MobileNetV2ForImageClassification, t.MobileNetV2Config(
            image_size=32, depth_multiplier=0.25), image),
        "EfficientNet": (t.EfficientNetForImageClassification, t.EfficientNetConfig(
            image_size=32, width_coefficient=0.25, depth_coefficient=0.25, hidden_dim=320), image),
        "ConvNeXt": (t.ConvNextForImageClassification, t.ConvNextConfig(
            hidden_sizes=[8, 16], depths=[1, 1], num_stages=2), image),
        "ViT": (t.ViTForImageClassification, t.ViTConfig(
            image_size=32, patch_size=8, intermediate_size=32, **small), image),
        "Swin": (t.SwinForImageClassification, t.SwinConfig(
            image_size=32, patch_size=4, embed_dim=8, depths=[1, 1], num_heads=[1, 2],
            window_size=4), image),
        "BERT": (t.BertForSequenceClassification, t.BertConfig(
            vocab_size=40, intermediate_size=32, **small), {"input_ids": words}),
        "GPT-2": (t.GPT2ForSequenceClassification, t.GPT2Config(
            vocab_size=40, n_embd=16, n_layer=2, n_head=2, pad_token_id=0), {"input_ids": words}),
    }  # fmt: skip
    make, config, inputs = models[name]
    model = make(config).eval()
    for parameter in model.parameters():
        if parameter.ndim >= 2:  # the library's own start is so small that signals die out
            nn.init.kaiming_normal_(parameter)
    if name in ("MobileNetV2", "EfficientNet"):  # many layers deep: batch norm keeps signals alive
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 1.0
        with torch.no_grad():
            model.train()(torch.randn(32, 3, 32, 32))
    return model.eval(), inputs


NAMES = ["ResNet", "MobileNetV2", "EfficientNet", "ConvNeXt", "ViT", "Swin", "BERT", "GPT-2"]


@pytest.mark.parametrize("name", NAMES)
def test_models_of_the_transformers_library(name):
    model, inputs = tiny(name)
    network = mho.map_network(model, NOISY, example=inputs)
    on_crossbars = {layer.parameter for layer in network.layers}
    digital = {n for n, p in model.named_parameters() if p.ndim >= 2} - on_crossbars
    look_ups = ("embed", "token", "table", "wte", "wpe")
    assert all(any(word in name for word in look_ups) for name in digital), digital
    assert network.coverage.share_macs == 1.0

    ideal = network.with_hardware(IDEAL)
    expected = network.baseline(inputs)
    with torch.inference_mode():
        output = ideal.program(0).at(0)
        got = (output(**inputs) if isinstance(inputs, dict) else output(inputs)).logits
    largest = expected.abs().max()
    assert (got - expected).abs().max() < 1e-3 * largest
    plan = Plan(network)
    plan.load(network.program(1).snapshot(0))
    assert (plan(inputs) - expected).abs().max() > 1e-2 * largest


@pytest.mark.parametrize("name", NAMES)
def test_models_of_the_transformers_library_on_tiles(name):
    """With noise by product layers are computed tile by tile; without a read there is no noise."""
    model, inputs = tiny(name)
    device = mho.load_device("ideal").replace(read_noise=RelativeReadNoise(fraction=0.02))
    hardware = mho.Hardware(device=device, reading=ReadPerProduct(), rows=64)
    network = mho.map_network(model, hardware)
    plan = Plan(network)
    plan.load(network.program(0).snapshot(0))
    expected = network.baseline(inputs)
    largest = expected.abs().max()
    assert (plan(inputs) - expected).abs().max() < 1e-3 * largest
    plan.load(network.program(0).snapshot(0, read=0))
    assert (plan(inputs) - expected).abs().max() > 1e-3 * largest


def test_shared_weights_and_modules_called_twice_on_tiles():
    model, x, _ = made("shared weights")
    device = mho.load_device("ideal").replace(read_noise=RelativeReadNoise(fraction=0.02))
    hardware = mho.Hardware(device=device, reading=ReadPerProduct(), rows=5)
    network = mho.map_network(model, hardware)
    snapshot = network.program(0).snapshot(0)
    doubled = {**snapshot.crossbar, "out": 2 * snapshot.crossbar["out"]}  # not the embedding
    plan = Plan(network)
    for crossbar, factor in ((doubled, 2), (snapshot.crossbar, 1)):
        plan.load(type(snapshot)(0.0, crossbar=crossbar))
        torch.testing.assert_close(plan(x), factor * network.baseline(x), rtol=1e-5, atol=1e-6)
