"""A few known inputs that each chip reads its own error along, and the branch that subtracts it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from mho.data import Data
from mho.network.applied import Additions, Applied, Knowledge
from mho.network.mapped import MappedNetwork
from mho.recover.base import Progress, Recovery, Target, network_of
from mho.recover.readout.patterns import (
    Reach,
    Spectrum,
    error_power,
    expanded,
    operations,
    ranks_within,
    spectra,
    stored_numbers,
)
from mho.recover.readout.responses import ProbedResponses, responses, wanted_weight
from mho.recover.veraplus.geometry import Geometry, geometries_of

_WORD_BITS = 16
"""Width of a wanted response, and of the coefficient worked out from a read-out."""


class ProbeCorrection(Recovery):
    """Subtract from each layer its error along the few inputs that matter most.

    Use it where the chip may read itself and a digital branch of a few percent of the operations is
    welcome: against spread that differs from chip to chip (after programming, or in drifting
    differential pairs), which no vectors common to all chips can repair, and in transformers. Each
    layer is driven with ``rank`` orthonormal patterns ``p``, one after the other; what its outputs
    are off by is a branch beside it::

        y = W x - sum_j ((W - W_wanted) p_j) (p_j · x)

    Patterns and wanted responses are the same for all chips. Of all patterns, those are taken along
    which errors of the weights harm the logits most, from examples without labels, once. It takes
    no training on the device and no clock; the read-out is taken to be exact (average reads until
    it is). What came before, words in SRAM or VeRA+, is read together with the crossbars.
    :class:`DriftShift` is its simplest form, with one pattern of ones.

    Args:
        rank: Patterns of a layer; with ``operations`` or ``storage`` the most that one may get.
        operations: Share of the network's operations that all branches together may add; patterns
            go where they take away most for what they cost. By default each layer gets ``rank``.
        storage: Numbers that all patterns together may take with their responses, over the number
            of weights; likewise. Layers for which nothing is left get no pattern, as the report
            says.
        reach: ``"channels"``: in convolutions one number a channel, alike at all taps, which costs
            little; ``"window"``: one a tap as well, which takes away more. Others have no taps.
        examples: Most inputs that patterns are found from.
        pattern_bits: Bits of each number of a stored pattern.

    Example:
        >>> import mho, torch
        >>> layer = torch.nn.Linear(4, 3)
        >>> network = mho.map_network(layer, mho.Hardware(device="falcone2025"))
        >>> data = mho.data.Data(torch.eye(4), torch.tensor([0, 1, 2, 0]), name="x", role="train")
        >>> whole = mho.recover.ProbeCorrection(rank=4, examples=4, pattern_bits=16)
        >>> steady = whole.fit(network, data).program(0).at("10 y")
        >>> torch.allclose(steady(torch.eye(4)), layer(torch.eye(4)), atol=1e-3)
        True
    """

    rank: Annotated[int, Field(ge=1, le=256)] = 1
    operations: Annotated[float, Field(gt=0, le=1)] | None = None
    storage: Annotated[float, Field(gt=0, le=1)] | None = None
    reach: Reach = "channels"
    examples: Annotated[int, Field(ge=1)] = 256
    pattern_bits: Annotated[int, Field(ge=2, le=16)] = 8
    method: ClassVar[str] = "probe-correction"
    knows: ClassVar[Knowledge] = Knowledge(own_readout=True)

    def fit(
        self,
        target: Target,
        data: Data,
        *,
        seed: int = 0,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Target:
        """Find patterns and wanted responses; each chip reads itself when it is used.

        Raises:
            DataError: The data is a test set.
        """
        data.require(("train", "calibration"), self.method)
        network = network_of(target)
        geometries, chosen = geometries_of(network), data.take(min(self.examples, len(data)), seed)
        found = spectra(
            network,
            geometries,
            chosen,
            most=self.rank,
            reach=self.reach,
            seed=seed,
            progress=progress,
        )
        ranks = self._ranks(network, geometries, found, seed)
        kept = tuple(g for g in geometries if ranks[g.layer])
        patterns = {
            g.layer: _rounded(found[g.layer].patterns[..., : ranks[g.layer]], self.pattern_bits)
            for g in kept
        }
        wanted = {
            g.layer: responses(
                g, wanted_weight(network, g), expanded(g, patterns[g.layer], self.reach)
            )
            for g in kept
        }
        attachment = ProbedResponses(kept, patterns, wanted, self.reach)
        applied = Applied(
            self.method,
            self.settings(),
            self.knows,
            self._adds(network, kept, patterns),
            attachment,
            report={"patterns": ranks},
        )
        return target.with_applied(applied)

    def _ranks(
        self,
        network: MappedNetwork,
        geometries: tuple[Geometry, ...],
        found: dict[str, Spectrum],
        seed: int,
    ) -> dict[str, int]:
        """Return how many patterns each layer gets."""
        macs = sum(layer.macs or layer.weights for layer in network.layers)
        limits: list[tuple[float, float, dict[str, int]]] = []
        if self.operations is not None:
            cost = {g.layer: operations(g, _positions(network, g), self.reach) for g in geometries}
            limits.append((self.operations, macs, cost))
        if self.storage is not None:
            cost = {g.layer: stored_numbers(g, self.reach) for g in geometries}
            limits.append((self.storage, network.weights, cost))
        if not limits:
            return {name: len(spectrum.power) for name, spectrum in found.items()}
        errors = error_power(network, seed)
        return ranks_within(
            [share * whole for share, whole, _ in limits],
            {name: (s.power * errors[name]).tolist() for name, s in found.items()},
            {name: [cost[name] for *_, cost in limits] for name in found},
        )

    def _adds(
        self, network: MappedNetwork, kept: tuple[Geometry, ...], patterns: dict[str, Tensor]
    ) -> Additions:
        answers = sum(g.outputs * patterns[g.layer].shape[-1] for g in kept)
        numbers = sum(p.numel() for p in patterns.values())
        return Additions(
            sram_bits=answers * _WORD_BITS,
            rom_bits=answers * _WORD_BITS + numbers * self.pattern_bits,
            macs_per_inference=sum(
                patterns[g.layer].shape[-1] * operations(g, _positions(network, g), self.reach)
                for g in kept
            ),
        )


def _positions(network: MappedNetwork, geometry: Geometry) -> int:
    return network.layer(geometry.layer).positions or 1


def _rounded(patterns: Tensor, bits: int) -> Tensor:
    """Return each pattern rounded to a whole number of steps of its largest entry, norm 1."""
    steps = 2 ** (bits - 1) - 1
    largest = patterns.abs().amax(dim=1, keepdim=True).clamp_min(1e-12)
    whole: Tensor = (patterns / largest * steps).round()
    rounded: Tensor = whole / torch.linalg.vector_norm(whole, dim=1, keepdim=True).clamp_min(1e-12)
    return rounded
