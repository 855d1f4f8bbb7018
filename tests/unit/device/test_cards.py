from __future__ import annotations

import datetime
import tomllib

import numpy as np
import pytest

import mho
from mho.device.cards import card_text, list_devices, load_device, save_device
from mho.device.device import Device
from mho.errors import ConfigError, StoreError

CARD = """
name = "mine"
g_min_uS = 1.0
g_max_uS = 50.0
t0_s = 0.0
{top}
[programming]
law = "constant"
sd_uS = 0.5
{programming}
[valid]
g_uS = [1.0, 50.0]
t_s = [0.0, 0.0]

[source]
citation = "this test"
{end}
"""


def write(path, *, top="", programming="", end=""):
    path.write_text(CARD.format(top=top, programming=programming, end=end), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", list_devices())
def test_every_preset_survives_a_round_trip(name, tmp_path):
    device = load_device(name)
    assert device.name == name
    path = save_device(device, tmp_path / "card.toml")
    assert load_device(path) == device
    assert load_device(str(path)) == device


@pytest.mark.parametrize("name", list_devices())
def test_every_preset_names_its_source_and_ranges(name):
    device = load_device(name)
    assert device.description
    assert device.source.citation
    assert device.valid.g_uS == device.window


def test_derived_devices_survive_a_round_trip(tmp_path):
    lender = load_device("nandakumar2019-pcm")
    device = load_device("charan2020").with_drift_of(lender).with_drift_severity(spread=2.5)
    again = load_device(save_device(device, tmp_path / "card.toml"))
    assert again == device
    g = np.linspace(1, 100, 50)
    assert np.array_equal(again.sample(g, ["1 y"], 3), device.sample(g, ["1 y"], 3))


def test_a_fit_record_keeps_whatever_it_is_given(tmp_path):
    record = {
        "file": "cells.csv",
        "rows": 89_115,
        "families": ["normal", "student-t"],
        "loglik": {"normal": -1.5, "student-t": -1.25},
        "levels": [{"level": 0, "cells": 500}, {"level": 1, "cells": 512}],
        "quantiles": [[0.1, 0.2], [0.3, 0.4]],
        "date": datetime.date(2026, 1, 2),
        "warned": True,
    }
    device = load_device("milo2021").replace(fit=record)
    again = load_device(save_device(device, tmp_path / "card.toml"))
    assert again == device
    assert hash(again) == hash(device)
    text = (tmp_path / "card.toml").read_text(encoding="utf-8")
    assert tomllib.loads(text)["fit"] == record


def test_a_fit_record_changes_no_draw():
    device = load_device("milo2021")
    g = np.full(20, 100.0)
    assert np.array_equal(device.replace(fit={"rows": 3}).sample(g, [0]), device.sample(g, [0]))


def test_cards_write_lists_of_numbers_on_one_line_and_wrap_long_ones():
    device = load_device("falcone2025").replace(fit={"q": [1 / (k + 1) for k in range(60)]})
    lines = card_text(device).splitlines()
    assert "coefficients_uS = [0.01121854, 0.01129027]" in lines
    assert max(map(len, lines)) <= max(100, len(f'note = "{device.source.note}"'))
    assert tomllib.loads(card_text(device))["fit"]["q"] == [1 / (k + 1) for k in range(60)]


def test_an_unknown_preset_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match=r"unknown preset 'falcon2025'.*mean 'falcone2025'"):
        load_device("falcon2025")


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path):
    with pytest.raises(ConfigError, match=r"absent\.toml does not exist"):
        load_device(tmp_path / "absent.toml")
    with pytest.raises(ConfigError, match="is a folder"):
        load_device(tmp_path)


def test_broken_toml_names_the_line(tmp_path):
    path = write(tmp_path / "a.toml", top="g_mean_uS == 3")
    with pytest.raises(ConfigError, match=r"a\.toml: not valid TOML: .*line 6"):
        load_device(path)


def test_a_file_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "a.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="UTF-8"):
        load_device(tmp_path / "a.toml")


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ({"top": "g_max = 3"}, r"unknown key 'g_max'.*'g_max_uS'"),
        ({"programming": "sd_us = 3"}, r"unknown key 'programming.sd_us'.*'sd_uS'"),
        ({"end": "[memori]"}, r"unknown key 'memori'.*'memory'"),
        ({"end": "[drift]\nlaw = 'powerlaw'"}, r"unknown law 'powerlaw'.*'power-law'"),
        ({"end": "[drift]\nt0_s = 1.0"}, r"'drift' needs the key 'law'"),
        ({"end": "[levels]\nlaw = 'uniform'\ncount = 1"}, r"'levels.count'.*got 1"),
        ({"end": "[levels]\nlaw = 'uniform'"}, r"key 'levels.count' is missing"),
        ({"end": "[levels]\nlaw = 'listed'\ng_uS = [1, 3, 2]"}, "ascend"),
        ({"end": "[levels]\nlaw = 'listed'\ng_uS = [1, 60]"}, "in the window"),
        ({"end": "[faults]\nstuck_at_lrs = 0.6\nstuck_at_hrs = 0.6"}, "must not exceed 1"),
        (
            {"end": "[drift]\nlaw = 'log-time'\nmean_slope_uS = 0\nsd_slope_uS = 0\n"
             "sd_intercept_uS = 1"},
            r"valid\.t_s",
        ),
    ],
)  # fmt: skip
def test_mistakes_in_a_card_name_place_and_remedy(place, says, tmp_path):
    path = write(tmp_path / "a.toml", **place)
    with pytest.raises(ConfigError, match=says) as caught:
        load_device(path)
    assert str(path) in str(caught.value)


def test_nothing_half_written_where_writing_fails(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(StoreError, match="cannot write"):
        save_device(load_device("ideal"), blocked / "card.toml")
    assert list(tmp_path.iterdir()) == [blocked]


def test_a_card_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "card.toml"
    save_device(load_device("nandakumar2019-pcm"), path)
    save_device(load_device("ideal"), path)
    assert load_device(path).name == "ideal"
    assert list(tmp_path.iterdir()) == [path]


def test_the_public_names_are_these():
    assert mho.load_device is load_device
    assert mho.save_device is save_device
    assert mho.list_devices is list_devices
    assert mho.Device is Device
