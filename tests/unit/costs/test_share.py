"""What an area budget buys."""

from __future__ import annotations

import math

import pytest

import mho
from mho.costs import list_books, share_for_area
from mho.errors import ConfigError
from mho.network.applied import Additions, Applied


def test_the_papers_budget_buys_4_5_percent_of_the_weights(resnet20, linear):
    for network in (resnet20, linear):
        assert share_for_area(0.0786, network) == pytest.approx(0.0786 * 0.15 / 0.26, abs=1e-4)


def test_wider_words_buy_fewer_weights(linear):
    assert share_for_area(0.0786, linear, bits_per_word=16) == pytest.approx(0.0227, abs=1e-4)


@pytest.mark.parametrize("book", list_books())
@pytest.mark.parametrize("budget", [0.01, 0.0393, 0.0786])
def test_what_was_bought_costs_no_more_than_the_budget_and_one_word_more_would(
    resnet20, book, budget
):
    def cost_of(words):
        adds = Additions(
            sram_bits=8 * words,
            macs_per_inference=round(words / resnet20.weights * 40.55e6),
            share_in_sram=words / resnet20.weights,
        )
        return mho.cost(resnet20.with_applied(Applied("sparse", {}, adds=adds)), book).area_share

    words = round(share_for_area(budget, resnet20, book) * resnet20.weights)
    assert cost_of(words) <= budget
    assert cost_of(words + 20) > budget  # a word is about 1e-5 of the chip's area


def test_a_budget_for_everything_buys_everything(linear):
    assert share_for_area(100, linear) == 1


def test_a_budget_too_small_for_the_arithmetic_buys_nothing(linear):
    assert share_for_area(1e-7, linear, "components-65nm") == 0


@pytest.mark.parametrize("budget", [0, -0.1, math.nan, math.inf])
def test_a_budget_is_a_positive_number(linear, budget):
    with pytest.raises(ConfigError, match="budget_area must be a positive number; got"):
        share_for_area(budget, linear)


def test_a_word_has_bits(linear):
    with pytest.raises(ConfigError, match="bits_per_word must be a positive number; got 0"):
        share_for_area(0.1, linear, bits_per_word=0)
