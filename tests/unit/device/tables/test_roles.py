"""Column names say what they hold and in which unit."""

from __future__ import annotations

import pytest

from mho.device.tables.roles import (
    ROLES,
    check_units,
    find_unit,
    parse_columns,
    role_of_name,
    split_name,
)
from mho.errors import ConfigError


@pytest.mark.parametrize(
    ("header", "role", "unit"),
    [
        ("conductance_uS", "conductance", "uS"),
        ("R (kΩ)", "resistance", "kΩ"),
        ("R [kOhm]", "resistance", "kohm"),
        ("G(S)", "conductance", "S"),
        ("time_s", "time", "s"),
        ("t (ms)", "time", "ms"),
        ("T (°C)", "temperature", "°C"),
        ("T", "temperature", None),
        ("t", "time", None),
        ("I_read (nA)", "current", "nA"),
        ("V_read (V)", "read_voltage", "V"),
        ("Cell ID", "cell", None),
        ("die", "die", None),
        ("g0", "first_reading", None),
        ("row", "row", None),
        ("level", "level", None),
        ("target_uS", "target", "uS"),
    ],
)
def test_names_are_understood(header, role, unit):
    named = role_of_name(header)
    assert (named.role, named.unit) == (role, unit)


@pytest.mark.parametrize("header", ["colour", "note (by hand)", "x_y_z", "comment"])
def test_other_names_say_nothing(header):
    assert role_of_name(header) is None


def test_both_micro_signs_and_both_ohms_are_one():
    assert find_unit("\u03bcS", ROLES["conductance"].units) == "µS"
    assert find_unit("k\u2126", ROLES["resistance"].units) == "kΩ"
    assert split_name("R [M\u2126]") == ("R", "MΩ")


def test_case_decides_only_where_it_must():
    assert find_unit("ms", ROLES["time"].units) == "ms"
    assert find_unit("mS", ROLES["conductance"].units) == "mS"
    assert find_unit("us", ROLES["conductance"].units) == "uS"


def test_pairs_as_on_the_command_line():
    assert parse_columns(["cell=0 time=1", "conductance=G (uS)"]) == {
        "cell": "0",
        "time": "1",
        "conductance": "G (uS)",
    }


@pytest.mark.parametrize(("item", "says"), [("cell", "role=column"), ("cell=", "role=column")])
def test_half_a_pair_is_refused(item, says):
    with pytest.raises(ConfigError, match=says):
        parse_columns([item])


def test_a_misspelt_role_names_the_nearest():
    with pytest.raises(ConfigError, match="Did you mean 'conductance'"):
        parse_columns(["conductanse=3"])


def test_units_are_checked():
    assert check_units({"conductance": "us", "time": "hours"}) == {"conductance": "uS", "time": "h"}
    with pytest.raises(ConfigError, match="unit of time 'parsec'"):
        check_units({"time": "parsec"})
