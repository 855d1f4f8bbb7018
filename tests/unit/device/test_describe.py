from __future__ import annotations

import pytest

import mho
from mho.device.describe import describe, figures, figures_table, law_text, times_to_show


@pytest.mark.parametrize("name", mho.list_devices())
def test_every_preset_is_described_with_source_and_range(name):
    device = mho.load_device(name)
    rows = dict(describe(device))
    assert device.source.citation == rows["source"]
    assert "µS" in rows["window"]
    heads, body = figures_table(device)
    assert all(len(row) == len(heads) for row in body)


def test_figures_are_the_law_s():
    record = {r["t_s"]: r for r in figures(mho.load_device("falcone2025"))}
    assert record[3600.0]["mean_shift_uS"] == pytest.approx([-0.729] * 3, abs=6e-4)
    assert record[3600.0]["spread_uS"] == pytest.approx([0.756] * 3, abs=6e-4)
    assert record[0.0]["programming_sd_uS"][0] == pytest.approx(0.112831, rel=1e-4)
    assert record[3.1536e8]["extrapolated"]
    assert not record[604_800.0]["extrapolated"]


def test_extrapolated_rows_are_starred():
    _, body = figures_table(mho.load_device("falcone2025"))
    assert [row[0] for row in body][-3:] == ["1 month *", "1 y *", "10 y *"]


def test_times_of_a_device_without_drift_are_0():
    assert times_to_show(mho.load_device("charan2020")) == [0.0]


def test_long_tables_are_cut():
    from mho.device.provenance import Provenance

    text = law_text(Provenance(q=list(range(100))))
    assert "92 more" in text


def test_a_fit_record_is_shown():
    device = mho.load_device("milo2021").replace(fit={"rows": 12, "file": "a.csv"})
    rows = dict(describe(device))
    assert rows["fit: rows"] == "12"
    assert rows["fit: file"] == "a.csv"
