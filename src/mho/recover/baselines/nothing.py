"""The baseline that does nothing, so that a table has its first row by the same protocol."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from mho.data import Data
from mho.network.applied import Applied, Knowledge
from mho.recover.base import Progress, Recovery, Target


class Nothing(Recovery):
    """No recovery: the network as it is mapped.

    Example:
        >>> import mho, torch
        >>> network = mho.map_network(torch.nn.Linear(4, 3), mho.Hardware(device="falcone2025"))
        >>> data = mho.data.Data(torch.ones(2, 4), torch.tensor([0, 1]), name="x", role="train")
        >>> mho.recover.Nothing().fit(network, data).applied[-1].method
        'nothing'
    """

    method: ClassVar[str] = "nothing"
    knows: ClassVar[Knowledge] = Knowledge()

    def fit(
        self,
        target: Target,
        data: Data,
        *,
        seed: int = 0,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Target:
        """Return the target, with the method noted."""
        return target.with_applied(Applied(self.method, self.settings(), self.knows))
