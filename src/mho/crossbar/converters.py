"""Converters: what DAC and ADC do to a number, as a step size and a range of codes."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Codes:
    """A uniform quantiser: codes ``low … high``, value = code × step.

    Attributes:
        step: Size of one code, in the units of what is converted; one for all, or a tensor.
        low: Smallest code; 0 for an unsigned converter.
        high: Largest code.
    """

    step: float | Tensor
    low: int
    high: int

    def quantise(self, x: Tensor) -> Tensor:
        """Return the values after conversion, same shape: rounded half to even, clipped."""
        return (x / self.step).round().clamp(self.low, self.high) * self.step


def codes_for(bits: int, full_scale: float | Tensor, *, signed: bool) -> Codes:
    """Return the codes of a converter.

    A signed one spends a bit on the sign and is symmetric, so that 0 is exact: 8 bits have the
    codes −127 … 127. With 1 signed bit there are −1, 0 and 1.

    Args:
        bits: Resolution.
        full_scale: Largest magnitude that is not clipped.
        signed: Whether values of both signs occur.

    >>> codes_for(8, 1.27, signed=True)
    Codes(step=0.01, low=-127, high=127)
    """
    high = max((1 << (bits - 1 if signed else bits)) - 1, 1)
    scale = (
        full_scale.clamp_min(1e-30) if isinstance(full_scale, Tensor) else max(full_scale, 1e-30)
    )
    return Codes(step=scale / high, low=-high if signed else 0, high=high)
