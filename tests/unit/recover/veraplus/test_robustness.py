"""A wrong clock, and drift unlike the card's."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

import mho
from mho.crossbar.mapping import SingleDevice
from mho.data import Data
from mho.errors import ConfigError
from mho.network.mapped import MappedNetwork
from mho.recover.veraplus import VeraPlus, robustness, with_clock, with_other_drift

X = torch.rand(200, 20, generator=torch.Generator().manual_seed(0))
T_S = 1e6


def _model() -> nn.Module:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 24), nn.ReLU(), nn.Linear(24, 4))
    with torch.no_grad():
        model[2].bias -= model(X).mean(dim=0)
    return model


@pytest.fixture(scope="module")
def lasting() -> MappedNetwork:
    hardware = mho.Hardware(device="falcone2025", mapping=SingleDevice())
    network = mho.map_network(_model(), hardware)
    data = Data(X, _model()(X).argmax(1), name="own answers")
    return VeraPlus(steps=0, testing_chips=2, grid_per_decade=1).fit(network, data)


@pytest.fixture(scope="module")
def unseen() -> Data:
    return Data(X, _model()(X).argmax(1), name="own answers", role="test")


def test_a_wrong_clock_compensates_another_time(lasting) -> None:
    slow = with_clock(lasting, 0.1)
    branch = lasting.applied[-1].attachment
    added = slow.program(0).snapshot(T_S).digital["0"]
    assert torch.equal(added, branch.weights_at(T_S / 10)["0"])
    assert lasting.applied[-1].attachment.clock == 1.0


def test_only_what_reads_a_clock_can_have_a_wrong_one(lasting) -> None:
    with pytest.raises(ConfigError, match="clock"):
        with_clock(replace(lasting, applied=()), 2.0)


def test_other_drift_moves_cells_and_leaves_the_vectors(lasting) -> None:
    worse = with_other_drift(lasting, mean=1.3, spread=0.0)
    exact = with_other_drift(lasting, mean=1.0, spread=0.0)
    one, other = (n.program(0).snapshot(T_S) for n in (exact, worse))
    assert torch.equal(one.digital["0"], other.digital["0"])
    scale = float(lasting.layers[0].encoded.scale.ravel()[0])
    shift = 0.3 * -0.08900206 * torch.tensor(T_S).log() * scale
    moved = (other.crossbar["0"] - one.crossbar["0"]).mean()
    torch.testing.assert_close(moved, shift, rtol=1e-3, atol=0)


def test_curves_have_every_case_and_peak_where_all_is_right(lasting, unseen) -> None:
    rows = robustness(lasting, unseen, ["10y"], clocks=(1e-4, 1.0), severities=(1.0, 2.0), chips=8)
    by_case = {(row["clock"], row["drift"]): row["mean"] for row in rows}
    assert set(by_case) == {(1e-4, 1.0), (1.0, 1.0), (1.0, 2.0)}
    assert by_case[1.0, 1.0] == max(by_case.values())
    assert by_case[1.0, 1.0] > by_case[1e-4, 1.0] + 0.02
