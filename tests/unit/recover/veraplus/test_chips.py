"""Training and testing chips: never those that are evaluated, and what cells are at one time."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

import mho
from mho.crossbar.mapping import SingleDevice
from mho.network.applied import Applied
from mho.network.mapped import MappedNetwork
from mho.recover.veraplus.attachment import PairSettings, VeraBranch
from mho.recover.veraplus.branches import Branches
from mho.recover.veraplus.chips import (
    TESTING,
    TRAINING,
    FreshChips,
    Futures,
    PreparedChips,
    chips_of,
)
from mho.recover.veraplus.geometry import geometries_of
from mho.recover.veraplus.schedule import Schedule
from mho.recover.veraplus.vectors import store


@pytest.fixture(scope="module")
def network() -> MappedNetwork:
    model = nn.Linear(200, 100, bias=False)
    model.weight.data = torch.linspace(-1, 1, 20_000).reshape(100, 200)
    hardware = mho.Hardware(device="falcone2025", mapping=SingleDevice())
    return mho.map_network(model, hardware, name="one layer")


def _weight(source, number, t_s=3600.0):
    return source.snapshot(number, t_s).crossbar["weight"]


def test_scopes_seeds_and_numbers_are_different_chips(network) -> None:
    seen = [
        _weight(FreshChips(network, 0, TRAINING), 0),
        _weight(FreshChips(network, 0, TRAINING), 1),
        _weight(FreshChips(network, 1, TRAINING), 0),
        _weight(FreshChips(network, 0, TESTING), 0),
        network.program(0).snapshot(3600.0, read=0).crossbar["weight"],
    ]
    for i, one in enumerate(seen):
        for other in seen[:i]:
            error = (one - network.model.weight) * (other - network.model.weight)
            # Independent errors: the mean product over n = 20,000 cells, less that of the means.
            mean = (one - network.model.weight).mean() * (other - network.model.weight).mean()
            sd = float(error.std()) / math.sqrt(20_000)
            assert abs(float(error.mean() - mean)) < 5 * sd
    assert torch.equal(seen[0], _weight(FreshChips(network, 0, TRAINING), 0))


@pytest.mark.parametrize("t_s", [1.0, 3600.0, 3.1536e8])
def test_fresh_chips_have_the_moments_of_evaluated_ones(network, t_s) -> None:
    """Memory is left out; at one time mean and sd agree within 5 standard errors (n = 20,000)."""
    evaluated = network.program(0).snapshot(t_s, read=0).crossbar["weight"] - network.model.weight
    fresh = _weight(FreshChips(network, 0, TRAINING), 0, t_s) - network.model.weight
    sd = float(evaluated.std())
    assert abs(float(fresh.mean() - evaluated.mean())) < 5 * sd * math.sqrt(2 / 20_000)
    assert abs(float(fresh.std()) - sd) < 5 * sd * math.sqrt(2 / 40_000)


def test_futures_of_a_chip_leave_out_the_one_it_is_evaluated_in(network) -> None:
    chip = network.program(3)
    source = Futures(chip, 0, TRAINING)
    evaluated = chip.snapshot("10y", read=0).crossbar["weight"]
    assert not torch.equal(_weight(source, 0, 3.1536e8), evaluated)
    assert not torch.equal(_weight(source, 0, 3.1536e8), _weight(source, 1, 3.1536e8))


def test_a_pool_where_chips_must_be_prepared(network) -> None:
    geometries = geometries_of(network)
    pair = PairSettings(1, "physical", 0)
    branches = Branches(geometries, pair.draw(geometries))
    vectors = store(branches, torch.ones(1, 100), torch.ones(1, 1), None)
    branch = VeraBranch(branches, vectors, Schedule((1.0,)), pair)
    recovered = network.with_applied(Applied("vera-plus", {}, attachment=branch))
    source = chips_of(recovered, 0, TRAINING, pool=2)
    assert isinstance(source, PreparedChips)
    one, same_chip_later_path = source.snapshot(0, 3600.0), source.snapshot(2, 3600.0)
    assert "weight" in one.digital
    assert not torch.equal(one.crossbar["weight"], same_chip_later_path.crossbar["weight"])
    assert isinstance(chips_of(network, 0, TRAINING, pool=2), FreshChips)
    assert isinstance(chips_of(network.program(1), 0, TRAINING, pool=2), Futures)
