from __future__ import annotations

import gzip
import math

import numpy as np
import pandas as pd
import pytest

import mho
from mho.device.simulate import simulated_cells, targets_of, write_cells
from mho.device.wafers import Wafers
from mho.errors import ConfigError, OutOfRangeError, StoreError


def table(path):
    return pd.read_csv(path)


def test_a_table_has_every_cell_at_every_time(tmp_path):
    path = tmp_path / "cells.csv"
    device = mho.load_device("wan2022")
    assert write_cells(path, device, 100, ["1 s", "1 h", "2 d"], progress=False) == 300
    cells = table(path)
    assert list(cells.columns) == ["cell", "time_s", "target_uS", "conductance_uS"]
    assert cells.groupby("cell").size().unique().tolist() == [3]
    assert sorted(cells["time_s"].unique()) == [1.0, 3600.0, 172_800.0]
    assert cells["target_uS"].nunique() == 16


def test_cells_follow_the_law(tmp_path):
    path = tmp_path / "cells.csv"
    device = mho.load_device("falcone2025")
    write_cells(
        path, device, 20_000, [0, "1 d"], targets_uS=np.array([50.0]), read_noise=False,
        progress=False,
    )  # fmt: skip
    wide = table(path).pivot_table(index="cell", columns="time_s", values="conductance_uS")
    change = wide[86_400.0] - wide[0.0]
    assert abs(change.mean() + 1.0117) < 4 * 0.889 / math.sqrt(20_000)
    assert abs(change.std() - 0.889) < 4 * 0.889 / math.sqrt(40_000) + 1e-3


def test_more_cells_only_add_to_the_table(tmp_path):
    device = mho.load_device("wan2022")
    few, many = tmp_path / "few.csv", tmp_path / "many.csv"
    write_cells(few, device, 10, ["1 s", "1 d"], seed=4, progress=False)
    write_cells(many, device, 40_000, ["1 s", "1 d"], seed=4, progress=False)
    lines = many.read_text().splitlines()
    assert few.read_text().splitlines() == lines[:21]
    assert len(lines) == 80_001


def test_cells_of_one_die_share_its_offset_and_dies_their_wafers():
    """Offsets of 400 lots, each of 4 wafers of 4 dies, have the spreads of the law."""
    die = {"law": "added", "lot_sd_uS": 4.0, "wafer_sd_uS": 2.0, "die_sd_uS": 1.0}
    device = mho.load_device("ideal").replace(die=die)
    wafers = Wafers(dies=4, wafers=4, lots=400)
    blocks = list(
        simulated_cells(device, 2 * len(wafers), [0], targets_uS=np.array([50.0]), wafers=wafers)
    )
    g = np.stack([block.conductance_uS[0] for block in blocks])
    np.testing.assert_allclose(g[:, 0], g[:, 1])
    offset = g[:, 0].reshape(400, 4, 4) - 50
    of_lot, of_wafer = offset.mean(axis=(1, 2)), offset.mean(axis=2)
    # four standard errors of an sd: fails by chance less than once in 5,000 runs
    inside_wafer = (offset - of_wafer[..., None]).std() * np.sqrt(4 / 3)
    inside_lot = (of_wafer - of_lot[:, None]).std() * np.sqrt(4 / 3)
    assert inside_wafer == pytest.approx(1.0, rel=4 / np.sqrt(2 * 4800))
    assert inside_lot == pytest.approx(np.sqrt(4 + 1 / 4), rel=4 / np.sqrt(2 * 1200))
    assert of_lot.std() == pytest.approx(np.sqrt(16 + 4 / 4 + 1 / 16), rel=4 / np.sqrt(800))
    assert device.sample([50.0], [0])[0] != 50


def test_a_table_says_where_its_cells_sit(tmp_path):
    path = tmp_path / "cells.csv"
    write_cells(
        path, mho.load_device("wan2022"), 120, ["1 s"], wafers=Wafers(dies=12, wafers=2),
        progress=False,
    )  # fmt: skip
    cells = table(path)
    assert cells.groupby(["wafer", "die"]).size().tolist() == [5] * 24
    assert len(cells[["die_x", "die_y"]].drop_duplicates()) == 12
    assert cells["cell"].is_unique


def test_more_dies_than_cells_are_refused():
    with pytest.raises(ConfigError, match="24 dies need as many cells"):
        next(simulated_cells(mho.load_device("wan2022"), 10, [1], wafers=Wafers(12, 2)))
    with pytest.raises(ConfigError, match="dies must be 1 or more"):
        Wafers(dies=0)


def test_seeds_are_other_cells_and_repeat(tmp_path):
    device = mho.load_device("wan2022")
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_cells(tmp_path / name, device, 5, ["1 s"], seed=seed, progress=False)
    texts = [(tmp_path / name).read_text() for name in "abc"]
    assert texts[0] == texts[1] != texts[2]


def test_packed_tables_are_the_same_table(tmp_path):
    device = mho.load_device("wan2022")
    for name in ("a.csv", "a.csv.gz"):
        write_cells(tmp_path / name, device, 50, ["1 s"], progress=False)
    packed = gzip.decompress((tmp_path / "a.csv.gz").read_bytes()).decode()
    assert packed == (tmp_path / "a.csv").read_text()


def test_targets_are_the_card_s_levels_or_uniform():
    assert targets_of(mho.load_device("charan2020")).size == 10
    assert targets_of(mho.load_device("wan2022")).size == 16
    assert targets_of(mho.load_device("charan2020"), 3).tolist() == [1.0, 50.5, 100.0]
    with pytest.raises(ConfigError, match="2 or more"):
        targets_of(mho.load_device("wan2022"), 1)


def test_what_makes_no_sense_leaves_no_file(tmp_path):
    path, wan = tmp_path / "cells.csv", mho.load_device("wan2022")
    for cells, times, error in (
        (0, ["1 s"], ConfigError),
        (5, [], ConfigError),
        (5, ["1 y"], OutOfRangeError),
        (5, ["soon"], ConfigError),
    ):
        with pytest.raises(error):
            write_cells(path, wan, cells, times, progress=False)
    with pytest.raises(OutOfRangeError):
        write_cells(path, wan, 5, ["1 s"], targets_uS=np.array([50.0]), progress=False)
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_place_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write"):
        write_cells(
            tmp_path / "file" / "a.csv", mho.load_device("wan2022"), 5, ["1 s"], progress=False
        )


def test_progress_is_reported(tmp_path):
    seen = []
    write_cells(
        tmp_path / "a.csv", mho.load_device("wan2022"), 40_000, ["1 s"],
        progress=lambda done, total, text: seen.append((done, total, text)),
    )  # fmt: skip
    assert seen[-1] == (40_000, 40_000, "40,000 rows")
    assert len(seen) == 2


def test_blocks_are_typed_and_in_order():
    blocks = list(simulated_cells(mho.load_device("wan2022"), 40_000, ["1 s", "1 d"]))
    assert [block.first for block in blocks] == [0, 32_768]
    assert blocks[1].conductance_uS.shape == (2, 40_000 - 32_768)
