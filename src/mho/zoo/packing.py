"""How the numbers of trained weights are stored, and read back as float32."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import torch
from torch import Tensor

Stored: TypeAlias = Literal["float32", "float16", "int8"]

_STEP: Final = "::step"
"""Ending of the name under which the steps of a tensor of integers are kept."""
_LARGEST: Final = 127


def pack(state: Mapping[str, Tensor], stored: Stored) -> dict[str, Tensor]:
    """Return a network's tensors in the type that they are to be stored in.

    With ``"int8"`` a matrix becomes ``q = round(w / step)`` in -127 … 127, with one step an output
    (first axis) beside it, float32; vectors (biases, batch norm) stay float32. A step is
    ``max |w| / 127`` rounded to nine significant bits, so that what was read back packs to the very
    same numbers.

    Args:
        state: Tensors by name.
        stored: Type of floating-point numbers; integers stay as they are.

    >>> packed = pack({"fc.weight": torch.tensor([[0.25, -1.0], [0.25, 0.0]])}, "int8")
    >>> packed["fc.weight"].tolist()
    [[32, -127], [127, 0]]
    """
    packed: dict[str, Tensor] = {}
    for name, value in state.items():
        if not value.is_floating_point():
            packed[name] = value.contiguous()
        elif stored == "int8" and value.ndim > 1:
            packed[name], packed[name + _STEP] = _integers(value.detach())
        else:
            kind = torch.float16 if stored == "float16" else torch.float32
            packed[name] = value.to(kind).contiguous()
    return packed


def unpack(packed: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors that :func:`pack` packed, floating-point numbers as float32.

    Args:
        packed: What was stored, by name.
    """
    state = {}
    for name, value in packed.items():
        if name.endswith(_STEP):
            continue
        if name + _STEP in packed:
            state[name] = value.float() * _beside(packed[name + _STEP], value)
        else:
            state[name] = value.float() if value.is_floating_point() else value
    return state


def _integers(weight: Tensor) -> tuple[Tensor, Tensor]:
    largest = weight.abs().flatten(1).amax(dim=1).float()
    mantissa, exponent = torch.frexp(largest / _LARGEST)
    step = torch.ldexp((mantissa * 512).round() / 512, exponent)
    step = torch.where(largest > 0, step, 1.0)
    whole = (weight / _beside(step, weight)).round().clamp(-_LARGEST, _LARGEST)
    return whole.to(torch.int8).contiguous(), step


def _beside(step: Tensor, weight: Tensor) -> Tensor:
    return step.reshape(-1, *(1,) * (weight.ndim - 1))
