"""Values of several drift levels as small integers, with one scale a tensor for all levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

SCALE_BITS = 16
"""Bits of a scale."""


@dataclass(frozen=True, eq=False)
class Quantised:
    """Named values of all levels: ``value = scale * code`` with ``|code| <= 2^(bits-1) - 1``.

    Attributes:
        codes: By name: shape ``(levels, …)``, int16.
        scales: By name: one number.
        bits: Bits a value.

    Example:
        >>> kept = Quantised.of({"A/fc": torch.tensor([[1.0, -0.5], [0.25, 0.0]])}, 8)
        >>> kept.at(0)["A/fc"], kept.storage_bits
        (tensor([ 1.0000, -0.5039]), 48)
    """

    codes: Mapping[str, Tensor]
    scales: Mapping[str, Tensor]
    bits: int

    @classmethod
    def of(cls, values: Mapping[str, Tensor], bits: int) -> Quantised:
        """Round the values of all levels."""
        most = 2 ** (bits - 1) - 1
        codes, scales = {}, {}
        for name, value in values.items():
            scale = value.abs().max().clamp_min(1e-30) / most
            codes[name] = (value / scale).round().to(torch.int16)
            scales[name] = scale
        return cls(codes, scales, bits)

    def at(self, level: int) -> dict[str, Tensor]:
        """Return the values of one level."""
        return {name: codes[level].float() * self.scales[name]
                for name, codes in self.codes.items()}  # fmt: skip

    @property
    def values_a_set(self) -> int:
        """Values of one level."""
        return sum(codes[0].numel() for codes in self.codes.values())

    @property
    def storage_bits(self) -> int:
        """Bits of all levels, scales included."""
        values = sum(codes.numel() for codes in self.codes.values())
        return values * self.bits + len(self.scales) * SCALE_BITS

    def tensors(self) -> dict[str, Tensor]:
        """Return codes and scales, sorted by name: a hash of them must not know another order."""
        names = sorted(self.codes)
        codes = {f"code/{name}": self.codes[name] for name in names}
        return {**codes, **{f"scale/{name}": self.scales[name].reshape(1) for name in names}}

    @classmethod
    def restore(cls, names: Sequence[str], tensors: Mapping[str, Tensor], bits: int) -> Quantised:
        """Build it again from what :meth:`tensors` returned.

        Raises:
            KeyError: A tensor is missing.
            ValueError: A tensor is not what it should be.
        """
        codes = {name: tensors[f"code/{name}"] for name in names}
        scales = {name: tensors[f"scale/{name}"] for name in names}
        for name in names:
            scale = scales[name]
            if codes[name].dtype != torch.int16 or codes[name].ndim < 2:
                raise ValueError(f"'{name}' holds no codes")
            if scale.shape != (1,) or not bool(torch.isfinite(scale).all()):
                raise ValueError(f"'{name}' has no scale")
        return cls(codes, {name: scale[0] for name, scale in scales.items()}, bits)
