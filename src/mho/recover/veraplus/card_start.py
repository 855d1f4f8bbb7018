"""Where training starts: VeRA's values, or for the window row what the device card says."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mho.crossbar.mapping import FloatArray
from mho.device.device import Device
from mho.network.layer import MappedLayer
from mho.network.mapped import MappedNetwork
from mho.recover.veraplus.branches import Branches
from mho.recover.veraplus.geometry import Geometry
from mho.recover.veraplus.projections import window_unit

_D_START = 0.1
"""Start of d in VeRA; its b starts at 0."""
_NEGLIGIBLE = 1e-6
"""A mean shift below this share of the largest weight is float rounding."""


class CardStart:
    """Start values of b and d at any drift level.

    The mean drift ``E[Δg]`` moves weights by ``ΔW = scale Σ polarity E[Δg]``.
    A window row with coefficient ``κ[o] = -mean ΔW[o, …]`` takes that away: exactly where all cells
    of an output shift alike (a single device a weight), not at all in a differential pair, whose
    mean cancels. Layers for which the card promises nothing start as VeRA does, ``b = 0, d = 0.1``.

    Args:
        network: The network; its device and mapping say what the mean shift does.
        branches: Its branches.
        last_s: End of life in s; it fixes the pattern of b over a layer's outputs.
    """

    def __init__(self, network: MappedNetwork, branches: Branches, last_s: float) -> None:
        self._network = network
        self._branches = branches
        self._patterns = {
            g.layer: _pattern(network.layer(g.layer), g, network.hardware.device, last_s)
            for g in branches.geometries
            if branches.projections.window
        }

    def values(self, t_s: float) -> tuple[Tensor, Tensor]:
        """Return flat b and d to start from at a drift level, nothing trained yet."""
        b, d = {}, {}
        for geometry in self._branches.geometries:
            pattern = self._patterns.get(geometry.layer)
            d[geometry.layer] = torch.full((self._branches.rank,), _D_START)
            if pattern is None:
                b[geometry.layer] = torch.zeros(geometry.outputs)
            else:
                b[geometry.layer] = pattern
                d[geometry.layer] = torch.zeros(self._branches.rank)
                d[geometry.layer][0] = self._coefficient(geometry.layer, pattern, t_s)
        return self._branches.flat(b, d)

    def move(self, b: Tensor, d: Tensor, from_s: float, to_s: float) -> tuple[Tensor, Tensor]:
        """Return the vectors of a neighbouring level with the card's change between the two.

        Args:
            b: Trained b at ``from_s``.
            d: Trained d at ``from_s``.
            from_s: The neighbour's level.
            to_s: The level to start at.
        """
        moved = [part.clone() for part in torch.split(d, self._branches.d_sizes)]
        for own, geometry in zip(moved, self._branches.geometries, strict=True):
            pattern = self._patterns.get(geometry.layer)
            if pattern is not None:
                own[0] += self._coefficient(geometry.layer, pattern, to_s)
                own[0] -= self._coefficient(geometry.layer, pattern, from_s)
        return b.clone(), torch.cat(moved)

    def _coefficient(self, layer: str, pattern: Tensor, t_s: float) -> float:
        """Return d[0] so that ``pattern * d[0] * unit`` is nearest to the card's κ at ``t_s``."""
        geometry = next(g for g in self._branches.geometries if g.layer == layer)
        kappa = card_coefficients(
            self._network.layer(layer), geometry, self._network.hardware.device, t_s
        )
        share = float(kappa @ pattern / (pattern @ pattern))
        return share / window_unit(geometry)


def card_coefficients(layer: MappedLayer, geometry: Geometry, device: Device, t_s: float) -> Tensor:
    """Return κ: for each output minus the mean change of its weights, as the card expects it.

    Args:
        layer: A layer on crossbars.
        geometry: Its geometry.
        device: The device law.
        t_s: Time since programming in s.

    Returns:
        Weight units, shape ``(outputs,)``, float32.
    """
    encoded = layer.encoded
    shift = _mean_shift(device, encoded.g_target_uS, t_s)
    change = (shift * encoded.polarity).sum(axis=0) * encoded.scale
    by_output = geometry.outputs_first(torch.from_numpy(change))
    return -by_output.reshape(geometry.outputs, -1).mean(dim=1).float()


def _mean_shift(device: Device, g_uS: FloatArray, t_s: float) -> FloatArray:
    """Return the mean shift of many cells, tabulated over the window once."""
    table = np.linspace(*device.window, 257)
    shift: FloatArray = np.interp(g_uS, table, device.mean_shift(table, t_s))
    return shift


def _pattern(
    layer: MappedLayer, geometry: Geometry, device: Device, last_s: float
) -> Tensor | None:
    """Return how κ is spread over a layer's outputs, rms 1, or None where there is none."""
    kappa = card_coefficients(layer, geometry, device, last_s)
    rms = float(kappa.square().mean().sqrt())
    largest = float(np.abs(layer.encoded.decode(layer.encoded.g_target_uS)).max())
    return kappa / rms if rms > _NEGLIGIBLE * largest else None
