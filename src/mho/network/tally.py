"""Counting what converters do: how much is clipped, and how much of their range is used."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from mho.crossbar.converters import Codes


@dataclass
class Tally:
    """What the converters of one layer met since counting began.

    Attributes:
        inputs: Inputs that went through the DAC.
        inputs_clipped: Those beyond its range.
        sums: Partial sums that went through the ADC.
        sums_clipped: Those beyond its range.
        largest_sum: Largest magnitude of a partial sum over the ADC's full scale.
        squares: Sum of the squares of the partial sums over the full scale.
    """

    inputs: int = 0
    inputs_clipped: int = 0
    sums: int = 0
    sums_clipped: int = 0
    largest_sum: float = 0.0
    squares: float = 0.0

    @property
    def share_inputs_clipped(self) -> float:
        """Share of the inputs that were clipped."""
        return self.inputs_clipped / max(self.inputs, 1)

    @property
    def share_sums_clipped(self) -> float:
        """Share of the partial sums that were clipped."""
        return self.sums_clipped / max(self.sums, 1)

    @property
    def use_of_range(self) -> float:
        """Root mean square of the partial sums over the ADC's full scale; 0.2 to 0.4 is usual."""
        return float((self.squares / max(self.sums, 1)) ** 0.5)

    def add_inputs(self, codes: Tensor, dac: Codes) -> None:
        """Count inputs, given in codes before clipping."""
        self.inputs += codes.numel()
        self.inputs_clipped += int(((codes < dac.low) | (codes > dac.high)).sum())

    def add_sums(self, codes: Tensor, adc: Codes) -> None:
        """Count partial sums, given in codes before rounding and clipping."""
        magnitude = codes.abs()
        self.sums += codes.numel()
        self.sums_clipped += int((magnitude > adc.high + 0.5).sum())
        self.largest_sum = max(self.largest_sum, float(magnitude.max()) / adc.high)
        self.squares += float(((codes / adc.high).double() ** 2).sum())
