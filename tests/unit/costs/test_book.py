"""The shipped books: every number has a source, and areas and energies add up by hand."""

from __future__ import annotations

import pytest

from mho.costs import census, list_books, load_book
from mho.costs.book import Components
from mho.costs.price import ConverterPrice, Price
from mho.errors import ConfigError
from mho.network.applied import Additions

PARTS = load_book("components-65nm").components


def prices_of(book):
    return {
        name: value
        for name in type(book).model_fields
        if isinstance(value := getattr(book, name), Price | ConverterPrice)
    }


@pytest.mark.parametrize("name", list_books())
def test_every_number_has_a_source_that_can_be_looked_up(name):
    book = load_book(name)
    assert book.name == name
    for key, price in prices_of(book).items():
        assert len(price.source) > 20, key
        if price.mark in ("paper", "second-hand"):
            assert any(c.isdigit() for c in price.source), f"{key}: no year or table"


def test_chip_area_by_hand(linear):
    area = PARTS.chip_um2(census(linear))
    assert area["RRAM cells"] == pytest.approx(4 * 128 * 128 * 0.0486 * (65 / 22) ** 2)
    assert area["output converters"] == pytest.approx(4 * 1200 * (65 / 32) ** 2)
    assert area["row drivers"] == pytest.approx(4 * 128 * 0.166 * (65 / 32) ** 2)
    assert area["buffers and wires"] == pytest.approx(4 * 2455 * (65 / 32) ** 2)
    assert area["digital parameters"] == pytest.approx(100 * 8 * 0.57 / 0.38)  # the bias


def test_a_tile_costs_what_isaac_says():
    """An ISAAC tile (12 × 8 arrays, 0.372 mm² at 32 nm) comes out, its RRAM cells apart."""
    per_array = (
        PARTS.adc.area_at(32, 8)
        + 128 * PARTS.driver_um2.area_at(32)
        + PARTS.shift_add_um2.area_at(32)
        + PARTS.buffers_and_wires_um2.area_at(32)
    )
    assert 96 * per_array / 1e6 == pytest.approx(0.372, rel=0.07)


def test_energy_by_hand(linear):
    counted = census(linear)
    energy = PARTS.chip_pJ(counted)
    conducted = counted.layers[0].conductance_uS * 1e-6 * 0.5**2 * 10e-9 * 1e12  # pJ, one cycle
    assert energy["RRAM cells"] == pytest.approx(8 * 0.5 * conducted)
    assert energy["output converters"] == pytest.approx(200 * 8 * 1.67 * 65 / 32)
    assert energy["row drivers"] == pytest.approx(400 * 8 * 0.39 * 65 / 32)
    assert energy["data movement"] == pytest.approx(300 * 8 * 0.215 * 65 / 32)
    assert PARTS.latency_ns(counted) == 8 * 100


def test_converters_of_the_hardware_replace_the_books(linear, mapped):
    from torch import nn, zeros

    fewer = census(mapped(nn.Linear(200, 100), zeros(1, 200), dac_bits=4, adc_bits=6))
    assert PARTS.latency_ns(fewer) == 4 * 100
    ratio = (
        PARTS.chip_um2(fewer)["output converters"]
        / PARTS.chip_um2(census(linear))["output converters"]
    )
    assert ratio == pytest.approx(626.9 / 1200)


def test_what_was_never_traced_has_no_energy_or_time(mapped):
    from torch import nn

    counted = census(mapped(nn.Linear(200, 100)))
    assert PARTS.chip_pJ(counted) is None
    assert PARTS.latency_ns(counted) is None


def test_a_smaller_node_costs_less(linear):
    counted = census(linear)
    small = PARTS.model_copy(update={"node_nm": 32.5})
    assert sum(small.chip_um2(counted).values()) == pytest.approx(
        sum(PARTS.chip_um2(counted).values()) / 4
    )
    assert sum(small.chip_pJ(counted).values()) < sum(PARTS.chip_pJ(counted).values())


def test_digital_units_are_as_many_as_keep_up_with_the_crossbars(linear):
    counted = census(linear)  # 800 ns an inference, 1 ns an operation
    assert PARTS.mac_units(0, counted) == 0
    assert PARTS.mac_units(800, counted) == 1
    assert PARTS.mac_units(801, counted) == 2


def test_the_calibrated_book_passes_through_its_point(linear):
    """15 % of the weights in words of 8 bits is 26 % more area, arithmetic included."""
    book = load_book("neurosim-charan2020")
    counted = census(linear)
    chip = sum(book.components.chip_um2(counted).values())
    adds = Additions(sram_bits=3000 * 8, share_in_sram=0.15, macs_per_inference=3000)
    assert sum(book.added_um2(adds, counted).values()) / chip == pytest.approx(0.26)
    wider = Additions(sram_bits=3000 * 16, share_in_sram=0.15)
    assert sum(book.added_um2(wider, counted).values()) / chip == pytest.approx(0.52)


def test_the_calibrated_book_takes_the_rest_from_components(linear):
    book, counted = load_book("neurosim-charan2020"), census(linear)
    adds = Additions(rom_bits=1000, data_bits=500, macs_per_inference=10)
    assert book.added_um2(adds, counted) == PARTS.added_um2(adds, counted)
    assert PARTS.added_um2(adds, counted)["ROM"] == pytest.approx(1500 * 0.251)


def test_an_unknown_book_names_the_nearest():
    with pytest.raises(ConfigError, match="Did you mean 'components-65nm'"):
        load_book("component-65nm")


def test_ones_own_book_by_path(tmp_path):
    from mho.costs.books import _FOLDER

    text = (_FOLDER / "components-65nm.toml").read_text(encoding="utf-8")
    path = tmp_path / "my.toml"
    path.write_text(text.replace("node_nm = 65\n", "node_nm = 28\n", 1), encoding="utf-8")
    book = load_book(path)
    assert isinstance(book, Components)
    assert book.node_nm == 28


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("law = ", "not valid TOML"),
        ('law = "component"', "unknown law 'component'"),
        ('law = "ratio"\nname = "x"\nabout = "y"\nbase = "components-65"', "unknown price book"),
        ('law = "components"\nname = "x"\nnodes_nm = 3', r"unknown key|is missing"),
    ],
)
def test_a_broken_book_is_one_sentence_with_the_place(tmp_path, text, sentence):
    path = tmp_path / "my.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=sentence) as caught:
        load_book(path)
    assert "\n" not in str(caught.value)


def test_a_missing_book_is_a_sentence(tmp_path):
    with pytest.raises(ConfigError, match="it does not exist; check the path"):
        load_book(tmp_path / "none.toml")
