"""On-line sparse adaptation: a few SRAM words beside the crossbars, trained on each chip."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from mho.costs import DEFAULT_BOOK, share_for_area
from mho.errors import ConfigError
from mho.network.applied import Additions, Knowledge
from mho.network.chip import Chip
from mho.network.mapped import MappedNetwork
from mho.network.snapshot import Snapshot
from mho.progress import Progress
from mho.recover.onchip.bench import Bench
from mho.recover.onchip.calibration import Calibration
from mho.recover.onchip.recovery import READ, STATE_BITS, Fitted, TrainedOnChip
from mho.recover.onchip.train import TrainedChip, train_on_chip
from mho.recover.sparse.branch import SparseBranch
from mho.recover.sparse.positions import AnyPositions, TopK
from mho.recover.sparse.scores import weight_scores
from mho.recover.sparse.sram import Sram
from mho.recover.sparse.stages import BranchInStages
from mho.recover.training import Batch
from mho.rng import Streams
from mho.units import Time, seconds, time_text

_BUDGET = 0.05
"""Share of the weights that get a word where nothing is said."""
_FULL = 1.01
"""An area is full where it buys less than a hundredth more words."""
_TRIES = 8
"""Most choices until an area is full."""


class SparseAdaptation(TrainedOnChip):
    """Train a few SRAM words on each chip, on what that very chip gets wrong.

    Use it after programming, on distilled networks for the smallest budget: it is fitted to one
    chip, or to a network, whose every chip then adapts itself once at the device's reference time.
    The layer computes ``(W_rram + M * dW) x``; only ``dW`` at the mask ``M`` is trained, the RRAM
    is never written, and a chip that would not gain on held-out examples is left as it was. With
    ``again_at`` a chip goes on adapting while it drifts.

    Beside these, the arguments are those of
    :class:`~mho.recover.onchip.settings.OnChipSettings`: what is learned from, and how long.

    Args:
        budget: Share of the mapped weights that get an SRAM word; 5 % where nothing else is said.
        budget_area: Instead: added area as a share of the chip, e.g. 0.0786; ``book`` prices it.
        book: Price book of the area.
        positions: The rule that chooses the weights; top-k needs the fewest words, importance
            sampling is the paper's.
        word_bits: Bits of a word, sign included.
        span: Largest value of a word, as a share of the layer's largest wanted weight.
        start: ``"repair"`` starts each word at what its RRAM cell is short of, which asks for a
            read-out of the chosen cells; ``"zero"`` starts at nothing.
        score_samples: Most examples that the importance of weights is found from.
        rounds: Times that importance is found: from the second on with the words chosen before in
            force, so that it is that of errors on a chip that works again; words that start at
            nothing change nothing, so for them it is found once.
        again_at: Later times at which the words are trained again, at the same positions; each
            stage sees its own share of the examples.

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
    knows: ClassVar[Knowledge] = Knowledge(
        labels=True, data_on_device=True, own_readout=True, rram_values=True
    )

    budget: Annotated[float, Field(gt=0, le=1)] | None = None
    budget_area: Annotated[float, Field(gt=0)] | None = None
    book: str = DEFAULT_BOOK
    positions: AnyPositions = TopK()
    word_bits: Annotated[int, Field(ge=2, le=16)] = 8
    span: Annotated[float, Field(gt=0)] = 1.0
    start: Literal["repair", "zero"] = "repair"
    score_samples: Annotated[int, Field(ge=1)] = 512
    rounds: Annotated[int, Field(ge=1)] = 1
    again_at: tuple[Time, ...] = ()

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
            labels=self.learn_from in ("labels", "both"),
            data_on_device=True,
            own_readout=True,
            rram_values=reads_cells,
        )

    def words(self, network: MappedNetwork) -> int:
        """Return how many words a chip of a network gets, at least for an area.

        What the positions of a chip's own words take is only known once they are chosen, and an
        area may then hold more of them.

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
        share = _BUDGET
        for _ in range(8):  # each round is ten times nearer
            bits = self.positions.position_bits_per_word(network.layers, share)
            share = max(self._share_at(network, bits), 1 / network.weights)
        return share

    def _share_at(self, network: MappedNetwork, position_bits: float) -> float:
        """Return what the area buys where a position takes so many bits."""
        assert self.budget_area is not None
        state = self.optimiser.words_per_weight * STATE_BITS
        bits = self.word_bits + state + position_bits
        return share_for_area(self.budget_area, network, self.book, bits_per_word=bits)

    def _choose(
        self, network: MappedNetwork, scores: Mapping[str, Tensor], streams: Streams
    ) -> dict[str, Tensor]:
        """Choose positions; an area is filled by what storing them really takes.

        Before the choice the bits of a position are only known from above: where importance puts
        many words into few layers, gaps are shorter. So the area buys more words, chosen by the
        same scores, until it is full.
        """
        layers, rule, words = network.layers, self.positions, self.words(network)
        chosen = within = rule.choose(layers, words, scores, streams)
        if self.budget_area is None:
            return chosen
        for _ in range(_TRIES):
            count = sum(map(len, chosen.values()))
            bits = rule.position_bits(layers, chosen) / max(count, 1)
            fits = math.floor(self._share_at(network, bits) * network.weights)
            if count <= fits:
                within = chosen
                if fits <= words * _FULL:
                    break
            words = fits if fits > words else math.floor(fits / _FULL)
            chosen = rule.choose(layers, words, scores, streams)
        return within

    def fit_chip(
        self, chip: Chip, calibration: Calibration, seed: int, progress: Progress | None = None
    ) -> Fitted:
        """Choose positions, train words, keep them only if they help.

        Args:
            chip: The chip, with the recoveries that came before.
            calibration: What it may see.
            seed: Seed of positions, order and rounding, beside the chip's own number.
            progress: Called now and then as ``progress(done, total, text)``.
        """
        network, rule = chip.network, self.positions
        streams = Streams(seed, self.method, chip.scope, chip.seed)
        times_s = self._times_s(network)
        benches = [Bench(network, s) for s in chip.snapshots(times_s, read=READ)]
        first = calibration.part(0, len(benches))
        chosen, written = self._placed(benches[0], first, streams.child("positions"))
        sram = self._sram(benches[0], chosen)
        sram.writes = written
        branches: list[SparseBranch] = []
        reports: list[dict[str, Any]] = []
        for number, bench in enumerate(benches):
            trained = self._train(
                bench,
                sram,
                calibration.part(number, len(benches)),
                streams.child("stage", number) if number else streams,
                before=branches[-1] if branches else None,
                progress=progress,
            )
            branches.append(self._kept(sram, trained, branches))
            reports.append(_report(sram, trained, self.batch))
        adds = self._additions(network, sram, rule.position_bits(network.layers, chosen))
        if len(branches) == 1:
            return Fitted(branches[0], adds, reports[0])
        stages = [{"t_s": t_s, **told} for t_s, told in zip(times_s, reports, strict=True)]
        return Fitted(BranchInStages(times_s, branches), adds, {**reports[-1], "stages": stages})

    def _times_s(self, network: MappedNetwork) -> list[float]:
        """Return when the chip is trained.

        Raises:
            ConfigError: The times do not ascend.
        """
        times_s = [self.time_s(network), *(seconds(t) for t in self.again_at)]
        if times_s != sorted(set(times_s)):
            raise ConfigError(
                "sparse adaptation: the times of again_at must ascend and lie after the first "
                f"training at {time_text(times_s[0])}."
            )
        return times_s

    @staticmethod
    def _kept(sram: Sram, trained: TrainedChip, before: Sequence[SparseBranch]) -> SparseBranch:
        """Return the words to go on with, and leave them in the SRAM."""
        if trained.values is not None:
            sram.put(trained.values["words"])
            return sram.attachment(sram.values)
        if not before or not before[-1].words:
            return SparseBranch({})
        sram.put(sram.gather({name: w.weight() for name, w in before[-1].words.items()}))
        return before[-1]

    def _placed(
        self, bench: Bench, calibration: Calibration, streams: Streams
    ) -> tuple[dict[str, Tensor], int]:
        """Return the positions of the words, and how many words were written to find them.

        Raises:
            ConfigError: The words do not fill one line of the rule.
        """
        network, written = bench.network, 0
        chosen = self._choose(network, self._scores(bench, calibration), streams)
        if not any(len(at) for at in chosen.values()):
            raise ConfigError(
                f"sparse adaptation: {self.words(network)} words do not fill one line of any layer "
                f"by the rule '{self.positions.law}'; raise the budget, or choose single positions."
            )
        for _ in range(self.rounds - 1 if self.start == "repair" else 0):
            trial = self._sram(bench, chosen)
            self._repair(trial, bench)
            written += trial.writes
            around = bench.snapshot.add_digital(trial.branch(trial.values.detach()))
            chosen = self._choose(network, self._scores(bench, calibration, around), streams)
        return chosen, written

    def _scores(
        self, bench: Bench, calibration: Calibration, around: Snapshot | None = None
    ) -> dict[str, Tensor]:
        score = self.positions.asks_for
        if score is None:
            return {}
        samples = self.score_samples
        return weight_scores(score, bench, self, calibration, samples=samples, around=around)

    def _sram(self, bench: Bench, chosen: Mapping[str, Tensor]) -> Sram:
        return Sram(bench.layers, chosen, bench.wanted, bits=self.word_bits, span=self.span)

    @staticmethod
    def _repair(sram: Sram, bench: Bench) -> None:
        """Write what the chosen cells are short of into the words."""
        with torch.no_grad():
            sram.values.copy_(sram.gather(bench.wanted) - sram.gather(bench.present))
        sram.store(0.5)

    def _train(
        self,
        bench: Bench,
        sram: Sram,
        calibration: Calibration,
        streams: Streams,
        before: SparseBranch | None,
        progress: Progress | None,
    ) -> TrainedChip:
        if self.start == "repair":
            self._repair(sram, bench)

        def change(values: Mapping[str, Tensor]) -> Snapshot:
            return bench.snapshot.add_digital(sram.branch(values["words"]))

        def round_up_or_down(batch: Batch) -> None:
            sram.store(torch.from_numpy(batch.streams.uniform((len(sram),), "rounding")))

        return train_on_chip(
            self,
            bench,
            {"words": sram.values},
            change,
            calibration,
            streams,
            who=self.method,
            unchanged=None if before is None else before.added_to(bench.snapshot),
            after_step=round_up_or_down,
            progress=progress,
        )

    def _additions(self, network: MappedNetwork, sram: Sram, position_bits: int) -> Additions:
        state = self.optimiser.words_per_weight * STATE_BITS
        sizes = zip(sram.layers, sram.chosen, strict=True)
        return Additions(
            sram_bits=len(sram) * (self.word_bits + state) + position_bits,
            macs_per_inference=sum(len(at) * (layer.positions or 1) for layer, at in sizes),
            sram_writes=sram.writes,
            share_in_sram=len(sram) / network.weights,
        )


def _report(sram: Sram, trained: TrainedChip, batch: int) -> dict[str, Any]:
    sizes = zip(sram.layers, sram.chosen, strict=True)
    return {
        "words": len(sram),
        "words_by_layer": {layer.name: len(at) for layer, at in sizes},
        "writes": sram.writes,
        "steps": trained.steps,
        "examples_seen": trained.steps * batch,
        "held_out_before": trained.before,
        "held_out_after": trained.after,
        "rolled_back": trained.values is None,
    }
