"""Knowledge distillation into a student that is trained under the variation of the devices."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from mho import zoo
from mho.data import Data
from mho.network.applied import Knowledge
from mho.network.call import call
from mho.network.mapped import MappedNetwork
from mho.recover.base import Progress, Target, network_of
from mho.recover.distill.losses import CharanCifar, CharanMnist, DistillLoss, SoftTargets
from mho.recover.distill.student import Lesson, VariationTraining
from mho.recover.optimiser import Adam, StepRate
from mho.recover.training import Batch


class Distill(VariationTraining):
    """Train a student under programming noise and levels towards a teacher that has neither.

    Use it first, before anything is programmed: it costs nothing on the chip. Each step programs a
    fresh chip with the student's weights, and the gradient passes straight through its levels and
    noise::

        L(softmax(z_S(w + [programmed(w) - w])), softmax(z_T), y)      [.] has no gradient

    Args:
        loss: What is learned from labels, and what from the teacher.
        teacher: Name of a network of :mod:`mho.zoo`, or the path of its model card; by default the
            digital network that is distilled.
        teacher_sha256: Digest of the named teacher's weights, kept with the student; by default
            that of the weights which the name stands for now. Others are refused.

    Example:
        >>> import mho, torch
        >>> from mho.data import Data
        >>> x = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
        >>> data = Data(x, (x[:, 0] > 0).long(), name="signs")
        >>> model = torch.nn.Linear(4, 2)
        >>> network = mho.map_network(model, mho.Hardware(device="charan2020"))
        >>> student = mho.recover.Distill(epochs=2).fit(network, data)
        >>> [applied.method for applied in student.applied]
        ['distill']

    Source:
        G. Charan et al., DAC 2020, doi 10.1109/DAC18072.2020.9218605.
    """

    method: ClassVar[str] = "distill"
    knows: ClassVar[Knowledge] = Knowledge(labels=True)
    loss: DistillLoss = SoftTargets()
    teacher: str | None = None
    teacher_sha256: str | None = None

    def settings(self) -> dict[str, Any]:
        """Return the settings, with the digest of the weights of a teacher that is named."""
        values = super().settings()
        del values["teacher_sha256"]
        if self.teacher is None:
            return values
        return {**values, "teacher_sha256": self.teacher_sha256 or zoo.card(self.teacher).sha256}

    def fit(
        self,
        target: Target,
        data: Data,
        *,
        seed: int = 0,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
        teacher: nn.Module | None = None,
    ) -> Target:
        """Train a student of the network and return it, mapped anew.

        Args:
            target: A mapped network. Chips are programmed from a student, not turned into one.
            data: Training data; a share is held out to select the student on.
            seed: Seed of the order, augmentation and training chips.
            progress: Called now and then as ``progress(done, total, text)``.
            checkpoint: File to keep the state in, and to go on from where it exists.
            teacher: A network of your own, of the same classes, instead of ``self.teacher``.

        Raises:
            ConfigError: The target is a chip, there is no such teacher, or its weights are not
                those asked for.
            DataError: The data are test data or too few.
            OutOfRangeError: The device law says nothing about one of ``times``.
            BundleError: The checkpoint is damaged or of other work.
        """
        chosen = self._teacher(network_of(target), teacher)
        return self._train(
            target,
            data,
            lambda own: self._lesson(chosen, own),
            seed=seed,
            progress=progress,
            checkpoint=checkpoint,
            teacher=_digest(chosen),
        )

    def _teacher(self, network: MappedNetwork, given: nn.Module | None) -> nn.Module:
        if given is not None:
            return given.eval()
        if self.teacher is None:
            return network.model
        return zoo.load(self.teacher, sha256=self.teacher_sha256)

    def _lesson(self, teacher: nn.Module, data: Data) -> Lesson:
        """Return the loss; a teacher that sees the same inputs again is asked only once."""
        known = None if self.augment != "none" else _all_logits(teacher, data)

        def lesson(batch: Batch, logits: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
            if known is not None:
                soft = known[batch.indices]
            else:
                with torch.no_grad(), self.in_precision():
                    soft = call(teacher, batch.inputs).float()
            return self.loss.value(logits, soft, batch.labels, parameters.values())

        return lesson


def charan2020(data: Literal["mnist", "cifar10"]) -> Distill:
    """Return distillation as Charan et al. did it, as far as their sources tell.

    New variation each epoch, their losses; for CIFAR-10 Adam at 0.01 for 40 epochs and 0.001 for
    ten more, with flips and crops. What they do not tell (epochs and rate for MNIST) is mho's.

    Args:
        data: Which of their data sets.

    Source:
        G. Charan et al., DAC 2020, doi 10.1109/DAC18072.2020.9218605.
    """
    theirs = Distill(new_chip="epoch", warm_up=0.0, clip_sd=None, ema=None, loss=CharanMnist())
    if data == "mnist":
        return theirs
    return theirs.model_copy(
        update={
            "epochs": 50.0,
            "batch": 128,
            "optimiser": Adam(lr=0.01, rate=StepRate(at=(0.8,), by=0.1)),
            "loss": CharanCifar(),
            "augment": "flip-crop",
        }
    )


def _all_logits(teacher: nn.Module, data: Data) -> Tensor:
    """Return the teacher's logits for all examples."""
    with torch.no_grad():
        return torch.cat([call(teacher, inputs) for inputs, _ in data.batches(256)])


def _digest(teacher: nn.Module) -> str:
    sha = sha256()
    for name, tensor in teacher.state_dict().items():
        sha.update(name.encode())
        sha.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return sha.hexdigest()
