"""Training under the variation of the devices from labels alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from torch import Tensor
from torch.nn import functional

from mho.data import Data
from mho.network.applied import Knowledge
from mho.recover.base import Progress, Target
from mho.recover.distill.student import VariationTraining
from mho.recover.training import Batch


class NoiseTraining(VariationTraining):
    """Train the network itself under programming noise and levels, without a teacher.

    Use it as the baseline of :class:`Distill`: the loss is the cross entropy with the labels, all
    else is the same.

    Example:
        >>> import mho, torch
        >>> from mho.data import Data
        >>> x = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
        >>> data = Data(x, (x[:, 0] > 0).long(), name="signs")
        >>> network = mho.map_network(torch.nn.Linear(4, 2), mho.Hardware(device="charan2020"))
        >>> hardened = mho.recover.NoiseTraining(epochs=2).fit(network, data)
        >>> hardened.applied[0].method
        'noise-training'

    Source:
        V. Joshi et al., Nat. Commun. 11, 2473 (2020).
    """

    method: ClassVar[str] = "noise-training"
    knows: ClassVar[Knowledge] = Knowledge(labels=True)

    def fit(
        self,
        target: Target,
        data: Data,
        *,
        seed: int = 0,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Target:
        """Train the network under variation and return it, mapped anew.

        Args:
            target: A mapped network, not a chip.
            data: Training data; a share is held out to select on.
            seed: Seed of the order, augmentation and training chips.
            progress: Called now and then as ``progress(done, total, text)``.
            checkpoint: File to keep the state in, and to go on from where it exists.

        Raises:
            ConfigError: The target is a chip.
            DataError: The data are test data or too few.
            OutOfRangeError: The device law says nothing about one of ``times``.
            BundleError: The checkpoint is damaged or of other work.
        """
        return self._train(
            target,
            data,
            lambda own: _cross_entropy,
            seed=seed,
            progress=progress,
            checkpoint=checkpoint,
        )


def _cross_entropy(batch: Batch, logits: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
    return functional.cross_entropy(logits, batch.labels)
