"""Picking the vectors of a drift level inside a graph, from the time alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mho.recover.veraplus.attachment import VeraBranch


class TimedVectors(nn.Module):
    """The stored vectors of all sets, and the set in force as tensor operations.

    With the place ``p`` of a time among the sets (the number of starts passed, or for mixed sets
    ``sum_k clip(ln(t / s_k) / ln(s_(k+1) / s_k), 0, 1)``), set k has the share
    ``max(1 - |p - k|, 0)``: the same numbers as :meth:`Schedule.shares_at`.

    Args:
        branch: What VeRA+ attached.
    """

    starts: Tensor
    clock: Tensor
    numbers: Tensor

    def __init__(self, branch: VeraBranch) -> None:
        super().__init__()
        schedule, vectors, branches = branch.schedule, branch.vectors, branch.branches
        self._interpolate = schedule.interpolate and schedule.sets > 1
        self._sizes = {"b": branches.b_sizes, "d": branches.d_sizes}
        self._layers = [g.layer for g in branches.geometries]
        small = vectors.bits is not None and vectors.bits <= 8
        for name, codes, scale in (
            ("b", vectors.b_codes, vectors.b_scale),
            ("d", vectors.d_codes, vectors.d_scale),
        ):
            kept = codes.to(torch.int8) if small else codes
            self.register_buffer(f"{name}_codes", kept.clone())
            spread = scale.repeat_interleave(torch.tensor(self._sizes[name]))
            self.register_buffer(f"{name}_scale", spread)
        self.register_buffer("starts", torch.tensor(schedule.starts_s, dtype=torch.float64))
        self.register_buffer("clock", torch.tensor(branch.clock, dtype=torch.float64))
        self.register_buffer("numbers", torch.arange(schedule.sets, dtype=torch.float32))

    def forward(self, t_s: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        """Return b and d of each layer at a time since programming in s."""
        shares = (1 - (self._place(t_s * self.clock) - self.numbers).abs()).clamp(min=0)
        b, d = (self._values(shares, name) for name in ("b", "d"))
        return {layer: (b[i], d[i]) for i, layer in enumerate(self._layers)}

    def _place(self, t_s: Tensor) -> Tensor:
        if not self._interpolate:
            return (t_s >= self.starts[1:]).to(torch.float32).sum()
        logs = self.starts.log()
        now = torch.maximum(t_s, self.starts[0]).log()  # before the first start: the first set
        passed = ((now - logs[:-1]) / (logs[1:] - logs[:-1])).clamp(0, 1)
        return passed.sum().to(torch.float32)

    def _values(self, shares: Tensor, name: str) -> tuple[Tensor, ...]:
        codes, scale = getattr(self, f"{name}_codes"), getattr(self, f"{name}_scale")
        return torch.split((shares @ codes.to(torch.float32)) * scale, self._sizes[name])
