"""What sparse adaptation may be told: how many words, where, and how they are trained."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from mho.costs import DEFAULT_BOOK, share_for_area
from mho.device.law import Law
from mho.errors import ConfigError
from mho.network.applied import Knowledge
from mho.network.mapped import MappedNetwork
from mho.recover.optimiser import Optimiser, Sgd
from mho.recover.sparse.positions import AnyPositions, ImportanceSampling
from mho.units import Time, seconds

_BUDGET = 0.05
"""Share of the weights that get a word where nothing is said."""


class SparseSettings(Law):
    """Settings of sparse adaptation.

    Args:
        budget: Share of the mapped weights that get an SRAM word; 5 % where nothing else is said.
        budget_area: Instead: added area as a share of the chip, e.g. 0.0786; ``book`` prices it.
        book: Price book of the area.
        positions: The rule that chooses the weights.
        word_bits: Bits of a word, sign included.
        span: Largest value of a word, as a share of the layer's largest wanted weight.
        start: ``"repair"`` starts each word at what its RRAM cell is short of, which asks for a
            read-out of the chosen cells; ``"zero"`` starts at nothing.
        learn_from: The calibration set's ``"labels"``, the digital network's outputs for it
            (``"teacher"``: no labels needed), or ``"both"``, half and half.
        temperature: What logits are divided by where outputs are learned.
        optimiser: Plain gradient descent keeps no state; Adam's counts as SRAM of 16 bits a value.
        steps: Most training steps a chip.
        batch: Examples a step.
        samples: Most examples kept for calibration.
        score_samples: Most examples that the importance of weights is found from.
        held_out: Share of them that a chip is checked on, and never trained on.
        check_every: Steps between checks.
        patience: Checks without progress after which training stops.
        time: Time since programming at which a chip is adapted; by default the device's reference
            time.
    """

    budget: Annotated[float, Field(gt=0, le=1)] | None = None
    budget_area: Annotated[float, Field(gt=0)] | None = None
    book: str = DEFAULT_BOOK
    positions: AnyPositions = ImportanceSampling()
    word_bits: Annotated[int, Field(ge=2, le=16)] = 8
    span: Annotated[float, Field(gt=0)] = 1.0
    start: Literal["repair", "zero"] = "repair"
    learn_from: Literal["labels", "teacher", "both"] = "labels"
    temperature: Annotated[float, Field(gt=0)] = 2.0
    optimiser: Optimiser = Sgd(lr=0.05)
    steps: Annotated[int, Field(ge=0)] = 100
    batch: Annotated[int, Field(ge=1)] = 32
    samples: Annotated[int, Field(ge=2)] = 2000
    score_samples: Annotated[int, Field(ge=1)] = 512
    held_out: Annotated[float, Field(gt=0, lt=1)] = 0.25
    check_every: Annotated[int, Field(ge=1)] = 25
    patience: Annotated[int, Field(ge=1)] = 3
    time: Time | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_budget(cls, values: dict[str, Any]) -> dict[str, Any]:
        given = [key for key in ("budget", "budget_area") if values.get(key) is not None]
        if len(given) == 2:
            raise ValueError("budget and budget_area both say how many words; give one of them")
        return values if given else {**values, "budget": _BUDGET}

    @property
    def knowledge(self) -> Knowledge:
        """What a chip may know under these settings."""
        reads_cells = self.start == "repair" or self.positions.asks_for == "error-gradient"
        return Knowledge(
            labels=self.learn_from != "teacher",
            data_on_device=True,
            own_readout=True,
            rram_values=reads_cells,
        )

    def words(self, network: MappedNetwork) -> int:
        """Return how many words a chip of a network gets at most.

        Raises:
            ConfigError: The budget buys no word.
        """
        share = self.budget if self.budget_area is None else self._share_of_area(network)
        assert share is not None
        words = math.floor(share * network.weights)
        if words < 1:
            raise ConfigError(
                f"sparse adaptation: the budget buys no word of the {network.weights} weights; "
                "raise budget or budget_area."
            )
        return words

    def _share_of_area(self, network: MappedNetwork) -> float:
        """Return what the area buys; the bits of a position depend on how many there are."""
        assert self.budget_area is not None
        share = _BUDGET
        for _ in range(8):  # each round is ten times nearer
            bits = self.word_bits + self.positions.position_bits_per_word(network.layers, share)
            share = share_for_area(self.budget_area, network, self.book, bits_per_word=bits)
            share = max(share, 1 / network.weights)
        return share

    def time_s(self, network: MappedNetwork) -> float:
        """Return the time since programming at which a chip is adapted, in s."""
        return network.hardware.device.t0_s if self.time is None else seconds(self.time)
