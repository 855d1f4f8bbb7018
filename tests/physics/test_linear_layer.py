"""One linear layer on noisy cells against closed forms: mean and covariance of ``W x``.

With cells of independent error of sd s, a differential pair gives each weight the sd √2 s·scale, so
output o of input x has variance 2 s² scale² Σ x², and outputs are independent of each other. Each
assertion allows 4.5 standard errors; with some 400 of them a false alarm has probability < 0.4 %.
"""

import numpy as np
import pytest
import torch
from torch import nn

import mho
from mho.device.programming import ConstantSpread, ExactProgramming

CHIPS = 4000


@pytest.mark.parametrize(
    ("mapping", "cells"), [(mho.DifferentialPair(), 2), (mho.SingleDevice(), 1)]
)
def test_mean_and_covariance_of_the_product(mapping, cells):
    device = mho.load_device("ideal").replace(
        g_min_uS=10, g_max_uS=60, programming=ConstantSpread(sd_uS=0.7),
        valid={"g_uS": (10, 60)},
    )  # fmt: skip
    torch.manual_seed(0)
    layer = nn.Linear(12, 5, bias=False)
    network = mho.map_network(layer, mho.Hardware(device=device, mapping=mapping))
    x = torch.randn(12)
    out = np.stack(
        [(mho.program(network, k).snapshot(0).crossbar["weight"] @ x).numpy() for k in range(CHIPS)]
    )
    scale = float(network.layers[0].encoded.scale.item())
    variance = cells * (0.7 * scale) ** 2 * float((x**2).sum())
    expected = (layer.weight.detach() @ x).numpy()

    assert np.abs(out.mean(0) - expected).max() < 4.5 * np.sqrt(variance / CHIPS)
    covariance = np.cov(out.T)
    assert np.abs(np.diag(covariance) / variance - 1).max() < 4.5 * np.sqrt(2 / CHIPS)
    off = covariance - np.diag(np.diag(covariance))
    assert np.abs(off).max() < 4.5 * variance / np.sqrt(CHIPS)


@pytest.mark.parametrize(
    ("mapping", "cells"), [(mho.DifferentialPair(), 2), (mho.SingleDevice(), 1)]
)
def test_mean_and_covariance_over_time_follow_the_law(mapping, cells):
    """Outputs at two times: programming errors stay, drift moves and spreads by the card's law.

    With programming sd p(g), drift mean m(t) and sd s(t), and the correlation r of a cell's scores
    at two times, a cell's covariance between them is ``p² + r s(t1) s(t2)``.
    """
    device = mho.load_device("falcone2025")
    times = [1e3, 1e7]
    torch.manual_seed(1)
    layer = nn.Linear(12, 5, bias=False)
    network = mho.map_network(layer, mho.Hardware(device=device, mapping=mapping))
    encoded, x = network.layers[0].encoded, torch.randn(12)
    out = np.array(
        [
            [(snapshot.crossbar["weight"] @ x).numpy() for snapshot in chip.snapshots(times)]
            for chip in (mho.program(network, k) for k in range(CHIPS // 2))
        ]
    )  # (chips, times, outputs)
    scale, squares = float(encoded.scale.item()), (x**2).numpy()
    g = encoded.g_target_uS
    coefficients = device.programming.coefficients_uS
    programming = (coefficients[0] + coefficients[1] * g) ** 2
    shift = [-0.08900206 * np.log(t) for t in times]
    sd = [0.41183342 + 0.04201137 * np.log(t) for t in times]
    r = device.memory.correlation(times, lambda t: 0.41183342 + 0.04201137 * np.log(t))
    clean = (layer.weight.detach() @ x).numpy()
    for i in range(2):
        moved = 0.0 if cells == 2 else scale * shift[i] * float(x.sum())
        variance = scale**2 * ((programming.sum(0) + cells * sd[i] ** 2) @ squares)
        error = (out[:, i].mean(0) - clean - moved) / np.sqrt(variance / len(out))
        assert np.abs(error).max() < 4.5
        assert np.abs(out[:, i].var(0, ddof=1) / variance - 1).max() < 4.5 * np.sqrt(2 / len(out))
    common = scale**2 * ((programming.sum(0) + cells * r[0, 1] * sd[0] * sd[1]) @ squares)
    for o in range(5):
        pair = np.cov(out[:, 0, o], out[:, 1, o])
        spread = np.sqrt((pair[0, 0] * pair[1, 1] + pair[0, 1] ** 2) / len(out))
        assert abs(pair[0, 1] - common[o]) < 4.5 * spread


def test_stuck_cells_are_counted_as_stated():
    device = mho.load_device("charan2020-jxcdc").replace(programming=ExactProgramming())
    network = mho.map_network(nn.Linear(200, 200), mho.Hardware(device=device))
    g_target = network.layers[0].encoded.g_target_uS
    g = device.conductances(g_target, [0.0], mho.program(network, 0).streams)[0]
    for share, edge in ((0.0175, device.g_max_uS), (0.0904, device.g_min_uS)):
        elsewhere = np.abs(g_target - edge) > 1e-3
        stuck = (np.abs(g - edge) < 1e-3)[elsewhere]
        assert abs(stuck.mean() - share) < 4.5 * np.sqrt(share * (1 - share) / stuck.size)
