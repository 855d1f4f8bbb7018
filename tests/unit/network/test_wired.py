"""Wires in networks: tiles are where they should be, whatever the kind of layer."""

import numpy as np
import pytest
import torch
from torch import nn

import mho
from mho.crossbar.wires import LadderWires, NodalWires
from mho.network.plan import Plan
from mho.network.wired import as_matrices, from_matrices, seen

WIRES = NodalWires(row_ohm=20, col_ohm=30)


@pytest.mark.parametrize(
    "module",
    [
        nn.Linear(7, 5),
        nn.Conv2d(4, 6, 3),
        nn.Conv2d(4, 6, 3, groups=2),
        nn.ConvTranspose2d(4, 6, 3, groups=2),
        nn.LSTM(3, 4),
        nn.MultiheadAttention(4, 2),
    ],
    ids=lambda m: type(m).__name__,
)
def test_weights_become_matrices_and_come_back(module):
    layer = mho.map_network(module, mho.Hardware(device="ideal")).layers[0]
    weights = np.arange(3.0 * np.prod(layer.shape)).reshape(3, *layer.shape)
    matrices = as_matrices(weights, layer.matrix)
    assert matrices.shape == (3 * layer.groups, layer.rows, layer.cols)
    assert np.array_equal(from_matrices(matrices, layer.shape, layer.matrix), weights)


def test_a_linear_layer_is_cut_into_tiles_of_rows_and_columns():
    hardware = mho.Hardware(device="ideal", rows=4, cols=3, wires=WIRES)
    network = mho.map_network(nn.Linear(7, 5), hardware)
    layer = network.layers[0]
    g = np.random.default_rng(0).uniform(1, 90, (2, 2, 5, 7))
    found = seen(g, layer.shape, layer.matrix, network.grid(layer), hardware)
    for t in range(2):
        for cell in range(2):
            for rows in (slice(0, 4), slice(4, 7)):
                for cols in (slice(0, 3), slice(3, 5)):
                    tile = WIRES.seen(g[t, cell, cols, rows].T)
                    np.testing.assert_allclose(found[t, cell, cols, rows].T, tile, rtol=1e-10)


def test_a_network_with_wires_stays_linear_and_plans_agree():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))
    x = torch.randn(9, 2, 6, 6)
    hardware = mho.Hardware(device="falcone2025", rows=32, cols=8, wires=WIRES)
    network = mho.map_network(model, hardware)
    assert hardware.ideal_periphery
    snapshot = network.program(0).snapshot("1 h")
    plan = Plan(network)
    plan.load(snapshot)
    with torch.inference_mode():
        torch.testing.assert_close(plan(x), network.realise(snapshot)(x), rtol=1e-4, atol=1e-5)
    bare = mho.map_network(model, hardware.model_copy(update={"wires": mho.NoWires()}))
    lost = {
        n: float((snapshot.crossbar[n] * w).sum() / (w * w).sum())
        for n, w in bare.program(0).snapshot("1 h").crossbar.items()
    }
    assert all(0.7 < share < 0.95 for share in lost.values())


def test_wires_by_either_model_give_the_same_network_where_the_load_is_small():
    torch.manual_seed(0)
    model, x = nn.Linear(30, 10), torch.randn(20, 30)
    found = []
    for wires in (NodalWires(row_ohm=5, col_ohm=5), LadderWires(row_ohm=5, col_ohm=5)):
        network = mho.map_network(model, mho.Hardware(device="ideal", wires=wires))
        with torch.inference_mode():
            found.append(network.program(0).at(0)(x))
    baseline = network.baseline(x)
    loss = (found[0] - baseline).abs().mean()
    assert (found[0] - found[1]).abs().mean() < 0.1 * loss
