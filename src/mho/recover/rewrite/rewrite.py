"""Read–verify–write: write the most important cells again until they are near enough."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from mho.crossbar.mapping import FloatArray
from mho.device.faults import Faults
from mho.errors import BundleError
from mho.network.applied import Additions, Attachment, Knowledge
from mho.network.chip import Chip
from mho.network.layer import MappedLayer
from mho.network.snapshot import Snapshot
from mho.progress import Progress
from mho.recover.onchip.bench import Bench
from mho.recover.onchip.calibration import Calibration
from mho.recover.onchip.recovery import READ, Fitted, OnChipRecovery
from mho.recover.onchip.settings import OnChipSettings
from mho.recover.sparse.positions import AnyPositions, TopK
from mho.recover.sparse.scores import weight_scores
from mho.rng import Streams


class Rewrite(OnChipRecovery):
    """Write the most important weights' cells again, up to so many times, until they verify.

    Use it as the baseline that sparse adaptation is measured against: it needs no SRAM, but each
    try is a slow RRAM write whose outcome is as random as the first. A cell stops at the first try
    within the tolerance, or keeps the last; stuck cells stay stuck.

    Args:
        budget: Share of the mapped weights whose cells are written again.
        positions: The rule that chooses them.
        tries: Most writes a cell.
        tolerance: How near is near enough, as a share of the conductance window.
        samples: Most examples that the importance of weights is found from.

    Example:
        >>> import mho, torch
        >>> from mho.data import Data
        >>> x = torch.randn(200, 8, generator=torch.Generator().manual_seed(0))
        >>> data = Data(x, (x[:, 0] > 0).long(), name="signs", role="calibration")
        >>> network = mho.map_network(torch.nn.Linear(8, 2), mho.Hardware(device="charan2020"))
        >>> again = mho.recover.Rewrite(budget=0.5).fit(network, data)
        >>> again.applied[0].adds.rram_writes > 0
        True

    Source:
        Compared with in G. Charan et al., JXCDC 2020, doi 10.1109/JXCDC.2020.2987605; the loop of
        tries is that of write–verify programming.
    """

    method: ClassVar[str] = "rewrite"
    knows: ClassVar[Knowledge] = Knowledge(
        labels=True, data_on_device=True, own_readout=True, rram_values=True
    )
    budget: Annotated[float, Field(gt=0, le=1)] = 0.05
    positions: AnyPositions = TopK(score="error-gradient")
    tries: Annotated[int, Field(ge=1, le=100)] = 5
    tolerance: Annotated[float, Field(gt=0, le=1)] = 0.05
    samples: Annotated[int, Field(ge=4)] = 512

    @property
    def lesson(self) -> OnChipSettings:
        """What the calibration set is drawn by."""
        return OnChipSettings(samples=self.samples)

    @property
    def knowledge(self) -> Knowledge:
        """What a chip may know: verifying is reading cells."""
        return self.knows

    def fit_chip(
        self, chip: Chip, calibration: Calibration, seed: int, progress: Progress | None = None
    ) -> Fitted:
        """Choose cells and write them again.

        Args:
            chip: The chip, with the recoveries that came before.
            calibration: What it may see.
            seed: Seed of the choice; the tries are the chip's own.
            progress: Called now and then as ``progress(done, total, text)``.
        """
        network, rule = chip.network, self.positions
        t0_s = network.hardware.device.t0_s
        bench = Bench(network, chip.snapshot(t0_s, read=READ))
        scores: dict[str, Tensor] = {}
        if rule.asks_for is not None:
            scores = weight_scores(
                rule.asks_for, bench, self.lesson, calibration, samples=self.samples
            )
        words = math.floor(self.budget * network.weights)
        streams = Streams(seed, self.method, chip.scope, chip.seed)
        chosen = rule.choose(network.layers, words, scores, streams)
        tries: dict[str, Tensor] = {}
        for layer in network.layers:
            tries[layer.name] = self._verified(chip, layer, chosen[layer.name])
        writes = sum(int(taken.sum()) for taken in tries.values())
        cells = sum(int((taken > 0).sum()) for taken in tries.values())
        report = {"cells": cells, "writes": writes}
        return Fitted(RewrittenCells(tries), Additions(rram_writes=writes), report)

    def _verified(self, chip: Chip, layer: MappedLayer, chosen: Tensor) -> Tensor:
        """Return which try each cell of a layer keeps: 0 for those that were left alone."""
        device, wanted = chip.network.hardware.device, layer.encoded.g_target_uS
        slack = self.tolerance * (device.g_max_uS - device.g_min_uS)
        mask = torch.zeros(layer.weights, dtype=torch.bool)
        mask[chosen] = True
        kept = np.zeros(wanted.shape, dtype=np.uint8)
        far = np.abs(written_cells(chip, layer, 0, device.t0_s) - wanted) > slack
        open_ = far & mask.reshape(layer.shape).numpy()
        for number in range(1, self.tries + 1):
            if not open_.any():
                break
            kept[open_] = number
            far = np.abs(written_cells(chip, layer, number, device.t0_s) - wanted) > slack
            open_ &= far
        return torch.from_numpy(kept)


class RewrittenCells(Attachment):
    """Which try each cell of a chip keeps.

    Args:
        tries: By layer: the number of the try, shape of the wanted conductances, uint8; 0 is the
            first programming.
    """

    kind: ClassVar[str] = "rewritten-cells"

    def __init__(self, tries: Mapping[str, Tensor]) -> None:
        self.tries = dict(tries)

    def apply(self, snapshot: Snapshot, chip: Chip) -> Snapshot:
        """Return the snapshot with the cells that were written again in place of the first ones."""
        crossbar, slices = dict(snapshot.crossbar), dict(snapshot.slices)
        for layer in chip.network.layers:
            kept = self.tries[layer.name].numpy()
            if not kept.any():
                continue
            first = written_cells(chip, layer, 0, snapshot.t_s)
            now = first.copy()
            for number in np.unique(kept[kept > 0]):
                written = kept == number
                now[written] = written_cells(chip, layer, int(number), snapshot.t_s)[written]
            change = layer.encoded.decode(now) - layer.encoded.decode(first)
            crossbar[layer.name] = crossbar[layer.name] + torch.from_numpy(change)
            if layer.name in slices:
                parts = layer.encoded.decode_slices(now) - layer.encoded.decode_slices(first)
                slices[layer.name] = slices[layer.name] + torch.from_numpy(parts)
        return replace(snapshot, crossbar=crossbar, slices=slices)

    def tensors(self) -> dict[str, Tensor]:
        """Return the numbers of the tries by layer."""
        return dict(self.tries)

    def settings(self) -> dict[str, Any]:
        """Return the layers' names."""
        return {"layers": sorted(self.tries)}

    @classmethod
    def restore(cls, settings: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> RewrittenCells:
        """Build it again.

        Raises:
            BundleError: A layer is missing.
        """
        try:
            tries = {name: tensors[name] for name in settings["layers"]}
        except (KeyError, TypeError) as error:
            raise BundleError(
                f"rewritten cells: {error} is missing; save the bundle again."
            ) from None
        if any(t.dtype != torch.uint8 for t in tries.values()):
            raise BundleError("rewritten cells: tries must be uint8; save the bundle again.")
        return cls(tries)


def written_cells(
    chip: Chip, layer: MappedLayer, number: int, t_s: float, *, label: str = "rewrite"
) -> FloatArray:
    """Return the conductances of a layer's cells at a time, as one writing of them left them.

    Every writing is a fresh draw of programming and drift; faults are the cells' own and stay.

    Args:
        chip: The chip.
        layer: The layer.
        number: Which writing; 0 is the first programming.
        t_s: Time since that writing in s.
        label: Name of this series of writings.
    """
    device = chip.network.hardware.device
    own = chip.streams.child(layer.name)
    tried = own.child(label, number) if number else own
    healthy = device.model_copy(update={"faults": Faults()})
    target = layer.encoded.g_target_uS
    g: FloatArray = healthy.conductances(target, [t_s], tried, die=chip.streams)
    if device.faults.any:
        g = device.faults.impose(g, own.uniform(target.shape, "faults"), device.window)
    first: FloatArray = g[0]
    return first
