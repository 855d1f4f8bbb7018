"""What a method costs, and in which order methods are cheap."""

from __future__ import annotations

import math

import pytest

from mho.report.price import Price, decided_by, order_by_price, price_of, price_text
from mho.report.schema import Results, Step

RESULTS = Results(format=1, baseline={"accuracy": 0.9}, network={"macs": 2000})


def test_the_cost_comes_first_then_what_is_added():
    step = Step(
        name="a", method="vera-plus", seconds=3.0,
        cost={"area_share": 0.02, "extra_macs": 20, "area_share_by_book": {"a": 0.02, "b": 0.05}},
        adds={"area_share": 0.9, "rom_bits": 64, "sram_bits": math.nan, "macs_per_inference": 7},
    )  # fmt: skip
    price = price_of(step, RESULTS)
    assert (price.area_share, price.rom_bits, price.macs, price.seconds) == (0.02, 64, 20, 3.0)
    assert price.sram_bits is None
    assert price.macs_share == pytest.approx(0.01)
    assert price.area_range == (0.02, 0.05)


def test_nothing_done_costs_nothing():
    price = price_of(Step(name="as it is"), RESULTS)
    assert (price.area_share, price.sram_bits, price.macs) == (0, 0, 0)


def test_an_unknown_area_is_not_a_small_one():
    # one area is unknown, so memory decides
    prices = [Price(area_share=0.01, sram_bits=50, rom_bits=0), Price(sram_bits=10, rom_bits=0)]
    assert order_by_price(prices) == [1, 0]
    assert decided_by(prices, 1) == "bits of SRAM"


def test_equal_areas_are_told_apart_by_operations():
    prices = [
        Price(area_share=0.01, sram_bits=5, rom_bits=5, macs=9),
        Price(area_share=0.01, sram_bits=5, rom_bits=5, macs=3),
    ]
    assert order_by_price(prices) == [1, 0]
    assert decided_by(prices, 1) == "extra operations"


def test_the_first_of_equals_stays_first():
    assert order_by_price([Price(area_share=0.0), Price(area_share=0.0)]) == [0, 1]


@pytest.mark.parametrize(
    ("price", "text"),
    [
        (Price(area_share=0.0786), "7.9 % more area"),
        (Price(area_share=0.0042), "0.42 % more area"),
        (Price(area_share=10.2444), "1\u202f024 % more area"),
        (Price(area_share=0.0, rom_bits=41_232), "5.15 kB of memory"),
        (Price(macs=20, macs_share=0.01), "20 extra operations (1.0 %)"),
        (Price(rram_writes=12_000), "12\u202f000 RRAM writes"),
        (Price(area_share=0.0), "no extra hardware"),
        (Price(seconds=3.0), ""),
    ],
)
def test_a_price_in_words(price, text):
    assert price_text(price) == text
