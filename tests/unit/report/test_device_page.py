"""The page of a device fit, on fits made of synthetic numbers."""

from __future__ import annotations

import copy
import re

import pytest

from mho.device.cards import load_device
from mho.errors import ConfigError
from mho.report.device_page import fit_verdict, render_device
from mho.report.figures.fit_bakes import bakes_figure
from mho.report.figures.fit_choice import family_figures, variance_figure
from mho.report.figures.fit_levels import MOST_LEVELS, against_conductance, level_figures
from mho.report.figures.fit_maps import correlation_figures, wafer_figures
from mho.report.figures.fit_misfit import misfit_figures
from mho.report.figures.fit_time import time_figures
from mho.report.fit_schema import parse_fit

TIMES = (1.0, 3600.0, 86_400.0)
SCORES = (-1.645, -0.6745, 0.0, 0.6745, 1.645)


def level(name, g_uS, t_s, cells=300, error=0.01):
    measured = [0.5 * score - 0.1 for score in SCORES]
    return {
        "level": name, "g_uS": g_uS, "t_s": t_s, "cells": cells, "mean": -0.1, "sd": 0.5,
        "mean_fitted": -0.11, "sd_fitted": 0.49, "measured": measured,
        "fitted": [q + error for q in measured],
    }  # fmt: skip


def make_fit(levels=4):
    """A fit that is off by 0.02 sd everywhere."""
    return {
        "device": load_device("falcone2025").model_dump(mode="json"),
        "understood": ["cell: cell", "t: time in s"],
        "warnings": ["12 cells left out"],
        "cells": 1200,
        "reads": 3600,
        "held_out": {"normal": -1.75, "by quantiles": -1.5, "none": None},
        "times": [
            {"t_s": t, "cells": 1200, "mean": -0.1 * i, "mean_fitted": -0.1 * i, "sd": 0.5,
             "sd_fitted": 0.5}
            for i, t in enumerate(TIMES)
        ],
        "levels": [level(str(k), 10.0 * (k + 1), t) for k in range(levels) for t in TIMES],
        "probabilities": [0.05, 0.25, 0.5, 0.75, 0.95],
        "median_error_sd": 0.02,
        "largest_error_sd": 0.02,
        "memory": {
            "times_s": list(TIMES),
            "measured": [[1.0, 0.5, None], [0.5, 1.0, 0.7], [None, 0.7, 1.0]],
            "fitted": [[1.0, 0.45, 0.3], [0.45, 1.0, 0.72], [0.3, 0.72, 1.0]],
            "pairs": [[300, 290, 0], [290, 300, 280], [0, 280, 300]],
            "law": "random-walk",
        },
        "maps": [{"name": "wafer 1", "unit": "µS", "rows": ["0", "1"], "cols": ["0", "1"],
                  "values": [[20.0, None], [21.0, 22.0]]}],
    }  # fmt: skip


@pytest.fixture
def fit():
    """A fresh copy of the synthetic fit."""
    return copy.deepcopy(make_fit())


def test_the_page_says_how_well_the_law_follows(fit):
    page = render_device(fit)
    assert "The law of falcone2025 follows 1\u202f200\u00a0cells" in page
    assert "within 0.02\u00a0sd of the measured ones" in page
    assert "12 cells left out" in page
    assert page.count("<script") == 1
    assert len(page) < 200_000


def test_measured_and_fitted_stand_beside_each_other(fit):
    checked = parse_fit(fit)
    mean, sd = time_figures(checked)
    assert mean.rows[2][1:] == ("−0.2", "−0.2", "1\u202f200")
    assert sd.wide.count("<circle") == 3
    assert len(against_conductance(checked)[0].rows) == 12


def test_each_level_has_its_quantiles(fit):
    figures = level_figures(parse_fit(fit))
    assert len(figures) == 4
    assert figures[0].wide.count("<circle") == 15
    assert figures[0].wide.count('class="band') == 2
    assert figures[0].caption == "Level 0, 10 µS, 300 cells"


def test_of_many_levels_some_are_drawn_with_both_ends():
    checked = parse_fit(make_fit(levels=40))
    drawn = [figure.name for figure in level_figures(checked)]
    assert len(drawn) == MOST_LEVELS
    assert (drawn[0], drawn[-1]) == ("level-0", "level-39")
    assert "12 of 40 levels are drawn" in render_device(make_fit(levels=40))


def test_residuals_are_in_standard_deviations(fit):
    fit["levels"][0]["cells"] = 50
    quantiles, residuals = misfit_figures(parse_fit(fit))
    assert {row[4] for row in residuals.rows} == {"0.02"}  # 0.01 µS off at an sd of 0.5 µS
    assert 'class="cloud s1 few"' in quantiles.wide
    assert 'class="cloud s1 many"' in quantiles.wide


def test_correlations_are_drawn_measured_fitted_and_their_difference(fit):
    measured, law, difference = correlation_figures(parse_fit(fit))
    assert ">0.50<" in measured.wide
    assert ">0.45<" in law.wide
    assert ">−0.050<" in difference.wide
    assert measured.wide.count("<rect") == 7  # two of nine were not measured
    assert measured.rows[0] == ("1 s", "1 h", "0.500", "0.450", "290")


def test_a_wafer_shows_three_digits_of_its_largest_value(fit):
    fit["maps"][0]["values"] = [[-4.2711, 0.0477], [1.0, None]]
    (figure,) = wafer_figures(parse_fit(fit))
    for text in ("−4.27", "0.05", "1.00"):
        assert f">{text}<" in figure.wide
    assert "0.0477" not in figure.wide


