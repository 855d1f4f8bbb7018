"""The trained vectors as they are stored: small integers with one scale a layer."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mho.recover.veraplus.branches import Branches


@dataclass(frozen=True, eq=False)
class Vectors:
    """b and d of all sets, in integers with one scale a layer and kind that all sets share.

    ``value = scale * code`` with ``|code| <= 2^(bits-1) - 1``; the scale fits the largest magnitude
    of that layer over all sets and is kept in 16 bits (bfloat16).

    Attributes:
        b_codes: Shape ``(sets, sum of outputs)``, int16, or float32 where ``bits`` is None.
        d_codes: Shape ``(sets, layers * rank)``, likewise.
        b_scale: Shape ``(layers,)``, bfloat16 values in float32.
        d_scale: Shape ``(layers,)``, likewise.
        bits: Bits a value, or None for 32-bit floating point.
    """

    b_codes: Tensor
    d_codes: Tensor
    b_scale: Tensor
    d_scale: Tensor
    bits: int | None

    @property
    def sets(self) -> int:
        """Number of sets."""
        return len(self.b_codes)

    def values(self, branches: Branches) -> tuple[Tensor, Tensor]:
        """Return b and d of all sets, float32, shapes ``(sets, …)``."""
        return (
            self.b_codes.float() * _by_value(self.b_scale, branches.b_sizes),
            self.d_codes.float() * _by_value(self.d_scale, branches.d_sizes),
        )


def store(branches: Branches, b: Tensor, d: Tensor, bits: int | None) -> Vectors:
    """Round trained values to what is stored.

    Args:
        branches: Whose layers the values belong to.
        b: Shape ``(sets, sum of outputs)``.
        d: Shape ``(sets, layers * rank)``.
        bits: Bits a value, 2 to 16, or None to keep 32-bit floating point.
    """
    if bits is None:
        ones = torch.ones(len(branches.geometries))
        return Vectors(b.clone(), d.clone(), ones, ones.clone(), None)
    b_scale, d_scale = scales(branches, b, d, bits)
    return stored_with(branches, b, d, b_scale, d_scale, bits)


def stored_with(
    branches: Branches, b: Tensor, d: Tensor, b_scale: Tensor, d_scale: Tensor, bits: int
) -> Vectors:
    """Round trained values to what is stored with given scales; larger values are clipped."""
    return Vectors(
        _codes(b, _by_value(b_scale, branches.b_sizes), bits),
        _codes(d, _by_value(d_scale, branches.d_sizes), bits),
        b_scale,
        d_scale,
        bits,
    )


def scales(branches: Branches, b: Tensor, d: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """Return the scale of b and of d in each layer, bfloat16 values in float32."""
    return _scale(b, branches.b_sizes, bits), _scale(d, branches.d_sizes, bits)


def rounded(values: Tensor, scale: Tensor, sizes: list[int], bits: int) -> Tensor:
    """Return values rounded to what can be stored; gradients pass as if nothing was rounded.

    Args:
        values: Shape ``(…, sum of sizes)``.
        scale: One a layer, shape ``(layers,)``.
        sizes: Values in each layer.
        bits: Bits a value.
    """
    step = _by_value(scale, sizes)
    with torch.no_grad():
        error = _codes(values, step, bits).float() * step - values
    return values + error


def _scale(values: Tensor, sizes: list[int], bits: int) -> Tensor:
    largest = torch.stack([part.abs().max() for part in torch.split(values, sizes, dim=-1)])
    step = largest / (2 ** (bits - 1) - 1)
    # bfloat16 rounds; one step upwards keeps the largest value inside the codes.
    up = (step * (1 + 2**-7)).bfloat16().float()
    return torch.where(up > 0, up, torch.ones_like(up))


def _codes(values: Tensor, step: Tensor, bits: int) -> Tensor:
    largest = 2 ** (bits - 1) - 1
    return (values / step).round().clamp(-largest, largest).to(torch.int16)


def _by_value(scale: Tensor, sizes: list[int]) -> Tensor:
    return scale.repeat_interleave(torch.tensor(sizes))
