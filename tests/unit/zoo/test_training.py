"""Training: it learns, resumes to the same weights, and refuses what it must not use."""

from __future__ import annotations

import itertools

import pytest
import torch

from mho.data import Data
from mho.errors import BundleError, ConfigError, DataError
from mho.rng import Streams
from mho.zoo.training import Recipe, count_correct, list_recipes, load_recipe, publish, train
from mho.zoo.training.schedule import one_cycle


def bars(n=160, role="train"):
    """Images with a bright row whose place is the class: easy to learn, hard to guess."""
    streams = Streams(0, "bars", role)
    labels = torch.arange(n) % 10
    inputs = torch.from_numpy(streams.normal((n, 1, 28, 28))) * 0.3
    for i, label in enumerate(labels.tolist()):
        inputs[i, 0, 4 + 2 * label : 6 + 2 * label] += 2
    return Data(inputs, labels, name="bars", role=role)


def recipe(**changes):
    values = {
        "name": "bars", "architecture": "lenet5", "data": "bars", "tests": ["bars"], "epochs": 4,
        "batch": 16, "peak_lr": 0.05, "average": 0.8, "augmentation": "shift", "held_out": 20,
    }  # fmt: skip
    return Recipe(**values | changes)


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Killed(Exception):
    pass


def kill_after(epochs):
    def progress(figures):
        if figures["epoch"] == epochs:
            raise Killed

    return progress


def test_it_learns_what_it_never_saw():
    settings = recipe(epochs=8, augmentation="none")
    state = train(settings, bars())
    losses = [figures["loss"] for figures in state.history]
    assert losses[-1] < losses[0] / 10
    assert count_correct(state.average, bars(200, role="test")) >= 190
    assert not any(p.requires_grad for p in state.average.parameters())


def test_mixed_images_count_for_both_of_their_labels():
    mixed = train(recipe(epochs=1, cut_mix=1e-9), bars())
    plain = train(recipe(epochs=1), bars())
    assert mixed.history[0]["loss"] == pytest.approx(plain.history[0]["loss"], rel=1e-5)
    halved = train(recipe(epochs=12, augmentation="none", cut_mix=0.5), bars())
    # What is mixed keeps a loss of its own: the entropy of two labels, ln 2 for equal parts.
    assert halved.history[-1]["loss"] > 0.1
    assert count_correct(halved.average, bars(200, role="test")) >= 180


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"precision": "bfloat16"},
        {"momentum": 0.0},
        {"cut_mix": 0.5, "label_smoothing": 0.1},
        {"optimiser": "adam", "schedule": "constant", "peak_lr": 1e-3},
    ],
)
def test_an_interrupted_training_ends_with_the_same_weights(tmp_path, changes):
    settings = recipe(**changes)
    whole = train(settings, bars())
    path = tmp_path / "checkpoint.safetensors"
    for epochs in (1, 3):
        with pytest.raises(Killed):
            train(settings, bars(), path, progress=kill_after(epochs))
    resumed = train(settings, bars(), path)
    for a, b in ((whole.model, resumed.model), (whole.average, resumed.average)):
        for key, value in a.state_dict().items():
            assert torch.equal(value, b.state_dict()[key]), key
    assert [f["loss"] for f in whole.history] == [f["loss"] for f in resumed.history]
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.safetensors"]


def test_batch_norm_statistics_resume_too(tmp_path):
    settings = recipe(architecture="resnet20", augmentation="flip-crop", epochs=2, held_out=0)
    images = Data(
        torch.from_numpy(Streams(1).normal((32, 3, 16, 16))), torch.arange(32) % 10, name="noise"
    )
    whole = train(settings, images)
    with pytest.raises(Killed):
        train(settings, images, tmp_path / "c.safetensors", progress=kill_after(1))
    resumed = train(settings, images, tmp_path / "c.safetensors")
    for key, value in whole.average.state_dict().items():
        assert torch.equal(value, resumed.average.state_dict()[key]), key


