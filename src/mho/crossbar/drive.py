"""Input drives: how the codes of one input vector become voltages on the rows, step by step.

A drive turns codes into *waves*. Each wave is applied to the rows at once, its partial sums go
through the ADC, and the layer's output is ``sum of weight * ADC(W @ (values + shift))`` with what
the shift added taken away again digitally.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from mho.crossbar.converters import Codes
from mho.device.law import Law


class Wave(NamedTuple):
    """One step of driving the rows.

    Attributes:
        weight: What the converted sums are multiplied with before they are added up.
        values: Codes on the rows, shape of the input.
        shift: Code that is added on every row, padding included.
    """

    weight: float
    values: Tensor
    shift: float = 0.0


class Drive(Law, ABC):
    """The interface of an input drive; implementations are final.

    ``needs_codes`` says that it works on the integers of a DAC, not on analogue inputs;
    ``shifts`` that its waves have a shift.
    """

    needs_codes: ClassVar[bool] = False
    shifts: ClassVar[bool] = False

    @abstractmethod
    def waves(self, codes: Tensor, dac: Codes | None, *, signed: bool) -> Iterator[Wave]:
        """Return the waves of one input.

        Args:
            codes: Inputs in units of the DAC's step (as they are where it is ideal), any shape.
            dac: The DAC, or None.
            signed: Whether inputs of both signs occur in this layer.
        """


class Bipolar(Drive):
    """One wave, voltages of both signs: the ideal."""

    law: Literal["bipolar"] = "bipolar"

    def waves(self, codes: Tensor, dac: Codes | None, *, signed: bool) -> Iterator[Wave]:
        """Return one wave."""
        yield Wave(1.0, codes)


class TwoPhase(Drive):
    """Positive inputs first, magnitudes of negative ones second; their sums are subtracted.

    Layers whose inputs have one sign take one phase.
    """

    law: Literal["two-phase"] = "two-phase"

    def waves(self, codes: Tensor, dac: Codes | None, *, signed: bool) -> Iterator[Wave]:
        """Return one wave a phase."""
        for sign, values in _phases(codes, signed=signed):
            yield Wave(sign, values)


class OffsetInputs(Drive):
    """Inputs shifted up by half the range, so that none is negative.

    What the shift adds, ``shift * sum of the column``, is subtracted digitally for the *wanted*
    weights, which are known without reading the chip; the chip's own errors in that sum stay.
    """

    law: Literal["offset"] = "offset"
    needs_codes: ClassVar[bool] = True
    shifts: ClassVar[bool] = True

    def waves(self, codes: Tensor, dac: Codes | None, *, signed: bool) -> Iterator[Wave]:
        """Return one wave."""
        yield Wave(1.0, codes, float(dac.high) if dac is not None and signed else 0.0)


class BitSerial(Drive):
    """Inputs digit by digit: a small DAC, and one conversion of the sums for every digit.

    Codes of both signs take two phases. With one bit a cycle the DAC is a switch.

    Args:
        bits_per_cycle: Bits of one digit.
    """

    law: Literal["bit-serial"] = "bit-serial"
    bits_per_cycle: Annotated[int, Field(ge=1, le=8)] = 1
    needs_codes: ClassVar[bool] = True

    def waves(self, codes: Tensor, dac: Codes | None, *, signed: bool) -> Iterator[Wave]:
        """Return one wave for each phase and digit, lowest first."""
        base = 1 << self.bits_per_cycle
        high = 1 if dac is None else dac.high
        for sign, values in _phases(codes, signed=signed):
            weight = 1
            while weight <= high:
                higher = torch.floor(values / base)
                yield Wave(sign * weight, values - base * higher)
                values, weight = higher, weight * base


def _phases(codes: Tensor, *, signed: bool) -> Iterator[tuple[float, Tensor]]:
    yield 1.0, codes.clamp_min(0)
    if signed:
        yield -1.0, (-codes).clamp_min(0)


AnyDrive = Annotated[Bipolar | TwoPhase | OffsetInputs | BitSerial, Field(discriminator="law")]
