"""Networks of text: a small BERT, from its source's weights to ten years of compensated drift."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import nn

import mho
from mho import zoo
from mho.data import Data
from mho.deploy.bundle import _built
from mho.errors import BundleError, ConfigError, DataError, MissingDependencyError
from mho.rng import Streams
from mho.zoo.training import Recipe, count_correct, load_recipe, train, train_and_publish
from mho.zoo.training.sentences import by_length, without_padding

transformers = pytest.importorskip("transformers", reason="mho[text] is not installed")

TOKENS, LAYERS = 8, 2


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Folder of a small BERT with random weights and no classifier, as a hub id would give it."""
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=40, hidden_size=16, num_hidden_layers=LAYERS, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=TOKENS,
    )  # fmt: skip
    model = transformers.BertModel(config)
    for parameter in model.parameters():
        if parameter.ndim > 1:  # the library's own start is so small that signals die out
            nn.init.normal_(parameter, std=0.25)
    folder = tmp_path_factory.mktemp("bert")
    model.save_pretrained(folder)
    return str(folder)


def sentences(n=120, role="train"):
    """Words of one class among others, padded at the end: easy to learn, hard to guess."""
    draw = Streams(0, "sentences", role)
    labels = torch.arange(n) % 3
    lengths = 3 + torch.arange(n) % (TOKENS - 2)
    words = torch.from_numpy(draw.uniform((n, TOKENS)) * 10).long() + 20
    words[:, 0] = 1
    words[torch.arange(n), 1 + lengths % 2] = 5 + labels
    mask = (torch.arange(TOKENS) < lengths[:, None]).long()
    return Data(
        {"input_ids": words * mask, "attention_mask": mask}, labels, name="words", role=role
    )


def recipe(source, **changes):
    values = {
        "name": "words", "architecture": "transformer", "options": {"source": source, "classes": 3},
        "frozen": ("bert.embeddings",), "data": "words", "tests": ("words",), "epochs": 3,
        "batch": 16, "optimiser": "adam", "peak_lr": 3e-3, "weight_decay": 0.0, "average": 0.5,
    }  # fmt: skip
    return Recipe(**values | changes)


def test_it_starts_from_the_weights_of_its_source(source):
    model = zoo.build("transformer", seed=3, source=source, classes=3)
    kept = transformers.BertModel.from_pretrained(source).state_dict()
    for name, value in model.bert.state_dict().items():
        assert torch.equal(value, kept[name]), name
    # What the source lacks comes from the seed, whatever torch's own generator says.
    torch.manual_seed(9)
    again = zoo.build("transformer", seed=3, source=source, classes=3)
    other = zoo.build("transformer", seed=4, source=source, classes=3)
    assert torch.equal(model.classifier.weight, again.classifier.weight)
    assert not torch.equal(model.classifier.weight, other.classifier.weight)
    assert 0.01 < float(model.classifier.weight.detach().std()) < 0.03  # 0.02; 48 numbers
    assert not model.classifier.bias.detach().any()
    with pytest.raises(ConfigError, match="leave out initial_sd"):
        zoo.build("transformer", source=source, initial_sd=0.1)


class Killed(Exception):
    pass


def test_an_interrupted_fine_tuning_ends_with_the_same_weights(source, tmp_path):
    """Dropout is on: its draws must depend on the step alone."""

    def kill(figures):
        if figures["epoch"] == 2:
            raise Killed

    settings = recipe(source)
    whole = train(settings, sentences())
    with pytest.raises(Killed):
        train(settings, sentences(), tmp_path / "c.safetensors", progress=kill)
    torch.manual_seed(99)
    resumed = train(settings, sentences(), tmp_path / "c.safetensors")
    for name, value in whole.average.state_dict().items():
        assert torch.equal(value, resumed.average.state_dict()[name]), name
    start = zoo.build("transformer", source=source, classes=3).bert.embeddings.state_dict()
    for name, value in whole.model.bert.embeddings.state_dict().items():
        assert torch.equal(value, start[name]), name


@pytest.fixture(scope="module")
def tuned(source):
    return train(recipe(source, epochs=12), sentences()).average


def test_it_learns_what_it_never_saw(tuned):
    assert count_correct(tuned, sentences(60, role="test")) >= 50  # 20 by chance


def test_training_refuses_what_makes_no_sense(source):
    with pytest.raises(ConfigError, match=r"frozen: .*Did you mean 'bert.embeddings'"):
        train(recipe(source, frozen=("bert.embedings",)), sentences())
    with pytest.raises(DataError, match="is for images"):
        train(recipe(source, augmentation="shift"), sentences())
    with pytest.raises(DataError, match=r"cut_mix = 0\.5 is for images"):
        train(recipe(source, cut_mix=0.5), sentences())


def test_padding_is_cut_and_changes_no_logit(tuned):
    part = sentences().subset([0, 6, 12])  # of the shortest length
    cut = without_padding(part.inputs)
    assert cut["input_ids"].shape == (3, 3)
    with torch.no_grad():
        torch.testing.assert_close(tuned(**cut).logits, tuned(**part.inputs).logits)


