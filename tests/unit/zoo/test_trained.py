"""Trained weights: the cards tell the truth, and edited files are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from mho import data, reproduce, zoo
from mho.errors import BundleError, ConfigError
from mho.recover.registry import by_name
from mho.study.spec import read_study
from mho.zoo.trained import SHIPPED
from mho.zoo.training import Recipe, count_correct, load_recipe


@pytest.fixture
def card():
    return zoo.card("lenet5-mnist5k")


@pytest.fixture
def copy(tmp_path, card):
    """A copy of shipped weights that a test may damage."""
    zoo.save(zoo.load("lenet5-mnist5k"), tmp_path / "copy.json", card)
    return tmp_path / "copy.json"


def test_the_teacher_of_the_demo_is_as_accurate_as_its_card_says(card):
    test = data.load("mnist-5k", "test")
    (claimed,) = card.test
    assert claimed.images == len(test)
    assert count_correct(zoo.load("lenet5-mnist5k"), test) == claimed.correct
    assert claimed.accuracy >= 0.976
    assert card.training.digest == data.load("mnist-5k", "train").digest


@pytest.mark.parametrize("name", zoo.list_networks())
def test_every_shipped_network_fits_its_card(name):
    card = zoo.card(name)
    model = zoo.load(name)
    assert not model.training
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert sum(p.numel() for p in model.parameters()) == card.parameters
    assert card.name == name
    assert card.test


STUDENTS = {
    path.stem: path
    for path in (Path(reproduce.__file__).parent).glob("*/students/*.toml")
    if path.stem in zoo.list_networks()
}
"""Studies that distilled shipped networks, by name."""


@pytest.mark.parametrize("name", sorted({*zoo.list_networks()} - {*STUDENTS}))
def test_every_shipped_network_has_the_recipe_it_was_trained_by(name):
    assert load_recipe(name) == Recipe.parse(zoo.card(name).recipe, where=f"card of {name}")


@pytest.mark.parametrize("name", sorted(STUDENTS))
def test_every_shipped_student_has_the_study_that_distilled_it(name):
    study, recipe = read_study(STUDENTS[name]).study, dict(zoo.card(name).recipe)
    [step] = study.recover
    assert recipe.pop("method") == step.method
    assert recipe.pop("hardware") == study.hardware.model_dump(mode="json")
    teacher = step.settings.get("teacher", study.network.name)
    assert recipe["teacher"] == teacher
    if "teacher" not in step.settings:
        del recipe["teacher"]
    elif step.method == "distill":
        assert recipe.pop("teacher_sha256") == zoo.card(teacher).sha256
    method = by_name(step.method)
    assert method.parse(recipe, where="its card") == method.parse(step.settings, where=name)
    assert zoo.card(name).training.name == study.data.name


@pytest.mark.parametrize("name", [n for n in zoo.list_networks() if n != "lenet5-mnist5k"])
def test_accuracy_on_the_first_images_agrees_with_the_card(name, data_root):
    claimed = zoo.card(name).test[0]
    sample = data.load(claimed.data, "test", data_root).take(500, seed=0)
    correct = count_correct(zoo.load(name), sample)
    # Hypergeometric: the card's share within four standard errors, wrong once in 15,000 samples.
    p = claimed.accuracy
    assert abs(correct / 500 - p) <= 4 * (p * (1 - p) / 500) ** 0.5


def test_all_shipped_files_together_are_small():
    assert sum(f.stat().st_size for f in SHIPPED.iterdir()) < 15e6


def test_no_pickle_is_shipped():
    assert {f.suffix for f in SHIPPED.iterdir()} == {".json", ".safetensors"}


def test_round_trip_is_exact(copy, card):
    for a, b in zip(
        zoo.load(copy).state_dict().values(),
        zoo.load("lenet5-mnist5k").state_dict().values(),
        strict=True,
    ):
        assert torch.equal(a, b)
    assert zoo.card(copy).parameters == card.parameters
    assert zoo.load(copy.with_suffix(".safetensors")) is not None


def test_half_precision_is_rounded_once(tmp_path, card):
    model = zoo.load("lenet5-mnist5k")
    half = card.model_copy(update={"stored": "float16"})
    zoo.save(model, tmp_path / "half.json", half)
    stored = zoo.load(tmp_path / "half.json")
    assert torch.equal(stored.fc1.weight, model.fc1.weight.half().float())
    size = (tmp_path / "half.safetensors").stat().st_size
    assert size < 0.55 * (SHIPPED / "lenet5-mnist5k.safetensors").stat().st_size


def test_batch_norm_counters_survive_half_precision(tmp_path, card):
    model = zoo.build("resnet20")
    model.bn1.num_batches_tracked += 70_001
    other = card.model_copy(update={"architecture": "resnet20", "stored": "float16"})
    zoo.save(model, tmp_path / "r.json", other)
    assert int(zoo.load(tmp_path / "r.json").bn1.num_batches_tracked) == 70_001


@pytest.mark.parametrize("damage", ["truncate", "edit"])
def test_damaged_weights_are_refused(copy, damage):
    path = copy.with_suffix(".safetensors")
    contents = bytearray(path.read_bytes())
    if damage == "truncate":
        contents = contents[:-100]
    else:
        contents[-7] ^= 1
    path.write_bytes(contents)
    with pytest.raises(BundleError, match="cut short or edited"):
        zoo.load(copy)


def test_missing_weights_and_broken_cards_are_refused(copy):
    copy.with_suffix(".safetensors").unlink()
    with pytest.raises(BundleError, match="cannot be read"):
        zoo.load(copy)
    copy.write_text(copy.read_text()[:-40])
    with pytest.raises(BundleError, match="cannot be read"):
        zoo.card(copy)
    copy.write_text("[1]")
    with pytest.raises(BundleError, match="cannot be read"):
        zoo.card(copy)


def test_a_card_with_a_typo_names_the_key(copy):
    values = json.loads(copy.read_text())
    values["architecure"] = values.pop("architecture")
    copy.write_text(json.dumps(values))
    with pytest.raises(BundleError, match="architecture"):
        zoo.card(copy)


def test_weights_of_another_network_are_refused(copy):
    values = json.loads(copy.read_text())
    values["architecture"] = "charan-mnist"
    copy.write_text(json.dumps(values))
    with pytest.raises(BundleError, match=r"do not fit .* conv1\.bias"):
        zoo.load(copy)


def test_unknown_names():
    with pytest.raises(ConfigError, match="Did you mean 'lenet5'"):
        zoo.load("lenet-5")
    with pytest.raises(ConfigError, match="there is no model card"):
        zoo.load("nowhere/model.json")
