"""VeRA+ as a recovery: drift compensated over a life without touching the RRAM."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator
from torch import Tensor

from mho.data import Data
from mho.device.drift import NoDrift
from mho.errors import ConfigError, DataError
from mho.network.applied import Applied, Knowledge
from mho.network.chip import Chip
from mho.network.mapped import MappedNetwork
from mho.network.trace import trace_positions
from mho.recover.base import Progress, Recovery, Target, network_of
from mho.recover.veraplus.attachment import PairSettings, VeraBranch
from mho.recover.veraplus.branches import Branches
from mho.recover.veraplus.card_start import CardStart
from mho.recover.veraplus.census import additions
from mho.recover.veraplus.chips import TESTING, TRAINING, VERIFYING, chips_of
from mho.recover.veraplus.criterion import Criterion
from mho.recover.veraplus.fewest import fewest, interpolated
from mho.recover.veraplus.geometry import geometries_of
from mho.recover.veraplus.holding import Held, Tester
from mho.recover.veraplus.journal import Journal
from mho.recover.veraplus.level import LossKind, Rounding, Trainer
from mho.recover.veraplus.projections import Projection, Reach
from mho.recover.veraplus.report import CLAIMS, grid_rows, missed, schedule_rows
from mho.recover.veraplus.vectors import scales, store, stored_with
from mho.recover.veraplus.walk import walk
from mho.recover.veraplus.workshop import Plan, Workshop, life_grid
from mho.rng import Streams
from mho.units import Time, seconds, time_text

_SCHEDULES = {"walk": walk, "fewest": fewest, "interpolated": interpolated}
_SELECTING = 5
"""Training chips that judge between candidates."""
_SEARCH_SHARE = 0.8
"""Share of the work that the search takes; the rest is its verification."""
_TRAIN_ROUNDED_BELOW = 8
"""Vectors of fewer bits are trained through their rounding; 8 bits and more need no training."""


class VeraPlus(Recovery):
    """Compensate drift over a life with two small vectors per layer and drift level.

    Use it last, on what the chips are when they leave the factory: nothing on the RRAM is written
    again, and the device needs no data, only the time since programming. Beside each layer runs a
    digital branch, ``y = BN(crossbar(x) + b * (B (d * (A x))))``, whose A and B all layers and all
    drift levels share; b and d of each level are trained off line on chips that drifted to it.

    Args:
        rank: Rows of A.
        projection: ``"physical"`` starts A with a row of ones over the layer's kernel window, which
            spans exactly what a mean shift does to a layer with one device a weight, and starts its
            coefficients from the device card; ``"random"`` has random rows only, as published.
        lifetime: Until when the schedule must hold, since programming.
        keep: Share of the drift-free accuracy (the chip's at the device's ``t0_s``) to keep.
        bits: Bits of a stored value, or None for 32-bit floating point.
        schedule: ``"interpolated"`` (b and d run linearly in ln t between as few sets as hold),
            ``"fewest"`` (one set at a time, the longest span for each by search), or ``"walk"``
            (the paper's: the next set starts where the one in force first fails).
        max_sets: Most sets of the schedule.
        grid_per_decade: Times a decade at which the bound is tested.
        loss: ``"distilled"`` from the drift-free digital network, or ``"labels"``.
        steps: Training steps a set; 0 takes the card's values as they are.
        batch: Examples a step.
        lr: Adam's learning rate at the start of a set.
        temperature: Of the distilled loss; softer targets than 1 were measured to serve less, since
            they spend the few values on logits that decide nothing.
        held_out: Share of the data that testing chips run on and nothing is trained on.
        held_out_most: Most examples of it.
        testing_chips: Chips of the search.
        verifying_chips: Other chips that the finished schedule is verified on; the more there are,
            the more can be claimed. As many as ``testing_chips`` by default.
        confidence: One-sided confidence of what is claimed of all chips at all times.
        pool: Chips to prepare for training, for the search and for its verification each, where the
            network has recoveries on the chip; every one of them has many futures.
        pair_seed: Seed of A and B.
        pair_stored: Whether A and B are stored in 8 bits instead of made from the seed.
        reach: ``"centre"`` gives random rows a 1×1 kernel after the layer's stride, ``"window"``
            the layer's own kernel.
        precision: Of the products in training; ``"bfloat16"`` takes about half the time for
            convolutions. Chips, vectors and all tests stay in ``"float32"``.

    Example:
        >>> import mho, torch
        >>> from mho.data import Data
        >>> x = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
        >>> data = Data(x, (x[:, 0] > 0).long(), name="signs")
        >>> hardware = mho.Hardware(device="falcone2025", mapping=mho.SingleDevice())
        >>> network = mho.map_network(torch.nn.Linear(4, 2), hardware)
        >>> lasting = mho.recover.VeraPlus(steps=5, testing_chips=2).fit(network, data)
        >>> lasting.applied[-1].method
        'vera-plus'

    Source:
        B. Dong et al., VeRA+, arXiv 2603.26016; the paper is silent on much, so the 1×1 form, the
        grid, the loss and the storage format are choices of mho, and ``"physical"``, ``"fewest"``
        and ``"interpolated"`` are its own.
    """

    method: ClassVar[str] = "vera-plus"
    knows: ClassVar[Knowledge] = Knowledge(labels=True, true_time=True)

    rank: Annotated[int, Field(ge=1, le=64)] = 1
    projection: Projection = "physical"
    lifetime: Time = "10y"
    keep: Annotated[float, Field(gt=0, le=1)] = 0.995
    bits: Annotated[int, Field(ge=2, le=16)] | None = 8
    schedule: Literal["interpolated", "fewest", "walk"] = "interpolated"
    max_sets: Annotated[int, Field(ge=1)] = 8
    grid_per_decade: Annotated[int, Field(ge=1)] = 2
    loss: LossKind = "distilled"
    steps: Annotated[int, Field(ge=0)] = 100
    batch: Annotated[int, Field(ge=1)] = 64
    lr: Annotated[float, Field(gt=0)] = 0.01
    temperature: Annotated[float, Field(gt=0)] = 1.0
    held_out: Annotated[float, Field(gt=0, lt=1)] = 0.25
    held_out_most: Annotated[int, Field(ge=1)] = 1000
    testing_chips: Annotated[int, Field(ge=2)] = 20
    verifying_chips: Annotated[int, Field(ge=2)] | None = None
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95
    pool: Annotated[int, Field(ge=1)] = 4
    pair_seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    pair_stored: bool = False
    reach: Reach = "centre"
    precision: Literal["float32", "bfloat16"] = "float32"

    def settings(self) -> dict[str, Any]:
        """Return the settings as plain data.

        The usual precision goes without saying: schedules of before there was another stay valid.
        """
        values = super().settings()
        if values["precision"] == "float32":
            del values["precision"]
        return values

    @field_validator("lifetime")
    @classmethod
    def _a_time(cls, lifetime: Time) -> Time:
        if seconds(lifetime) <= 0:
            raise ValueError("a lifetime must be above 0 s")
        return lifetime

    @classmethod
    def as_published(cls, **changes: Any) -> VeraPlus:
        """Return the paper's form: random projections, the walk, labels.

        Args:
            changes: Settings that differ from it.
        """
        published = {"projection": "random", "schedule": "walk", "loss": "labels"}
        return cls.parse({**published, **changes}, where="VeraPlus.as_published")

    def fit(
        self,
        target: Target,
        data: Data,
        *,
        seed: int = 0,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Target:
        """Train the sets, draw up the schedule, and attach both.

        Args:
            target: A mapped network: the vectors then serve all its chips. Or one chip: they are
                then made for what this chip may become, which takes the values of its cells.
            data: Training or calibration data; a share is held out to test sets on. The bound means
                more if the network itself was not trained on them.
            seed: Seed of training chips, testing chips and the order of the data.
            progress: Called as ``progress(done, 1.0, text)``.
            checkpoint: File to keep the work in, set by set, and to go on from where it exists.

        Raises:
            ConfigError: The device does not drift, or the lifetime ends before its ``t0_s``.
            DataError: The data are test data or too few.
            OutOfRangeError: The device law says nothing about the lifetime.
            BundleError: The checkpoint is damaged or of other work.
        """
        data.require(("train", "calibration"), "VeRA+")
        return target.with_applied(_Fit(self, target, data, seed).run(progress, checkpoint))


class _Fit:
    """One fit of one target."""

    def __init__(
        self, settings: VeraPlus, target: MappedNetwork | Chip, data: Data, seed: int
    ) -> None:
        self.settings, self.target, self.data, self.seed = settings, target, data, seed
        self.network = network_of(target)
        if isinstance(target, Chip):
            self.network = replace(self.network, applied=target.applied)
        self.grid = _grid(self.network, settings)
        self.pair = PairSettings(
            settings.rank,
            settings.projection,
            settings.pair_seed,
            settings.reach,
            settings.pair_stored,
        )
        geometries = geometries_of(self.network)
        self.branches = Branches(geometries, self.pair.draw(geometries))
        self.held, self.own = _split(data, settings, seed)

    def run(self, progress: Progress | None, checkpoint: Path | None) -> Applied:
        """Do the work and say what came of it."""
        journal = Journal(checkpoint, self._identity())
        told = _Growing(progress)
        workshop = self._workshop(journal, told)
        plan = _SCHEDULES[self.settings.schedule](workshop)
        branch = self._stored(plan, workshop)
        drift_free, verified = self._verify(branch, journal, told)
        told(1.0, "schedule ready")
        keep, confidence = self.settings.keep, self.settings.confidence
        rows = grid_rows(branch.schedule, verified, drift_free, keep, confidence)
        return Applied(
            method=self.settings.method,
            settings=self.settings.settings(),
            knows=self._knows(),
            adds=additions(branch, self._positions()),
            attachment=branch,
            report={
                "schedule": schedule_rows(branch.schedule, rows),
                "grid": rows,
                "drift_free": drift_free.mean,
                **{claim: all(row[claim] for row in rows) for claim in CLAIMS},
                "confidence": confidence,
                **_least_sets(branch.schedule.sets, workshop.criterion.one_is_too_few),
                "notes": [*workshop.criterion.notes, *missed(rows)],
            },
        )

    def _workshop(self, journal: Journal, told: _Growing) -> Workshop:
        settings = self.settings
        chips = chips_of(self.target, self.seed, TRAINING, pool=settings.pool)
        trainer = Trainer(
            network=self.network,
            branches=self.branches,
            chips=chips,
            data=self.own,
            loss=settings.loss,
            steps=settings.steps,
            batch=settings.batch,
            lr=settings.lr,
            temperature=settings.temperature,
            precision=settings.precision,
            streams=Streams(self.seed, settings.method),
            identity=self._identity(),
        )
        tester = self._tester(TESTING, self.settings.testing_chips)
        drift_free = Held.from_list(
            journal.plain("drift-free", lambda: tester.test(self.grid[0], {}).to_list())
        )
        return Workshop(
            trainer=trainer,
            tester=tester,
            selector=Tester(self.network, chips, _SELECTING, self.held),
            start=CardStart(self.network, self.branches, self.grid[-1]),
            journal=journal,
            grid=self.grid,
            criterion=Criterion(settings.keep, drift_free.mean),
            max_sets=settings.max_sets,
            share=lambda share, text: told(_SEARCH_SHARE * share, text),
        )

    def _tester(self, scope: str, count: int) -> Tester:
        chips = chips_of(self.target, self.seed, scope, pool=self.settings.pool)
        return Tester(self.network, chips, count, self.held)

    def _stored(self, plan: Plan, workshop: Workshop) -> VeraBranch:
        """Round the vectors to what is stored, training through the rounding where it is coarse."""
        bits = self.settings.bits
        if bits is not None and bits < _TRAIN_ROUNDED_BELOW:
            b_scale, d_scale = scales(self.branches, plan.b, plan.d, bits)
            plan = workshop.rounded(plan, Rounding(b_scale, d_scale, bits))
            vectors = stored_with(self.branches, plan.b, plan.d, b_scale, d_scale, bits)
        else:
            vectors = store(self.branches, plan.b, plan.d, bits)
        return VeraBranch(self.branches, vectors, plan.schedule, self.pair)

    def _verify(
        self, branch: VeraBranch, journal: Journal, told: _Growing
    ) -> tuple[Held, list[Held]]:
        """Run the finished schedule on chips that neither training nor the search has seen."""
        settings = self.settings
        tester = self._tester(VERIFYING, settings.verifying_chips or settings.testing_chips)

        def test(t_s: float, done: int, branches: dict[str, Tensor], name: str) -> Held:
            share = _SEARCH_SHARE + (1 - _SEARCH_SHARE) * done / len(self.grid)
            told(share, f"verifying at {time_text(t_s)}")
            return Held.from_list(journal.plain(name, lambda: tester.test(t_s, branches).to_list()))

        drift_free = test(self.grid[0], 0, {}, "verified drift-free")
        return drift_free, [
            test(t_s, done, branch.weights_at(t_s), f"verified at {t_s}")
            for done, t_s in enumerate(self.grid)
        ]

    def _knows(self) -> Knowledge:
        if isinstance(self.target, Chip):
            return replace(self.settings.knows, rram_values=True)
        return self.settings.knows

    def _positions(self) -> dict[str, int]:
        """Return the output positions of each layer, traced on one example where not known."""
        known = {layer.name: layer.positions for layer in self.network.layers}
        if all(positions is not None for positions in known.values()):
            return {name: int(positions or 0) for name, positions in known.items()}
        inputs, _ = next(iter(self.own.batches(1)))
        return trace_positions(self.network.model, inputs)

    def _identity(self) -> str:
        chip = [self.target.seed, self.target.scope] if isinstance(self.target, Chip) else None
        what = [self.settings.method, self.settings.settings(), self.network.digest, chip,
                self.data.digest, self.seed]  # fmt: skip
        return sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def _least_sets(sets: int, one_is_too_few: float) -> dict[str, float]:
    """Return how few sets there can be, and how sure that is; one set there always is."""
    refused = sets > 1 and one_is_too_few > 0
    return {
        "least_sets": 2 if refused else 1,
        "least_sets_confidence": one_is_too_few if refused else 1.0,
    }


class _Growing:
    """Progress that never goes back, whatever order a search takes."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress, self._share = progress, 0.0

    def __call__(self, share: float, text: str) -> None:
        self._share = max(self._share, share)
        if self._progress is not None:
            self._progress(self._share, 1.0, f"VeRA+: {text}")


def _grid(network: MappedNetwork, settings: VeraPlus) -> tuple[float, ...]:
    """Return the times of the life to test at, from the device's reference time on.

    Raises:
        ConfigError: The device does not drift, or the life ends before it begins.
        OutOfRangeError: The device law says nothing about the end of life.
    """
    device, last_s = network.hardware.device, seconds(settings.lifetime)
    if isinstance(device.drift, NoDrift):
        raise ConfigError(
            f"VeRA+ compensates drift, and device '{device.name}' has no drift law; give it one, "
            "such as device.with_drift_of(mho.load_device('falcone2025'))."
        )
    device.check_time(last_s)
    first_s = max(device.t0_s, (device.valid.t_s or (0.0, 0.0))[0])
    if last_s <= first_s:
        raise ConfigError(
            f"lifetime must end after the device's reference time, {time_text(first_s)}; got "
            f"{time_text(last_s)}."
        )
    return life_grid(first_s, last_s, settings.grid_per_decade)


def _split(data: Data, settings: VeraPlus, seed: int) -> tuple[Data, Data]:
    """Return the held-out examples and those to train on."""
    count = min(round(settings.held_out * len(data)), settings.held_out_most)
    if not 1 <= count < len(data):
        raise DataError(
            f"VeRA+ holds {settings.held_out:.0%} of '{data.name}' out, which has only {len(data)} "
            "examples; give more, or set held_out."
        )
    return data.split(count, seed)