def test_batches_hold_sentences_of_like_length():
    data = sentences(120)
    order = by_length(
        torch.randperm(120, generator=torch.Generator().manual_seed(0)), data.inputs, 10
    )
    assert sorted(order.tolist()) == list(range(120))
    lengths = data.inputs["attention_mask"].sum(1)
    spans = [int(lengths[part].max() - lengths[part].min()) for part in torch.split(order, 10)]
    assert max(spans) <= 1
    means = [float(lengths[part].float().mean()) for part in torch.split(order, 10)]
    assert means != sorted(means)  # batches stay mixed


def on_crossbars(tuned, noise=True, **drift):
    device, ideal = mho.load_device("falcone2025"), mho.load_device("ideal")
    device = device.replace(drift=device.drift.model_copy(update=drift))
    if not noise:
        device = device.replace(programming=ideal.programming, read_noise=ideal.read_noise)
    hardware = mho.Hardware(device=device, mapping=mho.SingleDevice())
    example, _ = next(sentences(4).batches(1))
    return mho.map_network(tuned, hardware, example=example)


def test_every_linear_layer_lies_on_crossbars(tuned):
    """Queries, keys and values included: 6 matrices a layer, the pooler and the classifier."""
    network = on_crossbars(tuned)
    linear = [name for name, m in tuned.named_modules() if isinstance(m, nn.Linear)]
    assert [layer.name for layer in network.layers] == linear
    assert len(linear) == 6 * LAYERS + 2
    parts = [f"bert.encoder.layer.0.attention.self.{part}" for part in ("query", "key", "value")]
    assert set(parts) < set(linear)
    # The pooler and the classifier see the first token alone, all others each token.
    assert [layer.positions for layer in network.layers] == [TOKENS] * 6 * LAYERS + [1, 1]


def test_a_common_shift_of_all_cells_is_taken_back_exactly(tuned):
    """Without spread the window sum with the card's coefficients undoes what drift does.

    One set is exact in the middle of the life in ln t, two are exact at any time.
    """
    shifting = {"mean_slope_uS": -0.3, "sd_slope_uS": 0.0, "sd_intercept_uS": 0.0}
    network = on_crossbars(tuned, noise=False, **shifting)
    lasting = mho.recover.VeraPlus(steps=0, bits=None, testing_chips=2, grid_per_decade=1).fit(
        network, sentences()
    )
    part = sentences(30, role="test").inputs

    def logits(of, time):
        with torch.no_grad():
            return mho.program(of, 0).at(time)(**part).logits

    fresh = logits(network, "1 s")
    middle = mho.units.seconds("10 y") ** 0.5
    away = (logits(network, middle) - fresh).abs().max()
    left = (logits(lasting, middle) - fresh).abs().max()
    assert float(away) > 0.03
    assert float(left) < 0.01 * float(away)


def test_drift_is_compensated_and_evaluated(tuned):
    network = on_crossbars(tuned, mean_slope_uS=-0.3)
    lasting = mho.recover.VeraPlus(
        rank=2, steps=3, batch=16, testing_chips=2, grid_per_decade=1, max_sets=2, held_out=0.4
    ).fit(network, sentences())
    found = mho.evaluate(lasting, sentences(60, role="test"), ["10 y"], chips=2, progress=False)
    assert found.at("10 y").mean > 0.6  # a third by chance
    layers = lasting.applied[-1].attachment.settings()["layers"]
    assert len(layers) == 6 * LAYERS + 2


def test_a_bundle_never_chooses_the_files_a_network_is_made_from(tuned, tmp_path):
    network = mho.map_network(tuned, mho.Hardware(device="ideal"))
    folder = mho.save_bundle(network, tmp_path / "bundle")
    assert mho.load_bundle(folder, model=tuned).network.digest == network.digest
    with pytest.raises(BundleError, match="hand its architecture over"):
        mho.load_bundle(folder)
    with pytest.raises(BundleError, match="made from other files"):
        _built("transformer", {"source": "some/model"}, {}, folder)


def test_a_trained_network_is_found_by_the_name_of_its_recipe(source, tmp_path, monkeypatch):
    monkeypatch.setenv("MHO_NETWORKS", str(tmp_path))
    with pytest.raises(ConfigError, match="Train it, .*: mho train minilm-sst5"):
        zoo.load("minilm-sst5")
    publishing = sys.modules["mho.zoo.training.publish"]
    monkeypatch.setattr(
        publishing, "load_data", lambda name, split, columns, tokens: sentences(60, role=split)
    )
    settings = recipe(source, name="minilm-sst5", epochs=1, stored="float16")
    card, history = train_and_publish(settings, zoo.home_of("minilm-sst5"))
    assert (len(history), card.stored, card.test[0].images) == (1, "float16", 60)
    assert zoo.card("minilm-sst5") == card
    model = zoo.load("minilm-sst5")
    assert count_correct(model, sentences(60, role="test")) == card.test[0].correct
    assert load_recipe("minilm-sst5").architecture == "transformer"


def test_what_is_missing_is_said(monkeypatch, tmp_path):
    with pytest.raises(ConfigError, match="no network of text could be made"):
        zoo.build("transformer", source=str(tmp_path))
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'mho\[text\]'"):
        zoo.build("transformer", source=str(tmp_path))
