from __future__ import annotations

import mho
from mho.device.check import remarks


def said(device):
    return " ".join(remarks(device))


def test_a_complete_measured_card_needs_no_remark():
    assert remarks(mho.load_device("wan2022")) == []


def test_silence_about_time_is_said():
    assert "no drift law: ask for t = 0 s only" in said(mho.load_device("charan2020"))
    assert "no drift law and no valid.t_s" in said(mho.load_device("ideal"))


def test_extrapolation_is_said():
    assert "after 1 week were not measured" in said(mho.load_device("falcone2025"))
    assert "measured_t_s is missing" in said(mho.load_device("nandakumar2019-pcm"))


def test_a_window_wider_than_measured_is_said():
    device = mho.load_device("falcone2025").replace(g_max_uS=120.0)
    assert "window 9–120 µS is wider than valid.g_uS (9–88.2 µS)" in said(device)


def test_overlapping_levels_are_said():
    assert "levels overlap: around 56 µS" in said(mho.load_device("charan2020"))
    apart = mho.load_device("falcone2025").replace(levels={"law": "uniform", "count": 8})
    assert "overlap" not in said(apart)


def test_exact_reads_are_said():
    assert "no read noise" in said(mho.load_device("milo2021"))
