"""The figures of a study: what is drawn, and the numbers behind."""

from __future__ import annotations

import re

import numpy as np
import pytest

from mho.device.cards import load_device
from mho.report.figures.accuracy import MOST_CHIPS, Picture, accuracy_figure, close_up
from mho.report.figures.chips import chips_figure
from mho.report.figures.coverage import coverage_figure, share_on_crossbars
from mho.report.figures.device_law import (
    drift_figure,
    facts,
    parse_card,
    programmed_quantiles,
    programming_figure,
)
from mho.report.figures.paired import MOST, paired_figure
from mho.report.figures.price import price_figure
from mho.report.figures.schedule import schedule_figure
from mho.report.figures.series import COLOURS, assign_colours
from mho.report.methods import method_table
from mho.report.schema import LayerInfo, NetworkInfo, Step, parse_results
from mho.report.verdict import judge


def drawn_from(example):
    results = parse_results(example)
    verdict = judge(results)
    return results, verdict, assign_colours(verdict)


def test_the_accuracy_figure_holds_every_mean(example):
    figure = accuracy_figure(*drawn_from(example))
    means = [f"{100 * m['mean']:.2f} %" for s in example["steps"] for m in s["times"]]
    assert [row[2] for row in figure.rows] == means


def test_points_beyond_the_measured_range_are_hollow(example):
    figure = accuracy_figure(*drawn_from(example))
    # three of five times are beyond one week; two panels, each with four methods
    assert figure.wide.count('class="hollow"') == 3 * 4 * 2
    assert figure.wide.count('class="beyond"') == 2
    assert "beyond 1 week: law continued" in figure.wide
    assert "(beyond the measured range)" in figure.rows[2][1]


def test_what_lies_close_to_the_target_is_enlarged_only_where_needed(example):
    results, verdict, series = drawn_from(example)
    what = Picture(results, series, verdict.floor, None)
    low, high = close_up(what)
    assert 0.93 < low < verdict.floor < results.baseline.accuracy < high < 0.99
    del example["steps"][0:2]
    results, verdict, series = drawn_from(example)
    assert close_up(Picture(results, series, verdict.floor, None)) is None
    assert "close to the target" not in accuracy_figure(results, verdict, series).wide


def test_of_very_many_chips_the_best_and_the_worst_are_drawn(example, step_of):
    example["steps"] = [step_of("a", ["distill"], [0.9] * 5, [0.02] * 5, chips=300)]
    figure = accuracy_figure(*drawn_from(example))
    lines = re.search(r'<path d="([^"]+)" class="chips s0"', figure.wide)[1]
    assert lines.count("M") == MOST_CHIPS
    assert f"Single chips: {MOST_CHIPS}" in figure.caption


def test_more_methods_than_colours_keep_those_of_the_verdict(example, step_of):
    example["steps"] = [example["steps"][0]] + [
        step_of(f"m{i}", ["distill"], [0.970 + 0.0001 * i] * 5, [0.0001] * 5,
                cost={"area_share": 0.5 if i else 0.01})
        for i in range(20)
    ]  # fmt: skip
    _, verdict, series = drawn_from(example)
    coloured = [s.step.name for s in series if s.colour is not None]
    assert len(coloured) == COLOURS
    assert {"as it is", "m0", "m19"} <= set(coloured)
    assert verdict.chosen.step.name == "m0"
    assert sorted(s.colour for s in series if s.colour is not None) == list(range(COLOURS))


def test_chips_are_counted_at_the_target(example):
    figure = chips_figure(*drawn_from(example))
    passing = [
        sum(a >= 0.966 - 1e-9 for a in step["times"][-1]["accuracies"]) for step in example["steps"]
    ]
    assert [row[3] for row in figure.rows] == [f"{n} of 20 meet it" for n in passing]
    assert figure.wide.count("h0") == 80


def test_paired_differences_are_drawn_at_the_end_and_listed_at_all_times(example):
    figure = paired_figure(*drawn_from(example))
    assert figure.wide.count("<circle") == 3
    assert len(figure.rows) == 15
    first = example["steps"][1]["paired"][0]
    assert figure.rows[0][3] == f"{100 * first['mean']:+.2f}"


def test_many_comparisons_leave_the_first_of_each_method(example):
    for step in example["steps"][1:]:
        step["paired"] += [{**step["paired"][-1], "against": f"other {i}"} for i in range(9)]
    figure = paired_figure(*drawn_from(example))
    assert figure.wide.count("<circle") == 3
    assert "against other" not in figure.wide
    assert MOST < 27


def test_the_price_figure_falls_back_to_memory(example):
    assert price_figure(*drawn_from(example)).columns[1] == "added area"
    for step in example["steps"]:
        step["cost"] = {}
        step["adds"] = {"sram_bits": 8_000 * len(step["composed"]), "rom_bits": 0}
    figure = price_figure(*drawn_from(example))
    assert figure.columns[1] == "added memory"
    assert figure.rows[-1][1] == "3 kB"


