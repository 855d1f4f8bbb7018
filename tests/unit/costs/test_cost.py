"""The cost as a whole."""

from __future__ import annotations

import json

import pytest

import mho
from mho.costs import calibration_set_bits, list_books
from mho.errors import ConfigError
from mho.network.applied import Additions, Applied

ADDS = Additions(
    sram_bits=8000,
    rom_bits=400,
    macs_per_inference=1000,
    rram_writes=100,
    sram_writes=50_000,
    share_in_sram=0.05,
)


def recovered(network, *adds):
    for one in adds:
        network = network.with_applied(Applied("method", {}, adds=one))
    return network


def test_without_recovery_nothing_is_added(linear):
    cost = mho.cost(linear)
    assert cost.area_share == 0
    assert cost.area_share_by_book == dict.fromkeys(list_books(), 0)
    assert (cost.storage_bits, cost.extra_macs, cost.extra_energy_pJ) == (0, 0, 0)
    assert cost.speed_against_rewriting is None
    assert cost.energy_pJ == pytest.approx(sum(cost.energy_by_part_pJ.values()))


def test_shares_are_parts_over_the_chip(linear):
    cost = mho.cost(recovered(linear, ADDS), "components-65nm")
    chip = sum(cost.chip_area_um2.values())
    assert cost.area_share == pytest.approx(sum(cost.area_um2.values()) / chip)
    assert cost.area_share_by_book[cost.book] == cost.area_share
    assert cost.extra_macs_share == 1000 / 20_000
    assert cost.storage_bits == 8400
    assert cost.energy_share == pytest.approx(
        cost.extra_energy_pJ / (cost.energy_pJ - cost.extra_energy_pJ)
    )


def test_recoveries_add_up(linear):
    other = Additions(rom_bits=800, macs_per_inference=10)
    both = mho.cost(recovered(linear, ADDS, other))
    apart = [mho.cost(recovered(linear, one)) for one in (ADDS, other)]
    assert both.area_share == pytest.approx(sum(c.area_share for c in apart))
    assert both.extra_energy_pJ == pytest.approx(sum(c.extra_energy_pJ for c in apart))
    assert both.storage_bits == sum(c.storage_bits for c in apart)


def test_energy_of_an_added_operation_is_horowitzs_at_65_nm(linear):
    cost = mho.cost(recovered(linear, Additions(macs_per_inference=1)))
    assert cost.extra_energy_pJ == pytest.approx((0.2 + 0.1 + 8 * 10 / 64) * 65 / 45, rel=0.01)


def test_writes_take_the_sources_times(linear):
    cost = mho.cost(recovered(linear, ADDS))
    assert cost.sram_write_s == pytest.approx(50_000 * 1e-9)
    assert cost.rram_write_s == pytest.approx((100 * 6.5e-6, 100 * 4.5e-3))
    assert cost.reprogram_s == pytest.approx((40_000 * 6.5e-6, 40_000 * 4.5e-3))
    assert cost.speed_against_rewriting == pytest.approx((5200, 3.6e6))
    assert cost.rram_write_pJ == pytest.approx(100 * 3910)


def test_data_kept_on_the_device_costs_area(linear):
    kept = Additions(data_bits=calibration_set_bits(2600, (3, 32, 32)))
    cost = mho.cost(recovered(linear, kept), "components-65nm")
    assert cost.data_bits == 63_897_600
    assert cost.area_um2["ROM"] == pytest.approx(63_897_600 * 0.251)


def test_plain_data_goes_through_json(linear):
    cost = mho.cost(recovered(linear, ADDS))
    data = json.loads(json.dumps(cost.to_dict()))
    assert data["storage_bits"] == 8400
    assert data["area_share"] == cost.area_share
    assert set(data["area_share_by_book"]) == set(list_books())


def test_people_see_both_books(linear):
    text = str(mho.cost(recovered(linear, ADDS)))
    for name in list_books():
        assert f"by {name}" in text
    assert "20,000 weights in 40,000 cells on 4 tiles" in text
    assert "µJ" in text


def test_a_network_that_was_never_traced_prints_without_energy(mapped):
    from torch import nn

    cost = mho.cost(mapped(nn.Linear(200, 100)))
    assert (cost.energy_pJ, cost.latency_ns, cost.macs) == (None, None, None)
    assert "µJ" not in str(cost)


def test_a_chip_is_priced_with_its_own_recoveries(linear):
    chip = linear.program(7).with_applied(Applied("own", {}, adds=ADDS))
    assert mho.cost(chip).sram_bits == 8000
    assert mho.cost(linear).sram_bits == 0


def test_an_unknown_book_is_refused(linear):
    with pytest.raises(ConfigError, match="unknown price book 'neurosym'"):
        mho.cost(linear, "neurosym")
