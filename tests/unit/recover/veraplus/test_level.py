"""Training the vectors of a level."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

import mho
from mho.crossbar.mapping import SingleDevice
from mho.data import Data
from mho.recover.veraplus.branches import Branches
from mho.recover.veraplus.card_start import CardStart
from mho.recover.veraplus.chips import TESTING, TRAINING, FreshChips
from mho.recover.veraplus.geometry import geometries_of
from mho.recover.veraplus.level import Rounding, Trainer
from mho.recover.veraplus.projections import draw_projections
from mho.recover.veraplus.schedule import Schedule
from mho.recover.veraplus.vectors import scales
from mho.rng import Streams

TEN_YEARS = (3.1536e8, 3.1536e8)


@pytest.fixture(scope="module")
def trainer() -> Trainer:
    """A regression in disguise: positive inputs, so that the mean shift of ten years matters."""
    torch.manual_seed(0)
    x = torch.rand(256, 30)
    model = nn.Sequential(nn.Linear(30, 12), nn.ReLU(), nn.Linear(12, 4))
    data = Data(x, model(x).argmax(1), name="own answers")
    network = mho.map_network(model, mho.Hardware(device="falcone2025", mapping=SingleDevice()))
    geometries = geometries_of(network)
    pair = draw_projections(geometries, 8, projection="random", seed=0)
    return Trainer(
        network=network,
        branches=Branches(geometries, pair),
        chips=FreshChips(network, 0, TRAINING),
        data=data,
        loss="distilled",
        steps=150,
        batch=64,
        lr=0.05,
        temperature=1.0,
        streams=Streams(0, "test"),
        identity="test",
    )


def _start(trainer: Trainer):
    b, d = CardStart(trainer.network, trainer.branches, TEN_YEARS[1]).values(TEN_YEARS[1])
    return b[None], d[None]


@pytest.fixture(scope="module")
def trained(trainer):
    return trainer.train(*_start(trainer), Schedule((1.0,)), TEN_YEARS, label="a")


def _error(trainer: Trainer, b, d) -> float:
    """Return the mean squared error of the logits over 10 testing chips after ten years."""
    network, wanted = trainer.network, trainer.network.baseline(trainer.data.inputs)
    chips, added = FreshChips(network, 0, TESTING), trainer.branches.weights(b[0], d[0])
    total = 0.0
    for k in range(10):
        snapshot = chips.snapshot(k, TEN_YEARS[1]).add_digital(added)
        logits = network.realise(snapshot)(trainer.data.inputs)
        total += float((logits - wanted).square().mean()) / 10
    return total


def test_training_takes_away_much_of_what_drift_did(trainer, trained) -> None:
    before, after = _error(trainer, *_start(trainer)), _error(trainer, *trained)
    assert after < 0.7 * before


def test_same_label_same_vectors_other_label_other_chips(trainer, trained) -> None:
    b, d = _start(trainer)
    again = trainer.train(b, d, Schedule((1.0,)), TEN_YEARS, label="a")
    other = trainer.train(b, d, Schedule((1.0,)), TEN_YEARS, label="b")
    assert torch.equal(trained[0], again[0])
    assert torch.equal(trained[1], again[1])
    assert not torch.equal(trained[0], other[0])


def test_weights_stay_frozen(trainer) -> None:
    before = {n: t.clone() for n, t in trainer.network.model.state_dict().items()}
    replace(trainer, steps=3).train(*_start(trainer), Schedule((1.0,)), TEN_YEARS, label="a")
    for name, tensor in trainer.network.model.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_sets_that_are_mixed_are_all_trained(trainer) -> None:
    b, d = _start(trainer)
    schedule = Schedule((1.0, 1e4, 3.1536e8), interpolate=True)
    trained_b, _ = replace(trainer, steps=10).train(
        b.repeat(3, 1), d.repeat(3, 1), schedule, (1.0, 3.1536e8), label="a"
    )
    assert bool((trained_b != 0).any(dim=1).all())


def test_rounding_is_trained_through(trainer, trained) -> None:
    """At 2 bits rounding costs; training through it wins some of that back."""
    b, d = trained
    rounding = Rounding(*scales(trainer.branches, b, d, 2), 2)
    refit = trainer.train(b, d, Schedule((1.0,)), TEN_YEARS, label="c", rounding=rounding)
    plain = trainer._stored(b, d, rounding)
    through = trainer._stored(*refit, rounding)
    assert _error(trainer, *through) < _error(trainer, *plain)


def test_labels_need_no_teacher(trainer) -> None:
    by_labels = replace(trainer, loss="labels", steps=3, _teacher=[])
    by_labels.train(*_start(trainer), Schedule((1.0,)), TEN_YEARS, label="a")
    assert by_labels._teacher == []


def test_no_steps_leave_the_start(trainer) -> None:
    b, d = _start(trainer)
    still = replace(trainer, steps=0).train(b, d, Schedule((1.0,)), TEN_YEARS, label="a")
    assert torch.equal(still[0], b)
    assert torch.equal(still[1], d)
