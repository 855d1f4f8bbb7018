"""What steps add stands in a table, and only where something is added."""

from __future__ import annotations

from mho.reproduce.prices import price_table

NOTHING = {
    "sram_bits": 0, "rom_bits": 0, "data_bits": 0, "extra_macs_share": 0.0, "area_share": 0.0,
    "energy_share": None, "rram_writes": 0,
}  # fmt: skip


def test_every_kind_of_addition_has_its_column():
    vera = {**NOTHING, "rom_bits": 12_192, "extra_macs_share": 0.0123, "area_share": 0.009}
    fresh = {**NOTHING, "rram_writes": 1_234_567, "data_bits": 80}
    table = price_table(
        [{"name": "as it is", "cost": NOTHING}, {"name": "VeRA+", "cost": vera},
         {"name": "rewritten", "cost": fresh}, {"name": "not priced"}]
    )  # fmt: skip
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    assert rows[0][1:4] == ["SRAM, bytes", "read-only, bytes", "data on the device, bytes"]
    assert rows[2] == ["as it is", *["–"] * 7]
    assert rows[3] == ["VeRA+", "–", "1,524", "–", "1.23", "0.90", "–", "–"]
    assert rows[4] == ["rewritten", "–", "–", "10", "–", "–", "–", "1,234,567"]
    assert len(rows) == 5


def test_no_table_where_nothing_is_added():
    assert price_table([{"name": "as it is", "cost": NOTHING}, {"name": "x"}]) == ""
