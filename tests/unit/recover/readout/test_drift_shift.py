"""Drift shift: what a chip's own column sums undo, and what they cannot."""

import pytest
import torch
from torch import nn

import mho
from mho.data import Data
from mho.recover import DriftShift, SparseAdaptation
from mho.testing import check_attachment

torch.manual_seed(0)
X = torch.rand(300, 3, 6, 6)
DATA = Data(X, torch.zeros(300, dtype=torch.int64), name="patches", role="train")


def mapped(device="falcone2025", mapping=None):
    torch.manual_seed(1)
    model = nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(96, 4)
    )
    hardware = mho.Hardware(device=device, mapping=mapping or mho.DifferentialPair())
    return mho.map_network(model, hardware, example=X[:1])


def test_a_shift_leaves_no_column_with_an_error_in_common():
    network = DriftShift().fit(mapped(), DATA)
    snapshot = network.program(0).snapshot("10 y")
    for layer in network.layers:
        wanted = network.model.get_parameter(layer.parameter)
        error = (snapshot.weight(layer.name) - wanted).flatten(1)
        before = (snapshot.crossbar[layer.name] - wanted).flatten(1)
        torch.testing.assert_close(error, before - before.mean(1, keepdim=True))
        assert error.std() > 0.5 * before.std(), "what differs from cell to cell stays"


def test_a_shift_undoes_what_all_cells_have_in_common():
    law = mho.load_device("falcone2025").with_drift_severity(spread=0)
    network = mapped(law, mho.SingleDevice())
    clean = network.baseline(X)
    plain, shifted = (
        (n.program(0).at("10 y")(X) - clean).abs().mean()
        for n in (network, DriftShift().fit(network, DATA))
    )
    # What stays is programming and read noise: 0.1 % and 0.3 % of the window; the shift was 2.2 %.
    assert shifted < 0.1 * plain


@pytest.mark.parametrize(
    ("layer", "inputs"),
    [
        (nn.Conv2d(4, 8, 3, groups=4), X.new_ones(1, 4, 3, 3)),
        (nn.Conv1d(4, 6, 3, groups=2), X.new_ones(1, 4, 3)),
        (nn.ConvTranspose2d(4, 6, 2, stride=2, groups=2), X.new_ones(1, 4, 3, 3)),
    ],
)
def test_a_shift_knows_the_columns_of_every_kind_of_layer(layer, inputs):
    """Ones at every tap of a column give what the digital layer gives; only they are that exact."""
    network = mho.map_network(layer, mho.Hardware(device="falcone2025"))
    wanted = layer(inputs)
    if isinstance(layer, nn.ConvTranspose2d):  # a column is all taps: their outputs together
        parts = (wanted[..., i::2, j::2] for i in (0, 1) for j in (0, 1))
        wanted = sum(parts)
        now = DriftShift().fit(network, DATA).program(0).at("10 y")(inputs)
        now = sum(now[..., i::2, j::2] for i in (0, 1) for j in (0, 1))
    else:
        now = DriftShift().fit(network, DATA).program(0).at("10 y")(inputs)
    torch.testing.assert_close(now, wanted, rtol=1e-4, atol=1e-4)


def test_a_shift_counts_what_it_adds():
    adds = DriftShift().fit(mapped(), DATA).adds
    assert adds.sram_bits == adds.rom_bits == (6 + 4) * 16
    assert adds.macs_per_inference == (3 + 9 + 6) * 16 + (96 + 1 + 4)
    assert not adds.data_bits


def test_words_in_sram_are_read_together_with_the_crossbars(stripe_net, stripes):
    adapted = SparseAdaptation(budget=0.1, steps=0).fit(stripe_net, stripes)
    snapshot = DriftShift().fit(adapted, stripes).program(0).snapshot(0.0)
    for layer in stripe_net.layers:
        wanted = stripe_net.model.get_parameter(layer.parameter)
        off = (snapshot.weight(layer.name) - wanted).flatten(1).sum(1)
        torch.testing.assert_close(off, torch.zeros_like(off), atol=1e-4, rtol=0)


def test_a_shift_keeps_the_promises_of_attachments():
    network = mapped()
    attachment = DriftShift().fit(network, DATA).applied[-1].attachment
    check_attachment(attachment, network.program(1), ["1 s", "1 d", "10 y"])
