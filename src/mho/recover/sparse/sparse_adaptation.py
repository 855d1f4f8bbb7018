"""On-line sparse adaptation: a few SRAM words beside the crossbars, trained on each chip."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from mho.data import Data
from mho.network.applied import Additions, Applied, Attachment, Knowledge
from mho.network.chip import Chip
from mho.network.mapped import MappedNetwork
from mho.recover.base import Progress, Recovery, Target, network_of
from mho.recover.sparse.adapt import Adapted, adapt
from mho.recover.sparse.calibration import Calibration
from mho.recover.sparse.self_adaptation import SelfAdaptation
from mho.recover.sparse.settings import SparseSettings

_REHEARSAL = "sparse-adaptation rehearsal"
"""Ensemble of the chip that a network's costs are counted on; no chip is evaluated from it."""
_STATE_BITS = 16
"""Bits of a value that an optimiser keeps."""


class SparseAdaptation(SparseSettings, Recovery):
    """Train a few SRAM words on each chip, on what that very chip gets wrong.

    Use it after programming, on distilled networks for the smallest budget: it is fitted to one
    chip, or to a network, whose every chip then adapts itself once at the device's reference time.
    The layer computes ``(W_rram + M * dW) x``; only ``dW`` at the mask ``M`` is trained, the RRAM
    is never written, and a chip that would not gain on held-out examples is left as it was. The
    arguments are those of :class:`~mho.recover.sparse.settings.SparseSettings`.

    Example:
        >>> import mho, torch
        >>> from mho.data import Data
        >>> x = torch.randn(200, 8, generator=torch.Generator().manual_seed(0))
        >>> data = Data(x, (x[:, 0] > 0).long(), name="signs", role="calibration")
        >>> network = mho.map_network(torch.nn.Linear(8, 2), mho.Hardware(device="charan2020"))
        >>> adapted = mho.recover.SparseAdaptation(budget=0.25).fit(network, data)
        >>> adapted.applied[0].adds.share_in_sram
        0.25

    Source:
        G. Charan et al., DAC 2020, doi 10.1109/DAC18072.2020.9218605; words started at what the
        cells are short of (``start = "repair"``) are mho's.
    """

    method: ClassVar[str] = "sparse-adaptation"
    knows: ClassVar[Knowledge] = SparseSettings().knowledge

    def fit(
        self,
        target: Target,
        data: Data,
        *,
        seed: int = 0,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Target:
        """Adapt a chip, or let every chip of a network adapt itself.

        Args:
            target: A chip, or a network.
            data: Training or calibration data; ``samples`` of them are drawn.
            seed: Seed of the calibration set, positions, order and rounding.
            progress: Called now and then as ``progress(done, total, text)``.
            checkpoint: Not needed: one chip takes seconds.

        Raises:
            DataError: The data are test data, or too few.
            ConfigError: The budget buys no word.
            OutOfRangeError: The device law says nothing about ``time``.
        """
        network = network_of(target)
        calibration = Calibration.of(self, network, data, seed)
        chip = target if isinstance(target, Chip) else Chip(network, seed, scope=_REHEARSAL)
        found = adapt(self, chip, calibration, seed=seed, progress=progress)
        attachment: Attachment = found.branch
        if isinstance(target, MappedNetwork):
            fields = {name: getattr(self, name) for name in SparseSettings.model_fields}
            attachment = SelfAdaptation(SparseSettings(**fields), calibration, seed)
        return target.with_applied(
            Applied(
                self.method,
                self.settings(),
                knows=self.knowledge,
                adds=self._additions(network, found),
                attachment=attachment,
                report={**found.report(), "streamed_bits": calibration.bits},
            )
        )

    def settings(self) -> dict[str, Any]:
        """Return the settings as plain data."""
        return self.model_dump(mode="json")

    def _additions(self, network: MappedNetwork, found: Adapted) -> Additions:
        # The calibration set is streamed in once, when the chip is new; nothing of it is kept.
        state = self.optimiser.words_per_weight * _STATE_BITS
        return Additions(
            sram_bits=found.words * (self.word_bits + state) + found.position_bits,
            macs_per_inference=found.macs,
            sram_writes=found.writes,
            share_in_sram=found.words / network.weights,
        )
