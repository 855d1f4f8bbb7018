"""Making what a recipe says, and measuring it: on held-out training images, or on test data."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from mho.costs.cost import cost
from mho.data import Data
from mho.errors import ConfigError, DataError
from mho.evaluation.evaluate import evaluate
from mho.evaluation.passes import digital_accuracy
from mho.network.mapped import MappedNetwork
from mho.planning.space import DISTILLED, Recipe, Space
from mho.progress import Progress
from mho.study.artefacts import Artefacts, key_of
from mho.study.build import Parts, Shelf
from mho.study.engines.engine import Fit
from mho.study.folder import Folder
from mho.study.spec import StudyFile, parse_study

SCREENING_SEED = 1_000_000
"""Seed of the first chip that recipes are screened on: far from those that they are judged on."""


@dataclass(frozen=True)
class Measured:
    """A recipe as it was measured.

    Attributes:
        recipe: The recipe.
        accuracies: One a chip: the smallest over the times asked for.
        baseline: Accuracy of the digital network on the same images.
        area_um2: Area of the chip with all that is added.
        area_share: What is added, as a share of the chip before.
        energy_pJ: Energy of an inference with all that is added; None where it is not known.
        storage_bits: SRAM and ROM added.
        seconds: Time it took.
    """

    recipe: Recipe
    accuracies: tuple[float, ...]
    baseline: float
    area_um2: float
    area_share: float
    energy_pJ: float | None
    storage_bits: int
    seconds: float

    def drop_at(self, share: float) -> float:
        """Return the points lost that a share of all chips stays within, were chips normal.

        ``baseline - (mean - z sd)`` with ``z`` the standard normal quantile of the share.
        """
        z = statistics.NormalDist().inv_cdf(min(share, 0.999))
        kept = statistics.mean(self.accuracies) - z * statistics.stdev(self.accuracies)
        return 100 * (self.baseline - kept)

    def price(self, minimise: Literal["area", "energy"]) -> float:
        """Return what is to be minimised."""
        return self.area_um2 if minimise == "area" else float(self.energy_pJ or 0.0)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {**asdict(self), "recipe": self.recipe.model_dump(mode="json")}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Measured:
        """Read :meth:`to_dict` again."""
        recipe = Recipe.parse(dict(values["recipe"]), where="plan")
        return cls(**{**values, "recipe": recipe, "accuracies": tuple(values["accuracies"])})


class Judge:
    """Makes and measures recipes of one study.

    Args:
        file: The study; its own ``[[recover]]`` steps and mapping are put aside.
        space: What is searched.
        folder: Where students and trials are kept.
    """

    def __init__(self, file: StudyFile, space: Space, folder: Folder) -> None:
        self._file, self._space, self._folder = file, space, folder
        self._shelf = Shelf()
        self.parts = Parts(file.study, file.base, file.where, self._shelf)
        images = space.screening_images
        if images >= len(self.parts.train):
            raise DataError(
                f"planning screens on {images} training images, and '{self.parts.train.name}' has "
                f"{len(self.parts.train)} in all; set screening_images to fewer."
            )
        self._held, self._own = self.parts.train.split(images, 0)
        self._baselines: dict[str, float] = {}

    @property
    def times_s(self) -> tuple[float, ...]:
        """Times that a recipe must hold at: those of the study up to its lifetime, and that."""
        study, device = self._file.study, self.parts.hardware.device
        life_s = study.target.lifetime
        times = set(study.evaluate.times or (device.t0_s,))
        if life_s is not None:
            times = {t for t in times if t <= life_s} | {life_s, device.t0_s}
        return tuple(sorted(times))

    def check(self) -> None:
        """Find what can be wrong with the study and the space before any work.

        Raises:
            MhoError: Whatever is wrong.
        """
        for t_s in self.times_s:
            self.parts.hardware.device.check_time(t_s)
        seen: set[str] = set()
        for recipe in self._space.recipes():
            parts = self._parts(recipe)
            for step in parts.study.recover:
                if (about := step.model_dump_json()) not in seen:
                    seen.add(about)
                    parts.recovery(step)

    def values(self, recipe: Recipe) -> dict[str, Any]:
        """Return the study that a recipe is, as plain values."""
        values = dict(self._file.values)
        values["hardware"] = {**values["hardware"], "mapping": recipe.mapping_table}
        values["recover"] = self._space.steps(recipe)
        return values

    def _parts(self, recipe: Recipe) -> Parts:
        where = f"{self._file.where}, recipe '{recipe}'"
        study = parse_study(self.values(recipe), where=where)
        return Parts(study, self._file.base, where, self._shelf)

    def screen(self, recipe: Recipe, progress: Progress) -> Measured:
        """Measure a recipe on few chips and held-out training images."""
        chips = self._space.screening_chips
        return self._measure(recipe, self._held, chips, SCREENING_SEED, progress)

    def judge(self, recipe: Recipe, progress: Progress) -> Measured:
        """Measure a recipe on the test data and on chips that the search never saw."""
        seed, chips = self._file.study.evaluate.seed, self._space.final_chips
        if seed + chips > SCREENING_SEED:
            raise ConfigError(
                f"{self._file.where}, [evaluate]: seed must lie below "
                f"{SCREENING_SEED - chips:,}, where the chips of the screening begin; got {seed}."
            )
        return self._measure(recipe, self.parts.test, chips, seed, progress)

    def _measure(
        self, recipe: Recipe, data: Data, chips: int, seed: int, progress: Progress
    ) -> Measured:
        began = time.perf_counter()
        parts = self._parts(recipe)
        network = self._made(parts, progress)
        found = evaluate(
            network,
            data,
            self.times_s,
            chips,
            seed=seed,
            store=self._folder.store,
            progress=lambda done, total, text: progress(done, total, f"{recipe}: {text}"),
        )
        priced = cost(network, self._space.book)
        chip_um2 = sum(priced.chip_area_um2.values())
        return Measured(
            recipe=recipe,
            accuracies=tuple(float(a) for a in found.accuracies.min(axis=1)),
            baseline=self._baseline(parts.network, data),
            area_um2=chip_um2 + sum(priced.area_um2.values()),
            area_share=priced.area_share,
            energy_pJ=priced.energy_pJ,
            storage_bits=priced.storage_bits,
            seconds=time.perf_counter() - began,
        )

    def _baseline(self, network: MappedNetwork, data: Data) -> float:
        if data.digest not in self._baselines:
            self._baselines[data.digest] = digital_accuracy(network, data)
        return self._baselines[data.digest]

    def _made(self, parts: Parts, progress: Progress) -> MappedNetwork:
        """Return the network after the recipe's steps; students are kept and found again."""
        artefacts, network = Artefacts(self._folder.artefacts), parts.network
        threads = parts.study.engine.training_threads
        for step in parts.study.recover:
            recovery = parts.recovery(step)
            if step.name != DISTILLED:
                network = recovery.fit(network, self._own, seed=step.seed)
                continue
            key = key_of(network, recovery, self._own, step.seed, threads)
            found = artefacts.get(key, parts.network)
            if found is None:
                fit = Fit(key, step, recovery, network, self._own)
                found = fit.run(artefacts, threads, progress)
            network = found.network
        return network


def front(
    measured: Sequence[Measured], yield_share: float, minimise: Literal["area", "energy"]
) -> list[Measured]:
    """Return what nothing else beats in both price and points lost, the cheapest first.

    Args:
        measured: Recipes, measured alike.
        yield_share: Share of chips that the points lost are for.
        minimise: What price is.
    """
    ranked = sorted(measured, key=lambda m: (m.price(minimise), m.drop_at(yield_share)))
    kept: list[Measured] = []
    for one in ranked:
        if not kept or one.drop_at(yield_share) < kept[-1].drop_at(yield_share):
            kept.append(one)
    return kept