def test_a_wafer_has_holes_where_there_is_no_die(fit):
    (figure,) = wafer_figures(parse_fit(fit))
    assert figure.wide.count("<rect") == 3
    assert figure.rows[0] == ("0", "20", "–")


def test_families_are_ranked_with_what_the_simpler_one_costs(fit):
    page = render_device(fit)
    listed = re.findall(r"<dt>(normal|by quantiles)</dt><dd>([^<]+)</dd>", page)
    assert listed == [("by quantiles", "−1.5"), ("normal", "−1.75 (−0.25)")]


def test_families_are_drawn_by_what_they_lose_on_unseen_cells(fit):
    families = [
        {"family": "best", "parameters": 100, "held_out_nats_per_read": -1.5, "behind_winner": 0.0,
         "standard_error": 0.0, "aic": 10.4},
        {"family": "simple", "parameters": 4, "held_out_nats_per_read": -1.75,
         "behind_winner": 0.25, "standard_error": 0.01, "aic": None},
    ]  # fmt: skip
    fit["families"] = {"families": families, "price": "the simple one costs 0.25"}
    (figure,) = family_figures(parse_fit(fit))
    assert figure.rows[1] == ("simple", "4", "−1.7500", "0.2500", "–")
    assert figure.wide.count('class="whisker') == 1  # the best has no interval against itself
    assert figure.caption == "The simple one costs 0.25."
    assert "<dt>by quantiles</dt>" not in render_device(fit)


def test_sources_of_the_spread_have_intervals(fit):
    fit["variance"] = {"unit": "ln", "sds": {"die": [0.1, 0.05, 0.2], "wafer": [0.3, 0.2, 0.5]},
                       "counts": {"die": 40}}  # fmt: skip
    figure = variance_figure(parse_fit(fit))
    assert figure.rows[1] == ("wafer", "0.3", "0.2", "0.5")
    assert figure.wide.count('class="whisker') == 2
    assert "of ln g" in figure.wide
    assert "Where the spread comes from" in render_device(fit)


def test_bakes_are_drawn_against_temperature(fit):
    bakes = [
        {"temperature_C": c, "t_s": 3600.0, "cells": 90, "spread": [s, s - 0.1, s + 0.1],
         "fitted": s} for c, s in ((180.0, 1.2), (100.0, 1.0))
    ]  # fmt: skip
    fit["temperature"] = {"bakes": bakes, "law": {"activation_energy_eV": 1.1}}
    figure = bakes_figure(parse_fit(fit))
    assert [row[0] for row in figure.rows] == ["100", "180"]
    assert "activation_energy_eV" in render_device(fit)
    fit["temperature"]["bakes"] = bakes[:1]
    assert bakes_figure(parse_fit(fit)) is None


def test_faults_come_with_the_interval_of_their_share(fit):
    fit["faults"] = {"stuck_at_lrs": {"count": 2, "cells": 1000, "low": 0.0002, "high": 0.007}}
    page = render_device(fit)
    assert "<dt>stuck at LRS</dt><dd>2 of 1\u202f000 cells, 0.02–0.70 %</dd>" in page


def test_one_time_is_drawn_over_conductance(fit):
    fit["levels"] = [level(str(k), 10.0 * (k + 1), 3600.0) for k in range(20)]
    fit["times"] = fit["times"][:1]
    (figure,) = level_figures(parse_fit(fit))
    assert figure.wide.count("<circle") == 100
    assert time_figures(parse_fit(fit)) == []
    assert "levels are drawn" not in render_device(fit)


def test_a_card_alone_is_a_page_too():
    page = render_device({"device": load_device("charan2020").model_dump(mode="json")})
    assert "as its card states it" in page
    assert "nan" not in re.sub(r"[A-Za-z]nan|nan[A-Za-z]", "", page)


def test_unknown_values_leave_gaps(fit):
    for figures in fit["levels"][:3]:
        figures.update(sd=None, mean=None, measured=[None] * 5)
    fit["times"][0].update(mean=None, sd=None)
    page = render_device(fit)
    assert "nan" not in re.sub(r"[A-Za-z]nan|nan[A-Za-z]", "", page)


def test_hostile_names_stay_text(fit):
    hostile = "<script>alert(1)</script>"
    fit["device"]["name"] = fit["warnings"][0] = fit["understood"][0] = hostile
    fit["levels"][0]["level"] = fit["memory"]["law"] = fit["maps"][0]["name"] = hostile
    fit["held_out"][hostile] = -1.0
    page = render_device(fit)
    assert page.count("<script") == 1


def test_a_verdict_without_quantiles_says_why(fit):
    fit.update(median_error_sd=None, largest_error_sd=None)
    assert "no level has enough cells" in fit_verdict(parse_fit(fit))


@pytest.mark.parametrize(
    ("bad", "words"),
    [({}, "not a device fit"), ({"device": {}}, "'device'"),
     ({"device": {"name": "a"}, "levels": [{"level": "0"}]}, "'levels.0.g_uS' is missing")],
)  # fmt: skip
def test_what_is_no_fit_is_refused(bad, words):
    with pytest.raises(ConfigError, match=r"^fit\.json: ") as caught:
        parse_fit(bad, where="fit.json")
    assert words in str(caught.value)