def test_without_prices_there_is_no_price_figure(example):
    for step in example["steps"]:
        step["cost"], step["adds"] = {}, {}
    assert price_figure(*drawn_from(example)) is None


def test_the_method_table_says_met_missed_or_not_known(example):
    results, verdict, series = drawn_from(example)
    table = method_table(results, verdict, series)
    assert [row.status for row in table.rows] == ["misses", "misses", "misses", "meets"]
    assert [row.chosen for row in table.rows] == [False, False, False, True]
    assert table.rows[3].price[0].text == "+8.7 %"
    example["steps"][3]["times"] = example["steps"][3]["times"][:3]
    table = method_table(*drawn_from(example))
    assert table.rows[3].status == "unknown"


def test_a_schedule_is_a_timeline_with_its_guarantee(example):
    step = parse_results(example).steps[3]
    figure = schedule_figure(step, 3)
    assert [row[0] for row in figure.rows] == ["set 0", "set 1", "set 2"]
    assert figure.rows[0][5] == "97.06 %"  # 97.42 - 3 * 0.12
    assert figure.wide.count("<rect") == 3
    assert schedule_figure(Step(name="a"), 0) is None


def test_a_set_below_its_bound_is_named_and_red(example):
    example["steps"][3]["schedule"][1]["bound"] = 0.9736
    figure = schedule_figure(parse_results(example).steps[3], 3)
    assert figure.caption.endswith("Below its bound: set 1.")
    assert figure.wide.count('class="whisker s0"') == 1
    assert figure.wide.count('class="whisker s1"') == 2


@pytest.mark.parametrize(
    "entry",
    [
        {"from_s": 0.0, "to_s": None, "set": 0},
        {"from_s": 1.0, "to_s": 1e9, "set": "only", "mean": 0.9},
        {"from_s": 1.0, "to_s": None, "set": 0, "bound": 0.9},
    ],
)
def test_a_schedule_of_one_set_is_drawn(entry):
    figure = schedule_figure(Step(name="a", schedule=(entry,)), 0)
    assert "nan" not in figure.wide
    assert figure.wide.count('class="set set0"') == 1


def test_coverage_adds_up_where_it_is_not_stated():
    layers = (
        LayerInfo(layer="a", parameters=75, macs=10),
        LayerInfo(layer="b", where="digital", parameters=25, macs=0, reason="asked for"),
    )
    network = NetworkInfo(coverage=layers)
    assert share_on_crossbars(network, "parameters") == 0.75
    assert share_on_crossbars(network, "macs") == 1.0
    assert "75.0 % of 100 parameters on crossbars" in coverage_figure(network).wide
    assert coverage_figure(NetworkInfo()) is None


def test_programming_quantiles_are_those_of_the_law():
    # ln g is normal with sd 0.5: the quartiles of g / g_target are exp(-+0.67449 * 0.5)
    device = load_device("charan2020")
    high = device.g_max_uS
    middle = np.array([0.3 * high])
    found = programmed_quantiles(device, middle)[:, 0] / middle[0]
    wanted = np.clip(np.exp(0.5 * np.array([-1.96, -0.67449, 0, 0.67449, 1.96])), 0, 1 / 0.3)
    assert found == pytest.approx(wanted, rel=1e-3)
    assert programmed_quantiles(device, np.array([high]))[-1, 0] == pytest.approx(high)
    assert len(programming_figure(device).rows) == 10


def test_the_drift_figure_has_the_published_numbers():
    # facts of Falcone et al. 2025: -1.742 and 1.234 uS after ten years, at any level
    figure = drift_figure(load_device("falcone2025"), [1.0, 315_360_000.0])
    assert figure.rows[0][2:] == ("+0.000", "0.412") or figure.rows[0][2:] == ("−0.000", "0.412")
    assert figure.rows[-1][1:] == ("10 y", "−1.742", "1.234")
    assert "Measured up to 1 week" in figure.caption
    assert 'class="beyond"' in figure.wide


def test_a_law_that_depends_on_the_level_is_drawn_at_three():
    figure = drift_figure(load_device("wan2022"), [1.0])
    assert len({row[0] for row in figure.rows}) == 3


def test_without_drift_there_is_no_drift_figure():
    assert drift_figure(load_device("charan2020"), [0.0]) is None


@pytest.mark.parametrize("name", ["ideal", "charan2020-jxcdc", "falcone2025", "wan2022",
                                  "nandakumar2019-pcm", "agrawal2022-sonos"])  # fmt: skip
def test_every_kind_of_preset_can_be_drawn(name):
    device = load_device(name)
    assert "nan" not in programming_figure(device).wide
    figure = drift_figure(device, [1.0, 1e5])
    assert figure is None or "nan" not in figure.wide
    assert dict(facts(device))["window"].startswith(f"{device.g_min_uS:g} – ")


def test_a_card_survives_being_plain_data():
    device = load_device("falcone2025")
    assert parse_card(device.model_dump(mode="json")) == device
    assert parse_card({"name": "x"}) is None
