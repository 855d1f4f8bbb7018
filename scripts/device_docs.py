"""Write the tables of docs/devices.md from the code: presets with sources, card keys with units.

Run it after a preset or a law has changed; a test fails until that is done.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any, get_args

import mho
from mho.device.curve import Curve, TimeCurve
from mho.device.describe import window_text
from mho.device.device import Device, Source, ValidRange
from mho.device.die import DieOffset
from mho.device.drift import Drift
from mho.device.faults import Faults
from mho.device.levels import Levels
from mho.device.memory import Memory
from mho.device.programming import ProgrammingNoise
from mho.device.read_noise import ReadNoise
from mho.device.shapes import Shape
from mho.device.temperature import Arrhenius
from mho.units import time_text

PAGE = Path(__file__).parents[1] / "docs" / "devices.md"
UNIONS = {
    "levels": Levels,
    "programming": ProgrammingNoise,
    "die": DieOffset,
    "drift": Drift,
    "memory": Memory,
    "read_noise": ReadNoise,
}
PARTS = {"shape": Shape, "curve of g": Curve, "curve of g and t": TimeCurve}
KINDS = ("law", "form", "shape")
TABLES = {"faults": Faults, "temperature": Arrhenius, "valid": ValidRange, "source": Source}
TOP = ("name", "description", "g_min_uS", "g_max_uS", "t0_s", "extrapolate")


def table(heads: list[str], rows: list[list[str]]) -> str:
    """Write a table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", r"\|").replace("``", "`") for cell in row) + " |"
        for row in lines
    )


def presets() -> str:
    """Write the table of presets."""
    rows = []
    for device in map(mho.load_device, mho.list_devices()):
        source = device.source
        where = f"{source.citation}, {source.place}" if source.place else source.citation
        link = f" [doi](https://doi.org/{source.doi})" if source.doi else ""
        laws = (device.programming.law, device.drift.law, device.read_noise.law)
        rows.append([f"`{device.name}`", window_text(device), _times(device), *laws, where + link])
    heads = ["preset", "window", "valid for t", "programming", "drift", "read noise", "source"]
    return table(heads, rows)


def _times(device: Device) -> str:
    if device.valid.t_s is None:
        return "any"
    first, last = map(time_text, device.valid.t_s)
    return first if first == last else f"{first} – {last}"


def _summary(law: type) -> str:
    """Return the first paragraph of a docstring on one line."""
    return " ".join((law.__doc__ or "").strip().split("\n\n")[0].split())


def _key(name: str, field: Any) -> str:
    kind = next((word for word, union in PARTS.items() if _members(union) == _members(field)), "")
    of = f" (a {kind})" if kind else ""
    if field.is_required():
        return f"`{name}`{of}"
    default = field.default
    if default in (None, ""):
        return f"`{name}` (optional)"
    shown = str(default).lower() if isinstance(default, bool) else str(default)
    return f"`{name}` = {shown.replace('(', '[').replace(')', ']')}"


def _members(union: Any) -> set[Any]:
    """Return the laws of a union, given as a type or as a field of that type."""
    annotation = getattr(union, "annotation", union)
    inner = get_args(annotation)[0] if hasattr(annotation, "__metadata__") else annotation
    return set(get_args(inner))


def _keys(law: Any, only: tuple[str, ...] | None = None) -> str:
    fields = {
        name: field
        for name, field in law.model_fields.items()
        if not (name in KINDS and isinstance(field.default, str)) and (not only or name in only)
    }
    return ", ".join(_key(name, field) for name, field in fields.items()) or "–"


def keys() -> str:
    """Write the table of everything a card may hold."""
    rows = [["top of the card", "", _summary(Device), _keys(Device, TOP)]]
    for name, union in UNIONS.items():
        for law in get_args(get_args(union)[0]):
            tag = law.model_fields["law"].default
            rows.append([f"`[{name}]`", f'`law = "{tag}"`', _summary(law), _keys(law)])
    for name, union in PARTS.items():
        for law in get_args(get_args(union)[0]):
            kind = next(key for key in KINDS if key in law.model_fields)
            tag = law.model_fields[kind].default
            rows.append([f"a {name}", f'`{kind} = "{tag}"`', _summary(law), _keys(law)])
    for name, law in TABLES.items():
        rows.append([f"`[{name}]`", "", _summary(law), _keys(law)])
    rows.append(["`[fit]`", "", "Whatever a fit wants to remember; it enters no draw.", "any"])
    return table(["where", "kind", "what it says", "keys"], rows)


def page(text: str) -> str:
    """Return the page with its generated parts written anew."""
    for name, part in (("presets", presets()), ("keys", keys())):
        begin, end = (
            f"<!-- {name}: written by scripts/device_docs.py -->",
            f"<!-- end of {name} -->",
        )
        text = re.sub(
            f"{re.escape(begin)}.*?{re.escape(end)}",
            lambda _, b=begin, p=part, e=end: f"{b}\n\n{p}\n\n{e}",
            text,
            flags=re.DOTALL,
        )
    return text


if __name__ == "__main__":
    old = PAGE.read_text(encoding="utf-8")
    new = page(old)
    PAGE.write_text(new, encoding="utf-8")
    sys.stdout.write(f"{PAGE}: {'written anew' if new != old else 'was up to date'}\n")
