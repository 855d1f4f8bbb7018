"""One linear layer on noisy cells against closed forms: mean and covariance of ``W x``.

With cells of independent error of sd s, a differential pair gives each weight the sd √2 s·scale, so
output o of input x has variance 2 s² scale² Σ x², and outputs are independent of each other. Each
assertion allows 4.5 standard errors; with some 300 of them a false alarm has probability < 0.3 %.
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


def test_stuck_cells_are_counted_as_stated():
    device = mho.load_device("charan2020-jxcdc").replace(programming=ExactProgramming())
    network = mho.map_network(nn.Linear(200, 200), mho.Hardware(device=device))
    g_target = network.layers[0].encoded.g_target_uS
    g = device.conductances(g_target, [0.0], mho.program(network, 0).streams)[0]
    for share, edge in ((0.0175, device.g_max_uS), (0.0904, device.g_min_uS)):
        elsewhere = np.abs(g_target - edge) > 1e-3
        stuck = (np.abs(g - edge) < 1e-3)[elsewhere]
        assert abs(stuck.mean() - share) < 4.5 * np.sqrt(share * (1 - share) / stuck.size)
