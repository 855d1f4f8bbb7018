from __future__ import annotations

import math

import numpy as np
import pytest

import mho
from mho.device.export.tables import tables_of


def lookup(values, g, g_nodes, z, z_nodes):
    """Bilinear interpolation, written anew: straight on in z, the edge in g."""
    at_z = []
    for row in values:
        inner = np.interp(z, z_nodes, row)
        left = row[0] + (z - z_nodes[0]) * (row[1] - row[0]) / (z_nodes[1] - z_nodes[0])
        right = row[-1] + (z - z_nodes[-1]) * (row[-1] - row[-2]) / (z_nodes[-1] - z_nodes[-2])
        at_z.append(left if z < z_nodes[0] else right if z > z_nodes[-1] else inner)
    return np.interp(g, g_nodes, at_z)


@pytest.mark.parametrize("name", mho.list_devices())
def test_tables_give_the_law_back(name):
    device, tables = mho.load_device(name), tables_of(mho.load_device(name))
    low, high = device.window
    scale = np.abs(tables.error_uS).max() + np.abs(tables.change_uS).max() + 1e-9
    for g in np.linspace(low, high, 7):
        for z in (-3.1, -0.7, 0.0, 1.3, 2.9):
            exact = device.programming.program(np.array([g]), np.array([z]), device.window)[0] - g
            table = lookup(tables.error_uS, g, tables.target_uS, z, tables.error_score)
            assert abs(table - exact) < 0.02 * scale
            for k, ln_t in enumerate(tables.change_ln_t):
                t = math.exp(ln_t)
                if device.valid.t_s is None or t > device.valid.t_s[1]:
                    continue
                exact = device.drift.change(np.array([g]), t, np.array([z]))[0]
                table = lookup(tables.change_uS[k], g, tables.change_g_uS, z, tables.change_score)
                assert abs(table - exact) < 0.02 * scale


def test_straight_laws_need_two_points_and_bent_ones_more():
    falcone = tables_of(mho.load_device("falcone2025"))
    assert falcone.change_uS.shape == (2, 2, 2)
    assert falcone.error_uS.shape == (2, 2)
    charan = tables_of(mho.load_device("charan2020"))
    assert charan.error_score.size == 33


def test_times_of_a_table_are_kept():
    times = np.exp(tables_of(mho.load_device("wan2022")).change_ln_t)
    assert times == pytest.approx([1.0, 86_400.0, 172_800.0])


def test_kept_is_the_memory():
    assert tables_of(mho.load_device("nandakumar2019-pcm")).kept == 1.0
    falcone = mho.load_device("falcone2025")
    assert 0.3 < tables_of(falcone).kept < 0.6
    assert tables_of(falcone.replace(memory={"law": "redrawn"})).kept == 0.0
