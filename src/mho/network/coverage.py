"""Which layers went onto crossbars and which stayed digital, and why: nothing is silent."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class CoverageRow:
    """One layer.

    Attributes:
        layer: Name of the module or parameter.
        kind: Its class.
        where: ``"crossbar"`` or ``"digital"``.
        parameters: Number of parameters that are there.
        macs: Multiply–accumulates per input of the network; None where it was never traced.
        reason: Why it is there.
    """

    layer: str
    kind: str
    where: Literal["crossbar", "digital"]
    parameters: int
    macs: int | None
    reason: str


@dataclass(frozen=True)
class Coverage:
    """The layers of a network and where they went.

    Attributes:
        rows: One row a layer, in the network's order.
    """

    rows: tuple[CoverageRow, ...]

    @property
    def share_parameters(self) -> float:
        """Share of the parameters that lie on crossbars."""
        total = sum(row.parameters for row in self.rows)
        return sum(r.parameters for r in self.rows if r.where == "crossbar") / max(total, 1)

    @property
    def share_macs(self) -> float | None:
        """Share of the multiply–accumulates done on crossbars; None where never traced."""
        macs = [(row.where, row.macs) for row in self.rows]
        if any(m is None for _, m in macs):
            return None
        total = sum(m or 0 for _, m in macs)
        return sum(m or 0 for where, m in macs if where == "crossbar") / max(total, 1)

    @property
    def digital(self) -> tuple[CoverageRow, ...]:
        """The layers that stayed digital."""
        return tuple(row for row in self.rows if row.where == "digital")

    def to_list(self) -> list[dict[str, Any]]:
        """Return the rows as plain data."""
        return [asdict(row) for row in self.rows]

    def __str__(self) -> str:
        lines = [f"{'layer':<28} {'kind':<16} {'where':<9} {'parameters':>10} {'MACs':>12}  reason"]
        for r in self.rows:
            macs = "not traced" if r.macs is None else f"{r.macs:,}"
            lines.append(
                f"{r.layer:<28} {r.kind:<16} {r.where:<9} {r.parameters:>10,} {macs:>12}  "
                f"{r.reason}"
            )
        share = "" if self.share_macs is None else f", {self.share_macs:.1%} of the MACs"
        lines.append(f"on crossbars: {self.share_parameters:.1%} of the parameters{share}")
        return "\n".join(lines)
