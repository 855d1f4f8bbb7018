"""A student that was trained before: its weights are taken, nothing is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from mho import zoo
from mho.data import Data
from mho.errors import ConfigError
from mho.network.applied import Applied, Knowledge
from mho.network.chip import Chip
from mho.recover.base import Progress, Recovery, Target


class KnownStudent(Recovery):
    """Take the weights of a student that was distilled before, for these devices or for others.

    Use it to evaluate or adapt a shipped student without training it again; the digital network
    that it is compared with stays the one that was mapped.

    Args:
        network: Name of a network of :mod:`mho.zoo`, or the path of its model card.
        sha256: What the weights' digest must be; by default whatever the name stands for now.

    Example:
        >>> import mho, torch
        >>> teacher = mho.zoo.load("lenet5")
        >>> network = mho.map_network(teacher, mho.Hardware(device="charan2020"))
        >>> digit = torch.zeros(1, 1, 28, 28), torch.tensor([0])
        >>> data = mho.data.Data(*digit, name="digit", role="train")
        >>> student = mho.recover.KnownStudent(network="lenet5-mnist5k").fit(network, data)
        >>> student.applied[0].report["trained_on"]
        'mnist-5k'
    """

    method: ClassVar[str] = "student"
    knows: ClassVar[Knowledge] = Knowledge(labels=True)
    network: str
    sha256: str | None = None

    def fit(
        self,
        target: Target,
        data: Data,
        *,
        seed: int = 0,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Target:
        """Return the network with the student's weights, mapped anew; no data are used.

        Raises:
            ConfigError: The target is a chip, the student is of another architecture, or its
                weights are not those asked for.
            BundleError: The student's weights are incomplete or edited.
        """
        if isinstance(target, Chip):
            raise ConfigError(
                f"a student is mapped before it is programmed; got chip {target.seed}. "
                "Fit the network and program what is returned."
            )
        state = zoo.load(self.network, sha256=self.sha256).state_dict()
        card = zoo.card(self.network)
        shapes = {name: tuple(value.shape) for name, value in state.items()}
        wanted = {name: tuple(v.shape) for name, v in target.model.state_dict().items()}
        if shapes != wanted:
            differ = sorted({name for name, _ in shapes.items() ^ wanted.items()})
            raise ConfigError(
                f"student '{self.network}' is not of the architecture of '{target.name}'; these "
                f"differ: {', '.join(differ[:4])}. Name a student of the same network."
            )
        report = {"trained_on": card.training.name, "epochs": card.epochs, "recipe": card.recipe}
        return target.with_weights(
            state, Applied(self.method, self.settings(), knows=self.knows, report=report)
        )

    def settings(self) -> dict[str, Any]:
        """Return the settings, with the digest of the weights that the name stands for now."""
        return {**super().settings(), "sha256": self.sha256 or zoo.card(self.network).sha256}
