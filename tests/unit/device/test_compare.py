from __future__ import annotations

import pytest

import mho
from mho.device.compare import compare_figures, compare_texts


def test_texts_are_both_sides_of_everything():
    falcone, wan = mho.load_device("falcone2025"), mho.load_device("wan2022")
    rows = {label: (a, b) for label, a, b in compare_texts(falcone, wan)}
    assert rows["window"] == ("9–88.2 µS", "0–40 µS")
    assert rows["doi"][0] == "–"


def test_figures_are_shares_of_the_window_and_silent_where_a_law_is():
    falcone, wan = mho.load_device("falcone2025"), mho.load_device("wan2022")
    figures = {(r["t_s"], r["place"]): r for r in compare_figures(falcone, wan)}
    hour = figures[3600.0, 0.5]
    programming, drift = 0.01129027 * 48.6 + 0.01121854, 0.755851
    assert hour["a"]["spread"] == pytest.approx((programming**2 + drift**2) ** 0.5 / 79.2)
    assert hour["a"]["mean"] == pytest.approx(-0.728810 / 79.2, rel=1e-4)
    assert hour["b"]["read_sd"] == pytest.approx(0.2 / 40)
    assert figures[604_800.0, 0.5]["b"] is None


def test_a_device_is_like_itself():
    device = mho.load_device("milo2021")
    assert all(left == right for _, left, right in compare_texts(device, device))
