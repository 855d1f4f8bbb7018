"""Mappings: how a weight becomes the conductances of one or two cells, and how it is read back.

Every mapping is linear when read, so one formula decodes them all::

    weight = scale * sum_c polarity_c * g_c + offset

with ``scale`` in weight units per µS. They differ in what they do to a device's errors: a mean
shift of all conductances cancels in a differential pair and moves every weight of a layer by the
same amount in a single device.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from mho.device.device import Device
from mho.device.law import Law
from mho.device.levels import AnalogueLevels, nearest_level

FloatArray = npt.NDArray[np.floating[Any]]
Scale = Literal["layer", "column"]


@dataclass(frozen=True)
class Encoded:
    """A weight as it is to be programmed.

    Attributes:
        g_target_uS: Wanted conductances in µS, shape ``(cells, *weight.shape)``, float32.
        polarity: Sign with which a cell enters, broadcastable to ``g_target_uS``.
        scale: Weight units per µS, broadcastable to the weight.
        offset: Weight units, broadcastable to the weight; added digitally.
        slices: Slices that are converted on their own; cells are ordered slice by slice.
    """

    g_target_uS: FloatArray
    polarity: FloatArray
    scale: FloatArray
    offset: FloatArray
    slices: int = 1

    def decode(self, g_uS: FloatArray) -> FloatArray:
        """Read weights back from conductances.

        Args:
            g_uS: Conductances in µS, shape ``(..., cells, *weight.shape)``.

        Returns:
            Weights of shape ``(..., *weight.shape)``, float32.
        """
        cells = np.moveaxis(g_uS, g_uS.ndim - self.g_target_uS.ndim, 0)
        polarity = np.broadcast_to(self.polarity, self.g_target_uS.shape)
        total: FloatArray = cells[0] * polarity[0]
        for g, sign in zip(cells[1:], polarity[1:], strict=True):  # one cell at a time: less memory
            total += g * sign
        total *= self.scale
        total += self.offset
        return total

    def decode_slices(self, g_uS: FloatArray) -> FloatArray:
        """Read the slices of weights; their sum is what :meth:`decode` returns.

        Args:
            g_uS: Conductances in µS, shape ``(..., cells, *weight.shape)``.

        Returns:
            Shape ``(..., slices, *weight.shape)``; the offset is in the first slice.
        """
        total = self._by_slice(g_uS * self.polarity) * self.scale
        first = np.moveaxis(total, total.ndim - self.scale.ndim - 1, 0)[0]
        first += self.offset
        return total

    def decode_variance(self, sd_uS: FloatArray) -> FloatArray:
        """Return the variance of the slices of weights whose cells err independently.

        Args:
            sd_uS: Standard deviations in µS, shape ``(..., cells, *weight.shape)``.

        Returns:
            Shape ``(..., slices, *weight.shape)``, in squared weight units.
        """
        return self._by_slice((sd_uS * self.polarity) ** 2) * self.scale**2

    def _by_slice(self, cells: FloatArray) -> FloatArray:
        axis = cells.ndim - self.g_target_uS.ndim
        shape = cells.shape
        by_slice = cells.reshape(*shape[:axis], self.slices, -1, *shape[axis + 1 :])
        total: FloatArray = by_slice.sum(axis=axis + 1)
        return total


class Mapping(Law, ABC):
    """The interface of a mapping; implementations are final.

    ``stores_all_parameters`` puts biases and batch-norm parameters onto RRAM too.
    """

    stores_all_parameters: ClassVar[bool] = False

    @property
    def exact(self) -> bool:
        """Whether an ideal device gives the weights back unchanged."""
        return True

    @property
    def unclipped(self) -> Self:
        """The same mapping with no weight that saturates."""
        return self

    @property
    @abstractmethod
    def cells_per_weight(self) -> int:
        """RRAM cells that a weight takes."""

    def held(self, weight: FloatArray, *, output_axis: int = 0) -> FloatArray:
        """Return the weight that cells without levels and errors would hold, float32.

        Args:
            weight: Any shape, finite.
            output_axis: Axis of the outputs, for scales per column.
        """
        return np.asarray(weight, dtype=np.float32)

    @abstractmethod
    def encode(self, weight: FloatArray, device: Device, *, output_axis: int = 0) -> Encoded:
        """Turn a weight into wanted conductances at the device's levels.

        Args:
            weight: Any shape, finite.
            device: The device law; its levels and window are used, nothing random.
            output_axis: Axis of the outputs (the crossbar's columns), for scales per column.
        """


def _per_group(weight: FloatArray, scale: Scale, output_axis: int) -> tuple[int, ...] | None:
    """Return the axes over which one scale is shared: all, or all but the outputs'."""
    if scale == "layer":
        return None
    return tuple(axis for axis in range(weight.ndim) if axis != output_axis)


def root_mean_square(weight: FloatArray, scale: Scale, output_axis: int) -> FloatArray:
    """Return the root mean square per layer or column, float64; dims kept.

    Args:
        weight: Any shape, finite.
        scale: What shares one.
        output_axis: Axis of the outputs.
    """
    axes = _per_group(weight, scale, output_axis)
    # In float32 the squares of tiny weights would vanish.
    power = np.square(weight, dtype=np.float64).mean(axis=axes, keepdims=True)
    found: FloatArray = np.sqrt(power)
    return found


def largest(weight: FloatArray, scale: Scale, output_axis: int) -> FloatArray:
    """Return max|w| per layer or column, with 1 where all weights are 0; dims kept."""
    axes = _per_group(weight, scale, output_axis)
    w_max = np.abs(weight).max(axis=axes, keepdims=True)
    return np.where(w_max > 0, w_max, 1).astype(np.float32)


class ScaledMapping(Mapping, ABC):
    """A mapping that fits weights into the window by a scale of their layer or column.

    A few outliers, as transformers have them, would set the scale of all other weights, whose share
    of the window then drowns in the devices' spread; ``clip_sd`` lets them saturate.

    Args:
        scale: One scale a layer, or one an output column.
        clip_sd: k: weights beyond k standard deviations saturate, ``clip(w, -k rms(w), k rms(w))``
            with the root mean square of what shares a scale; by default none does.
    """

    law: str
    scale: Scale = "layer"
    clip_sd: Annotated[float, Field(gt=0)] | None = None

    @property
    def exact(self) -> bool:
        """Whether an ideal device gives the weights back unchanged: where none saturates."""
        return self.clip_sd is None

    @property
    def unclipped(self) -> Self:
        """The same mapping with no weight that saturates."""
        return self.model_copy(update={"clip_sd": None})

    def held(self, weight: FloatArray, *, output_axis: int = 0) -> FloatArray:
        """Return the weight with its outliers saturated; see :meth:`Mapping.held`."""
        weight = super().held(weight, output_axis=output_axis)
        if self.clip_sd is None:
            return weight
        limit = self.clip_sd * root_mean_square(weight, self.scale, output_axis)
        return np.clip(weight, -limit.astype(np.float32), limit.astype(np.float32))

    @model_serializer(mode="wrap")
    def _without_what_is_usual(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave ``clip_sd`` out where nothing is clipped: digests of before it existed hold."""
        values: dict[str, Any] = handler(self)
        if self.clip_sd is None:
            del values["clip_sd"]
        return values


class DifferentialPair(ScaledMapping):
    """Two cells a weight: ``w = scale (g+ - g-)``, the unused one at g_min.

    A shift common to all cells cancels; independent spreads add up to √2 of one cell's. With ``L``
    levels a cell there are ``2 L - 1`` weight values. ``scale`` is chosen per layer or per output
    column so that the largest ``|w|`` sits at g_max.

    Args:
        scale: One scale a layer, or one an output column.
        clip_sd: Weights beyond so many standard deviations (around 0, of what shares a scale)
            saturate at g_max; by default none. Use it, with about 5, where few outliers would
            stretch the scale of all other weights: in transformers.

    Example:
        >>> import mho, numpy as np
        >>> ideal = mho.load_device("ideal")
        >>> encoded = mho.DifferentialPair().encode(np.array([[0.5, -1.0]]), ideal)
        >>> encoded.decode(encoded.g_target_uS).round(6).tolist()
        [[0.5, -1.0]]
    """

    law: Literal["differential-pair"] = "differential-pair"

    @property
    def cells_per_weight(self) -> int:
        """Two."""
        return 2

    def encode(self, weight: FloatArray, device: Device, *, output_axis: int = 0) -> Encoded:
        """Turn a weight into pairs of conductances, shape ``(2, *weight.shape)`` in µS."""
        weight = self.held(weight, output_axis=output_axis)
        low, high = device.window
        w_max = largest(weight, self.scale, output_axis)
        share = weight / w_max * np.float32(high - low)
        wanted = np.float32(low) + np.stack([np.maximum(share, 0), np.maximum(-share, 0)])
        return Encoded(
            g_target_uS=nearest_level(wanted, device.levels, device.window),
            polarity=_column([1, -1], weight.ndim),
            scale=w_max / np.float32(high - low),
            offset=np.zeros_like(w_max),
        )


class SingleDevice(ScaledMapping):
    """One cell a weight with an offset: ``g = g_min + (w - w_min) * window / (w_max - w_min)``.

    The offset is subtracted digitally (a reference column). A mean shift of the conductances moves
    every weight of the layer by the same amount. This is how IBM maps the ``falcone2025`` device.

    Args:
        scale: One scale a layer, or one an output column.
        clip_sd: Weights beyond so many standard deviations saturate, see :class:`DifferentialPair`.
    """

    law: Literal["single-device"] = "single-device"

    @property
    def cells_per_weight(self) -> int:
        """One."""
        return 1

    def encode(self, weight: FloatArray, device: Device, *, output_axis: int = 0) -> Encoded:
        """Turn a weight into single conductances, shape ``(1, *weight.shape)`` in µS."""
        weight = self.held(weight, output_axis=output_axis)
        low, high = device.window
        axes = _per_group(weight, self.scale, output_axis)
        w_min = weight.min(axis=axes, keepdims=True)
        width = weight.max(axis=axes, keepdims=True) - w_min
        width = np.where(width > 0, width, 1).astype(np.float32)
        wanted = np.float32(low) + (weight - w_min) / width * np.float32(high - low)
        scale = width / np.float32(high - low)
        return Encoded(
            g_target_uS=nearest_level(wanted[None], device.levels, device.window),
            polarity=_column([1], weight.ndim),
            scale=scale,
            offset=w_min - scale * np.float32(low),
        )


class SignMagnitude(ScaledMapping):
    """One cell for ``|w|``, the sign kept apart digitally: ``w = sign (g - g_min) scale``.

    Args:
        scale: One scale a layer, or one an output column.
        clip_sd: Weights beyond so many standard deviations saturate, see :class:`DifferentialPair`.
    """

    law: Literal["sign-magnitude"] = "sign-magnitude"

    @property
    def cells_per_weight(self) -> int:
        """One."""
        return 1

    def encode(self, weight: FloatArray, device: Device, *, output_axis: int = 0) -> Encoded:
        """Turn a weight into single conductances, shape ``(1, *weight.shape)`` in µS."""
        weight = self.held(weight, output_axis=output_axis)
        low, high = device.window
        w_max = largest(weight, self.scale, output_axis)
        sign = np.where(weight < 0, -1, 1).astype(np.float32)
        wanted = np.float32(low) + np.abs(weight) / w_max * np.float32(high - low)
        scale = w_max / np.float32(high - low)
        return Encoded(
            g_target_uS=nearest_level(wanted[None], device.levels, device.window),
            polarity=sign[None],
            scale=scale,
            offset=-scale * sign * np.float32(low),
        )


class CharanLegacy(Mapping):
    """The rule of Charan et al. 2020 as their script has it: sign–magnitude without any scale.

    ``|w|`` is clipped to [0.01, 1] whatever the layer's weights are, rounded *up* to a multiple of
    ``1 / L`` and stored as ``g = |w| g_max``; biases and batch-norm parameters go through the same
    rule. Small weights are blown up to 0.1, which is what destroys a network: use it to reproduce
    the paper's collapse, and :class:`SignMagnitude` to see what the devices alone do.
    """

    law: Literal["charan2020-legacy"] = "charan2020-legacy"
    stores_all_parameters: ClassVar[bool] = True

    @property
    def exact(self) -> bool:
        """No: small weights are blown up."""
        return False

    @property
    def cells_per_weight(self) -> int:
        """One."""
        return 1

    def encode(self, weight: FloatArray, device: Device, *, output_axis: int = 0) -> Encoded:
        """Turn a weight into single conductances, shape ``(1, *weight.shape)`` in µS."""
        weight = np.asarray(weight, dtype=np.float32)
        magnitude = np.clip(np.abs(weight), 0.01, 1)
        states = device.levels.positions(device.window)
        if not isinstance(device.levels, AnalogueLevels) and states is not None:
            magnitude = np.ceil(magnitude * states.size) / np.float32(states.size)
        g_max = np.float32(device.g_max_uS)
        return Encoded(
            g_target_uS=(magnitude * g_max)[None].astype(np.float32),
            polarity=np.sign(weight)[None],
            scale=np.full((1,) * weight.ndim, 1 / g_max, dtype=np.float32),
            offset=np.zeros((1,) * weight.ndim, dtype=np.float32),
        )


def _column(signs: list[int], ndim: int) -> FloatArray:
    return np.asarray(signs, dtype=np.float32).reshape(-1, *(1,) * ndim)
