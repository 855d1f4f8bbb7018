"""Roles: what a column of a table of measurements is, known by its name and unit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mho.errors import ConfigError, unknown
from mho.units import TO_A, TO_V, TO_ohm, TO_s, TO_uS

TO_C = {"C": 0.0, "°C": 0.0, "degC": 0.0, "K": -273.15}
"""What to add to a temperature to have it in °C."""


@dataclass(frozen=True)
class Role:
    """One thing a column can be.

    Args:
        name: The word used in ``--columns name=…``.
        names: Column names (lower case, without unit) that say so by themselves.
        units: The units it may have and their factors; empty for a label or a count.
        label: Whether its values name things instead of measuring them.
    """

    name: str
    names: tuple[str, ...]
    units: Mapping[str, float]
    label: bool = False


_COUNT: dict[str, float] = {}

ROLES = {
    role.name: role
    for role in (
        Role("cell", ("cell", "address", "addr", "device", "cell_id", "device_id", "id", "bit",
                      "cell_address"), _COUNT, label=True),
        Role("row", ("row", "wl", "word_line", "wordline"), _COUNT, label=True),
        Role("column", ("column", "col", "bl", "bit_line", "bitline"), _COUNT, label=True),
        Role("time", ("time", "t", "elapsed", "delay", "time_since_programming", "read_time"),
             TO_s),
        Role("conductance", ("conductance", "g", "cond", "g_read"), TO_uS),
        Role("resistance", ("resistance", "r", "res", "r_read"), TO_ohm),
        Role("current", ("current", "i", "i_read", "read_current"), TO_A),
        Role("read_voltage", ("read_voltage", "v", "v_read", "vread", "voltage"), TO_V),
        Role("level", ("level", "lvl", "state", "range"), _COUNT),
        Role("target", ("target", "g_target", "target_conductance", "conductance_target",
                        "setpoint"), TO_uS),
        Role("first_reading", ("first_reading", "first", "g0", "g_0", "initial", "g_initial",
                               "conductance_initial", "initial_conductance"), TO_uS),
        Role("cycle", ("cycle", "cyc", "iteration", "programming"), _COUNT, label=True),
        Role("die", ("die", "chip", "die_id"), _COUNT, label=True),
        Role("die_x", ("die_x", "x", "die_col"), _COUNT),
        Role("die_y", ("die_y", "y", "die_row"), _COUNT),
        Role("wafer", ("wafer", "wafer_id"), _COUNT, label=True),
        Role("lot", ("lot", "lot_id"), _COUNT, label=True),
        Role("temperature", ("temperature", "temp", "bake_temperature"), TO_C),
    )
}  # fmt: skip
"""All roles by name."""

READINGS = ("conductance", "resistance", "current")
"""The roles of which exactly one is used as the reading (current together with read_voltage)."""

_UNIT = re.compile(
    r"^(?P<name>.*?)\s*(?:[\[({]\s*(?P<bracket>[^\])}]*?)\s*[\])}]|_(?P<tail>[^_\s]+))$"
)


def plain_letters(text: str) -> str:
    """Write µ and Ω with one code point each (Unicode has two)."""
    return text.replace("\u03bc", "µ").replace("\u2126", "Ω")


def find_unit(text: str, units: Mapping[str, float]) -> str | None:
    """Return the unit of ``units`` that a text means; letter case matters only where it must.

    >>> find_unit("us", TO_uS), find_unit("kOhm", TO_ohm), find_unit("parsec", TO_s)
    ('uS', 'kohm', None)
    """
    text = plain_letters(text.strip())
    if text in units:
        return text
    folded = [name for name in units if name.lower() == text.lower()]
    aliases = {"ohms": "ohm", "sec": "s", "seconds": "s", "hours": "h", "hour": "h", "days": "d",
               "minutes": "min", "siemens": "S", "celsius": "C", "volt": "V"}  # fmt: skip
    alias = aliases.get(text.lower())
    return folded[0] if len(folded) == 1 else alias if alias in units else None


def split_name(header: str) -> tuple[str, str | None]:
    """Split a column name into its bare name and what may be a unit.

    >>> split_name("R (kΩ)"), split_name("conductance_uS"), split_name("die")
    (('R', 'kΩ'), ('conductance', 'uS'), ('die', None))
    """
    text = plain_letters(str(header).strip())
    match = _UNIT.match(text)
    if match is None or not match["name"]:
        return text, None
    return match["name"].strip(" _"), match["bracket"] or match["tail"]


@dataclass(frozen=True)
class Named:
    """What a column's name says: a role, and a unit where the name holds one."""

    role: str
    unit: str | None


def role_of_name(header: str) -> Named | None:
    """Return the role and unit that a column name states, or None where it says neither.

    >>> role_of_name("R (kΩ)"), role_of_name("colour")
    (Named(role='resistance', unit='kΩ'), None)
    """
    text = plain_letters(str(header).strip())
    for role in ROLES.values():
        if text.lower().replace(" ", "_") in role.names and text != "T":
            return Named(role.name, None)
    bare, tail = split_name(text)
    if text == "T" or (bare == "T" and tail and find_unit(tail, TO_C)):
        return Named("temperature", find_unit(tail, TO_C) if tail else None)
    if tail is None:
        return None
    name = bare.lower().replace(" ", "_")
    for role in ROLES.values():
        unit = find_unit(tail, role.units)
        if unit is not None and name in role.names:
            return Named(role.name, unit)
    return None


def parse_columns(items: Iterable[str], *, option: str = "--columns") -> dict[str, str]:
    """Read ``role=column`` pairs as they are written on the command line.

    Raises:
        ConfigError: A pair is not one, or its role is unknown.

    >>> parse_columns(["cell=0 time=1", "conductance=G (uS)"])
    {'cell': '0', 'time': '1', 'conductance': 'G (uS)'}
    """
    pairs: dict[str, str] = {}
    for item in items:
        pieces = re.split(r"(?:^|[\s,])(?=\w+=)", item.strip())
        for piece in (p for p in pieces if p.strip()):
            role, sign, value = piece.strip().rstrip(",").partition("=")
            if not sign or not value.strip():
                raise ConfigError(
                    f"{option}: '{piece}' is not of the form role=column; write for example "
                    f"{option} cell=0 time=1 conductance=3."
                )
            pairs[check_role(role.strip(), where=option)] = value.strip()
    return pairs


def check_role(role: str, *, where: str) -> str:
    """Return the role where it is known.

    Raises:
        ConfigError: It is not; the message names the nearest known one.
    """
    if role not in ROLES:
        raise unknown("role", role, ROLES, where=where)
    return role


def check_units(units: Mapping[str, str], *, where: str = "units") -> dict[str, str]:
    """Return stated units by role, each in the spelling mho uses.

    Raises:
        ConfigError: A role is unknown, or has no such unit.
    """
    known = {}
    for role, unit in units.items():
        spelt = find_unit(str(unit), ROLES[check_role(role, where=where)].units)
        if spelt is None:
            raise unknown(f"unit of {role}", str(unit), ROLES[role].units, where=where)
        known[role] = spelt
    return known
