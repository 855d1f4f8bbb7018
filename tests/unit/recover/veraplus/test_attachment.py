"""The branches on a chip: the set in force, the clock, and coming back from a bundle."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

import mho
from mho.crossbar.mapping import SingleDevice
from mho.errors import BundleError
from mho.network.applied import Applied
from mho.network.mapped import MappedNetwork
from mho.recover.veraplus.attachment import PairSettings, VeraBranch
from mho.recover.veraplus.branches import Branches
from mho.recover.veraplus.geometry import geometries_of
from mho.recover.veraplus.schedule import Schedule
from mho.recover.veraplus.vectors import store


@pytest.fixture(scope="module")
def network() -> MappedNetwork:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Flatten(), nn.Linear(12, 2))
    hardware = mho.Hardware(device="falcone2025", mapping=SingleDevice())
    return mho.map_network(model, hardware)


def _branch(network, *, pair=None, bits=8, interpolate=False) -> VeraBranch:
    pair = pair or PairSettings(2, "physical", 5)
    geometries = geometries_of(network)
    branches = Branches(geometries, pair.draw(geometries))
    draw = torch.Generator().manual_seed(0)
    b, d = torch.randn(3, 5, generator=draw), torch.randn(3, 4, generator=draw)
    vectors = store(branches, b, d, bits)
    return VeraBranch(branches, vectors, Schedule((1.0, 100.0, 1e4), interpolate), pair)


@pytest.mark.parametrize(("t_s", "number"), [(1.0, 0), (99.0, 0), (100.0, 1), (1e4, 2), (1e8, 2)])
def test_the_set_in_force_is_added_to_every_layer(network, t_s, number) -> None:
    branch = _branch(network)
    b, d = branch.vectors.values(branch.branches)
    plain = network.program(0).snapshot(t_s)
    chip = network.with_applied(Applied("vera-plus", {}, attachment=branch)).program(0)
    for name, added in branch.branches.weights(b[number], d[number]).items():
        expected = plain.weight(name) + added
        torch.testing.assert_close(chip.snapshot(t_s).weight(name), expected)
    assert branch.set_at(t_s) == number


def test_right_after_programming_the_first_set_is_in_force(network) -> None:
    branch = _branch(network)
    assert branch.set_at(0) == 0
    chip = network.with_applied(Applied("vera-plus", {}, attachment=branch)).program(0)
    assert torch.equal(chip.snapshot(0).digital["2"], branch.weights_at(1.0)["2"])


def test_interpolated_vectors_run_linearly_in_ln_t(network) -> None:
    branch = _branch(network, interpolate=True)
    b, d = branch.vectors.values(branch.branches)
    expected = branch.branches.weights((b[0] + b[1]) / 2, (d[0] + d[1]) / 2)
    torch.testing.assert_close(branch.weights_at(10.0)["0"], expected["0"])


def test_a_wrong_clock_picks_the_set_of_another_time(network) -> None:
    branch = _branch(network)
    slow = branch.with_clock(0.1)
    assert torch.equal(slow.weights_at(500.0)["2"], branch.weights_at(50.0)["2"])
    assert not torch.equal(slow.weights_at(500.0)["2"], branch.weights_at(500.0)["2"])


@pytest.mark.parametrize("pair", [PairSettings(2, "physical", 5), PairSettings(2, "random", 7),
                                  PairSettings(2, "random", 7, "window", stored=True)])  # fmt: skip
@pytest.mark.parametrize("bits", [4, None])
def test_comes_back_from_settings_and_tensors(network, pair, bits) -> None:
    branch = _branch(network, pair=pair, bits=bits)
    again = VeraBranch.restore(branch.settings(), dict(branch.tensors()))
    assert again.settings() == branch.settings()
    for name, weight in branch.weights_at(200.0).items():
        assert torch.equal(again.weights_at(200.0)[name], weight)


def test_the_pair_is_in_the_tensors_only_where_it_is_stored(network) -> None:
    assert "projection_a" not in _branch(network).tensors()
    assert (
        "projection_a" in _branch(network, pair=PairSettings(2, "random", 0, stored=True)).tensors()
    )


@pytest.mark.parametrize("broken", ["missing", "shape", "nan", "order", "rank", "layers", "bomb"])
def test_a_damaged_bundle_is_refused_in_one_sentence(network, broken) -> None:
    branch = _branch(network, bits=None)
    settings, tensors = branch.settings(), dict(branch.tensors())
    if broken == "missing":
        del tensors["d"]
    elif broken == "shape":
        tensors["b"] = tensors["b"][:, :-1]
    elif broken == "nan":
        tensors["b"] = tensors["b"] * float("nan")
    elif broken == "order":
        settings["schedule"] = {"starts_s": [1.0, 100.0, 100.0], "interpolate": False}
    elif broken == "rank":
        settings["pair"] = {**settings["pair"], "rank": "two"}
    elif broken == "layers":
        settings["layers"] = [{"layer": "0"}]
    else:
        huge = {**settings["layers"][1], "inputs": 10**12}
        settings["layers"] = [settings["layers"][0], huge]
    with pytest.raises(BundleError, match="again"):
        VeraBranch.restore(settings, tensors)


def test_everything_that_decides_the_weights_is_in_the_digest(network) -> None:
    def digest(branch) -> str:
        return network.with_applied(Applied("vera-plus", {}, attachment=branch)).digest

    branch = _branch(network)
    others = [
        _branch(network, bits=None),
        _branch(network, pair=PairSettings(2, "physical", 6)),
        _branch(network, interpolate=True),
        replace(branch, clock=2.0),
    ]
    assert len({digest(b) for b in [branch, *others]}) == 5
    assert digest(branch) == digest(_branch(network))
