"""Which inputs to probe a layer with: the few along which errors of its weights do most harm."""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from mho.data import Data
from mho.network.call import call_with
from mho.network.mapped import MappedNetwork
from mho.progress import Progress
from mho.recover.veraplus.geometry import Geometry
from mho.rng import Streams

Reach: TypeAlias = Literal["channels", "window"]

_BATCH = 8
_DRAWS = 2
"""Random directions in the logits, for each batch."""
_ROWS = 16
"""Rows that the gradient of a layer is condensed to, for each batch and draw."""
_SPARE, _ROUNDS = 8, 4
"""Spare directions and power iterations of the randomised decomposition."""
_CHIPS = 2


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The directions of one layer's inputs, the most harmful first.

    Attributes:
        patterns: Orthonormal columns, shape ``(groups, inputs of a group, directions)`` and, where
            they reach over the window, ``(groups, inputs of a group * taps, directions)``.
        power: Mean square of the gradients along each, shape ``(directions,)``.
    """

    patterns: Tensor
    power: Tensor


def spectra(
    network: MappedNetwork,
    geometries: Sequence[Geometry],
    data: Data,
    *,
    most: int,
    reach: Reach,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Spectrum]:
    """Find the directions of each layer's inputs along which its weights matter to the logits.

    An error ``E`` of a layer's weight moves the logits by ``<dz/dW, E>``. Cells err each on their
    own, so what a direction ``p`` of the inputs carries of the harm is ``|dz/dW p|²``: the best few
    directions are the leading right singular vectors of all gradients, output by output. They are
    found from random combinations of the logits of random groups of examples, which have the same
    mean square; any kind of layer will do, since the gradient has the shape of its weight.

    Args:
        network: The network; its digital form is used.
        geometries: The layers.
        data: Inputs; labels are not looked at.
        most: Most directions of a layer.
        reach: One number a channel, the same at all taps of a convolution, or one a tap as well.
        seed: Seed of the random combinations.
        progress: Called as ``progress(examples done, examples, text)``.

    Source:
        The gradients' second moment is the Gauss-Newton matrix: J. Martens, ICML 2010; the randomised
        decomposition is N. Halko et al., SIAM Review 53, 217 (2011).
    """  # noqa: E501
    streams = Streams(seed, "probe-patterns")
    rows: dict[str, list[Tensor]] = {g.layer: [] for g in geometries}
    weights = {
        layer.parameter: network.model.get_parameter(layer.parameter).detach().requires_grad_()
        for layer in network.layers
    }
    with torch.random.fork_rng(devices=()), torch.enable_grad():
        torch.manual_seed(streams.integer("combinations"))
        for number, (inputs, _) in enumerate(data.batches(_BATCH)):
            if progress is not None:
                progress(number * _BATCH, len(data), "patterns to probe with")
            logits = call_with(network.model, weights, inputs)
            for draw in range(_DRAWS):
                goal = (logits * torch.randn(logits.shape)).sum()
                again = draw + 1 < _DRAWS
                found = torch.autograd.grad(goal, list(weights.values()), retain_graph=again)
                for geometry, gradient in zip(geometries, found, strict=True):
                    rows[geometry.layer].append(_condensed(_by_group(geometry, gradient, reach)))
        return {g.layer: _decomposed(torch.cat(rows[g.layer], dim=1), most) for g in geometries}


def _by_group(geometry: Geometry, weight: Tensor, reach: Reach) -> Tensor:
    """Return what a weight does along patterns: ``(groups, outputs of a group, numbers)``."""
    matrix = geometry.outputs_first(weight).reshape(geometry.groups, -1, geometry.fan_in)
    if reach == "window":
        return matrix
    by_tap = matrix.reshape(*matrix.shape[:2], -1, geometry.taps)
    return by_tap.sum(-1) / math.sqrt(geometry.taps)


def _condensed(gradient: Tensor) -> Tensor:
    """Return few random combinations of the rows of each group; same second moment, on average."""
    groups, outputs, _ = gradient.shape
    if outputs <= _ROWS:
        return gradient
    return torch.randn(groups, _ROWS, outputs) @ gradient / math.sqrt(_ROWS)


def _decomposed(rows: Tensor, most: int) -> Spectrum:
    directions = min(most, *rows.shape[1:])
    spare = min(directions + _SPARE, *rows.shape[1:])
    _, singular, right = torch.svd_lowrank(rows, q=spare, niter=_ROUNDS)
    power = singular[:, :directions].square().sum(0) / rows.shape[1]
    return Spectrum(right[:, :, :directions].contiguous(), power)


def expanded(geometry: Geometry, patterns: Tensor, reach: Reach) -> Tensor:
    """Return patterns over the whole window: ``(groups, fan-in, directions)``.

    Args:
        geometry: The layer.
        patterns: As in :class:`Spectrum`.
        reach: What they reach over.
    """
    if reach == "window":
        return patterns
    return patterns.repeat_interleave(geometry.taps, dim=1) / math.sqrt(geometry.taps)


def operations(geometry: Geometry, positions: int, reach: Reach) -> int:
    """Return the operations that one pattern adds to an inference.

    The input is multiplied with the pattern, and the result with one coefficient an output. Over
    channels alone that is done once at each input position, and a window adds up its positions.

    Args:
        geometry: The layer.
        positions: Matrix–vector products of an inference.
        reach: What the pattern reaches over.
    """
    if reach == "window":
        own = geometry.inputs * geometry.taps
    else:
        windows = geometry.groups * geometry.taps if geometry.taps > 1 else 0
        own = geometry.inputs * geometry.step + windows
    return positions * (own + geometry.outputs)


def error_power(network: MappedNetwork, seed: int = 0) -> dict[str, float]:
    """Return the mean square error of what each layer's cells hold, on freshly programmed chips.

    Args:
        network: The network.
        seed: Seed of the chips, which are never those that are evaluated.
    """
    start = network.hardware.device.t0_s
    streams = Streams(seed, "probe-chips")
    held = {layer.name: network.held_weight(layer.name) for layer in network.layers}
    found = dict.fromkeys(held, 0.0)
    for number in range(_CHIPS):
        [snapshot] = network.draw([start], streams.child(number))
        for name, weight in held.items():
            found[name] += float((snapshot.crossbar[name] - weight).square().mean()) / _CHIPS
    return found


def stored_numbers(geometry: Geometry, reach: Reach) -> int:
    """Return the numbers that one pattern adds: itself, and two for each output.

    Args:
        geometry: The layer.
        reach: What the pattern reaches over.
    """
    pattern = geometry.inputs * (geometry.taps if reach == "window" else 1)
    return pattern + 2 * geometry.outputs


def ranks_within(
    budgets: Sequence[float],
    worth: Mapping[str, Sequence[float]],
    costs: Mapping[str, Sequence[float]],
) -> dict[str, int]:
    """Choose how many patterns each layer gets, those of the most worth for their cost first.

    The cost of a pattern is the sum of the shares of each budget that it takes.

    Args:
        budgets: What may be spent, of each kind.
        worth: By layer: what each further pattern takes away, never rising.
        costs: By layer: what one pattern takes, of each kind.

    >>> ranks_within([5], {"a": [9.0, 1.0], "b": [4.0, 3.0]}, {"a": [3], "b": [1]})
    {'a': 1, 'b': 2}
    """
    left, ranks = list(budgets), dict.fromkeys(worth, 0)
    shares = {
        layer: sum(c / max(b, 1e-12) for c, b in zip(cost, budgets, strict=True))
        for layer, cost in costs.items()
    }
    queue = [(-gains[0] / shares[layer], layer) for layer, gains in worth.items() if len(gains)]
    heapq.heapify(queue)
    while queue:
        _, layer = heapq.heappop(queue)
        rest = [have - cost for have, cost in zip(left, costs[layer], strict=True)]
        if min(rest) < 0:
            continue
        left = rest
        ranks[layer] += 1
        if ranks[layer] < len(worth[layer]):
            heapq.heappush(queue, (-worth[layer][ranks[layer]] / shares[layer], layer))
    return ranks
