"""What every step of a study stores, computes and writes, as one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

_COLUMNS: tuple[tuple[str, Callable[[Mapping[str, Any]], str]], ...] = (
    ("SRAM, bytes", lambda cost: _count(cost["sram_bits"] / 8)),
    ("read-only, bytes", lambda cost: _count(cost["rom_bits"] / 8)),
    ("data on the device, bytes", lambda cost: _count(cost["data_bits"] / 8)),
    ("operations, %", lambda cost: _share(cost["extra_macs_share"])),
    ("area, %", lambda cost: _share(cost["area_share"])),
    ("energy, %", lambda cost: _share(cost["energy_share"])),
    ("RRAM cells written", lambda cost: _count(cost["rram_writes"])),
)


def price_table(steps: Sequence[Mapping[str, Any]]) -> str:
    """Write what the steps of a study add to a chip as a Markdown table.

    Args:
        steps: The study's steps; one that was not priced has no row.

    Returns:
        The table; empty where no step adds anything.
    """
    priced = [(step["name"], step["cost"]) for step in steps if step.get("cost")]
    rows = [(name, [write(cost) for _, write in _COLUMNS]) for name, cost in priced]
    if all(cell == "–" for _, cells in rows for cell in cells):
        return ""
    head = ["added by", *(title for title, _ in _COLUMNS)]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += [f"| {name} | " + " | ".join(cells) + " |" for name, cells in rows]
    return "\n".join(lines) + "\n"


def _count(value: float) -> str:
    return f"{value:,.0f}" if value else "–"


def _share(value: float | None) -> str:
    return f"{100 * value:.2f}" if value else "–"
