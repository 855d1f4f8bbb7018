"""Batch norm's own weights and biases tuned to a chip."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, nn

from mho.errors import ModelError
from mho.network.applied import Knowledge
from mho.network.mapped import MappedNetwork
from mho.network.snapshot import Snapshot
from mho.recover.onchip.bench import Bench
from mho.recover.tuning.tuning import ChipTuning
from mho.rng import Streams


class BatchNormTuning(ChipTuning):
    """Tune gamma and beta of every batch norm of a chip; statistics stay as they are.

    Use it where the network has batch norm, alone or after
    :class:`~mho.recover.baselines.batch_norm.BatchNormRecalibration`. It adds no operations.
    """

    method: ClassVar[str] = "batch-norm-tuning"
    knows: ClassVar[Knowledge] = Knowledge(labels=True, data_on_device=True, own_readout=True)

    def start(self, network: MappedNetwork, bench: Bench, streams: Streams) -> dict[str, Tensor]:
        """Return gamma and beta as they are.

        Raises:
            ModelError: The network has no batch norm with weights of its own.
        """
        present = {
            f"{path}.{name}".lstrip("."): parameter
            for path, module in network.model.named_modules()
            if isinstance(module, nn.modules.batchnorm._BatchNorm)
            for name, parameter in module.named_parameters(recurse=False)
        }
        if not present:
            raise ModelError(
                f"'{network.name}' has no batch norm whose weights could be tuned; use another "
                "method, such as 'bias-tuning' or 'sparse-adaptation'."
            )
        return {name: bench.snapshot.parameters.get(name, p) for name, p in present.items()}

    def change(
        self, network: MappedNetwork, snapshot: Snapshot, values: Mapping[str, Tensor]
    ) -> Snapshot:
        """Return the snapshot with gamma and beta in force."""
        return snapshot.set_parameters(values)

    def macs(self, network: MappedNetwork) -> int:
        """Return 0: batch norm multiplies and adds anyway."""
        return 0