def test_a_finished_training_is_not_trained_again(tmp_path):
    path = tmp_path / "c.safetensors"
    train(recipe(epochs=1), bars(), path)
    seen = []
    state = train(recipe(epochs=1), bars(), path, progress=seen.append)
    assert (seen, state.epoch) == ([], 1)


@pytest.mark.parametrize("keep", [0, 40, -50])
def test_a_truncated_checkpoint_is_refused(tmp_path, keep):
    path = tmp_path / "c.safetensors"
    train(recipe(epochs=1), bars(), path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(BundleError, match="incomplete or edited"):
        train(recipe(epochs=1), bars(), path)


def test_a_checkpoint_of_another_recipe_is_refused(tmp_path):
    path = tmp_path / "c.safetensors"
    train(recipe(epochs=1), bars(), path)
    with pytest.raises(ConfigError, match=r"another recipe \(peak_lr, seed differ\)"):
        train(recipe(epochs=1, seed=2, peak_lr=0.1), bars(), path)


def test_the_number_of_epochs_may_be_changed_on_the_way(tmp_path):
    path = tmp_path / "c.safetensors"
    with pytest.raises(Killed):
        train(recipe(epochs=9), bars(), path, progress=kill_after(2))
    settings = recipe(epochs=3)
    state = train(settings, bars(), path)
    assert (state.epoch, state.plan) == (3, [(0, 9), (2, 3)])
    # The last step is at the end of the new cycle, not in the middle of the old one.
    assert state.optimizer.param_groups[0]["lr"] == one_cycle(26, 27, 9, 0.05) < 0.001
    test = bars(50, role="test")
    assert publish(settings, state, bars(), [test], tmp_path).plan == ((0, 9), (2, 3))
    with pytest.raises(ConfigError, match="3 epochs behind it, the recipe asks for 2"):
        train(recipe(epochs=2), bars(), path)


def test_test_data_are_refused():
    with pytest.raises(DataError, match="expects train data"):
        train(recipe(), bars(role="test"))


def test_no_average_is_the_last_weights():
    state = train(recipe(average=0.0, epochs=1), bars())
    for key, value in state.model.state_dict().items():
        torch.testing.assert_close(state.average.state_dict()[key], value, rtol=1e-6, atol=1e-7)


def test_published_weights_come_with_their_measured_accuracy(tmp_path):
    settings = recipe(epochs=8, stored="float16", augmentation="none")
    data, test = bars(), bars(100, role="test")
    card = publish(settings, train(settings, data), data, [test], tmp_path)
    from mho import zoo

    assert zoo.card(tmp_path / "bars.json") == card
    assert count_correct(zoo.load(tmp_path / "bars.json"), test) == card.test[0].correct
    assert (card.training.images, card.training.digest) == (140, data.digest)
    assert (card.stored, card.epochs, card.seed) == ("float16", 8, 0)
    assert Recipe(**card.recipe) == settings
    with pytest.raises(DataError, match="expects test data"):
        publish(settings, train(recipe(epochs=1), data), data, [data], tmp_path)


def test_the_cycle_rises_to_its_peak_and_ends_at_zero():
    rates = [one_cycle(s, 100, 20, 0.3) for s in range(100)]
    assert max(rates) == rates[19] == 0.3
    assert rates[0] == pytest.approx(0.3 / 20)
    assert rates[60] == pytest.approx(0.15)
    assert 0 < rates[-1] < 0.001
    assert all(a >= b for a, b in itertools.pairwise(rates[19:]))
    assert one_cycle(0, 10, 0, 0.3) == 0.3


@pytest.mark.parametrize("name", list_recipes())
def test_shipped_recipes_are_named_as_their_files(name):
    assert load_recipe(name).name == name


def test_recipes_refuse_typos(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text('name = "x"\nepoch = 3')
    with pytest.raises(ConfigError, match="Did you mean 'epochs'"):
        load_recipe(path)
    path.write_text("name = ")
    with pytest.raises(ConfigError, match="cannot be read as TOML"):
        load_recipe(path)
    with pytest.raises(ConfigError, match="Did you mean 'resnet20'"):
        load_recipe("resnet-20")
