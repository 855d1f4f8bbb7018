"""What a chip may see when it is trained: a few examples, some of them held out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from mho.data import Data
from mho.errors import DataError
from mho.network.call import Inputs, call
from mho.network.mapped import MappedNetwork
from mho.recover.onchip.settings import OnChipSettings

_VALUE_BITS = 8
"""Bits of an input or output value."""
_LABEL_BITS = 8


@dataclass(frozen=True, eq=False)
class Calibration:
    """Examples that a chip may see.

    Attributes:
        data: All of them, with labels: the digital network's where the chip may know no others.
        held: How many at the end are held out for checks.
        soft: The digital network's logits for them, shape ``(n, classes)``; None where only labels
            teach.
    """

    data: Data
    held: int
    soft: Tensor | None = None

    @classmethod
    def of(
        cls, settings: OnChipSettings, network: MappedNetwork, data: Data, seed: int, *, who: str
    ) -> Calibration:
        """Draw a calibration set from data.

        Args:
            settings: Say how many examples, and what they teach.
            network: What was programmed; its digital network is the teacher.
            data: Training or calibration data.
            seed: Which examples.
            who: The method, to name in errors.

        Raises:
            DataError: The data are test data, or too few.
        """
        data.require(("train", "calibration"), who)
        chosen = data.take(min(settings.samples, len(data)), seed).as_role("calibration")
        held = round(settings.held_out * len(chosen))
        if not 1 <= held < len(chosen):
            raise DataError(
                f"{who} holds {settings.held_out:.0%} of {len(chosen)} examples of '{data.name}' "
                "out, which leaves none on one side; give more, or set held_out."
            )
        if settings.learn_from == "labels":
            return cls(chosen, held)
        if settings.learn_from == "statistics":  # neither labels nor a teacher: nothing to know
            return cls(replace(chosen, labels=torch.zeros_like(chosen.labels)), held)
        with torch.no_grad():
            soft = torch.cat([call(network.model, x) for x, _ in chosen.batches(256)])
        if not settings.knowledge.labels:
            chosen = replace(chosen, labels=soft.argmax(dim=1))
        return cls(chosen, held, soft)

    @property
    def own(self) -> Data:
        """The examples to train on."""
        return self.data.subset(range(len(self.data) - self.held))

    @property
    def checks(self) -> Data:
        """The examples held out."""
        return self.data.subset(range(len(self.data) - self.held, len(self.data)))

    def part(self, number: int, parts: int) -> Calibration:
        """Return one of several equal parts of the examples to train on; all parts share checks.

        Args:
            number: Which part, from 0.
            parts: How many.
        """
        own = len(self.data) - self.held
        start, stop = number * own // parts, (number + 1) * own // parts
        kept = [*range(start, stop), *range(own, len(self.data))]
        soft = None if self.soft is None else self.soft[kept]
        return Calibration(self.data.subset(kept), self.held, soft)

    @property
    def bits(self) -> int:
        """Bits of all examples: 8 a value, a label and an output."""
        values = sum(x[0].numel() for x in _parts(self.data.inputs).values())
        values += 0 if self.soft is None else self.soft.shape[1]
        return len(self.data) * (values * _VALUE_BITS + _LABEL_BITS)

    def loss(self, settings: OnChipSettings, logits: Tensor, indices: Tensor) -> Tensor:
        """Return the mean loss of some of the examples.

        ``CE(labels)``, ``T² KL(softmax(z_digital / T), softmax(z / T))``, or half of each.

        Args:
            settings: Say what is learned from, and ``T``.
            logits: The chip's, shape ``(batch, classes)``.
            indices: Positions of the examples.
        """
        hard = functional.cross_entropy(logits, self.data.labels[indices])
        if self.soft is None:
            return hard
        t = settings.temperature
        soft = t**2 * functional.kl_div(
            functional.log_softmax(logits / t, dim=1),
            functional.log_softmax(self.soft[indices] / t, dim=1),
            reduction="batchmean",
            log_target=True,
        )
        return (hard + soft) / 2 if settings.learn_from == "both" else soft

    def tensors(self) -> dict[str, Tensor]:
        """Return everything as tensors by name."""
        named = {f"inputs.{name}": x for name, x in _parts(self.data.inputs).items()}
        soft = {} if self.soft is None else {"soft": self.soft}
        return {**named, **soft, "labels": self.data.labels}

    @classmethod
    def restore(cls, name: str, held: int, tensors: Mapping[str, Tensor]) -> Calibration:
        """Build a calibration set from :meth:`tensors`.

        Raises:
            KeyError: Something is missing.
            DataError: The tensors do not fit each other.
        """
        parts = {
            key.removeprefix("inputs."): x
            for key, x in tensors.items()
            if key.startswith("inputs.")
        }
        if not parts:
            raise KeyError("inputs")
        data = Data(parts.get("", parts), tensors["labels"], name=name, role="calibration")
        if not 1 <= held < len(data):
            raise DataError(f"{held} of {len(data)} examples cannot be held out")
        return cls(data, held, tensors.get("soft"))


def _parts(inputs: Inputs) -> dict[str, Tensor]:
    """Return inputs as tensors by name; one tensor has the empty name."""
    return {"": inputs} if isinstance(inputs, Tensor) else dict(inputs)
