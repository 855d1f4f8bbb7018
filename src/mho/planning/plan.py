"""Planning a recovery: screen recipes, judge the best of them elsewhere, name the cheapest."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tomli_w

import mho
from mho.errors import ConfigError, StoreError
from mho.files import atomic_write
from mho.planning.judge import Judge, Measured, front
from mho.planning.propose import next_recipe
from mho.planning.space import Space, load_space
from mho.planning.words import page, verdict
from mho.progress import Progress, progress_bar
from mho.results import Proportion, digest, yield_at
from mho.study.folder import Folder
from mho.study.plan import own_files
from mho.study.plan import plan as cells_of
from mho.study.spec import StudyFile, TargetSpec, read_study

_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Goal:
    """What a recipe has to do.

    Attributes:
        drop_pp: Points of accuracy that may be lost against the digital network.
        yield_share: Share of chips that must keep the rest.
        lifetime_s: Until when; None where the study says nothing.
    """

    drop_pp: float
    yield_share: float
    lifetime_s: float | None

    @classmethod
    def of(cls, target: TargetSpec, where: str) -> Goal:
        """Read a study's ``[target]``.

        Raises:
            ConfigError: It does not say how much may be lost.
        """
        if target.accuracy_drop_pp is None:
            raise ConfigError(
                f"{where}: a plan needs a target; add [target] with accuracy_drop_pp, the points "
                "of accuracy that may be lost, and yield and lifetime where they matter."
            )
        return cls(target.accuracy_drop_pp, target.yield_share or 0.9, target.lifetime)


def plan(
    path: str | Path,
    out: str | Path | None = None,
    *,
    space: str | Path | Space | None = None,
    trials: int | None = None,
    seed: int = 0,
    progress: Progress | Literal[False] | None = None,
) -> dict[str, Any]:
    """Find the cheapest recipe that meets a study's target, and the front of what is possible.

    Recipes – mapping, scale, distillation, share of SRAM, width of words, structure, probes,
    clipping – are proposed by Optuna and screened on few chips and held-out *training* images. The
    best are then judged on the test data and on chips that the search never saw, so that having
    been chosen does not flatter them. Run it again to go on where it stopped, or with more
    ``trials`` to search on.

    Args:
        path: A study: its data, network, hardware and ``[target]``; its own recoveries and mapping
            are put aside.
        out: Folder for the results; ``results/plan/<name of the study>`` by default.
        space: What is searched; a TOML file or :class:`~mho.planning.space.Space`.
        trials: Recipes to screen in all, instead of what the space says.
        seed: Seed of the search.
        progress: None shows a bar on a terminal, False nothing; or a function of
            (done, total, text).

    Returns:
        Plain data: ``recipe`` (None where none meets the target), ``verdict``, ``front``,
        ``finalists``, ``screened``, ``target``. The same is written to ``plan.json``, for people to
        ``plan.md``, and the recipe as a study that can be run to ``recipe.toml``.

    Raises:
        ConfigError: The study has no target, a sweep, or says something that is not understood.
        StoreError: The folder is in use, or belongs to another plan.
        MhoError: Any of the errors of the parts of a study.
    """
    file = read_study(path)
    if file.sweep is not None:
        raise ConfigError(f"{file.where}: a plan searches by itself; take [sweep] out.")
    goal = Goal.of(file.study.target, file.where)
    searched = (
        space if isinstance(space, Space) else load_space(None if space is None else Path(space))
    )
    folder = Folder(Path("results") / "plan" / file.study.name if out is None else Path(out))
    judge = Judge(file, searched, folder)
    judge.check()
    wanted = searched.trials if trials is None else trials
    own = own_files(cells_of(file))
    with folder.owned_by(file, own), progress_bar("planning", progress) as report:
        identity = _identity(judge, file, searched, goal, seed)
        journal = _Journal(folder.path / "screened.json", identity)
        while len(journal.screened) < wanted:
            recipe = next_recipe(searched, journal.screened, goal.yield_share, seed)
            if recipe is None:
                break
            count = len(journal.screened)
            journal.add(judge.screen(recipe, _part(report, count, wanted)))
        screened = journal.screened[:wanted]
        best = front(screened, goal.yield_share, searched.minimise)
        finalists = _judged(judge, best, goal, searched, report)
    return _kept(folder, judge, file, searched, goal, screened, best, finalists)


def _identity(judge: Judge, file: StudyFile, space: Space, goal: Goal, seed: int) -> str:
    """Return the digest of what screened recipes depend on."""
    searched = space.model_dump(mode="json", exclude={"trials", "finalists", "final_chips"})
    return digest(
        {
            "mho": mho.__version__,
            "study": file.study.model_dump(mode="json", include={"data", "network", "hardware"}),
            "space": searched,
            "times": judge.times_s,
            "yield": goal.yield_share,
            "seed": seed,
            "train": judge.parts.train.digest,
            "network": judge.parts.network.digest,
        }
    )


class _Journal:
    """Recipes that were screened, kept in a file after each."""

    def __init__(self, path: Path, identity: str) -> None:
        self._path, self._identity = path, identity
        self.screened: list[Measured] = []
        if not path.exists():
            return
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            same = found["identity"] == identity
            self.screened = [Measured.from_dict(one) for one in found["screened"]] if same else []
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"{path} cannot be read ({error}); delete it, and recipes are screened anew."
            ) from None
        if not same:
            raise StoreError(
                f"{path.parent} holds a plan of another study, space or seed. Choose another "
                "folder with -o, or delete it."
            )

    def add(self, one: Measured) -> None:
        """Keep one more."""
        self.screened.append(one)
        plain = {"identity": self._identity, "screened": [m.to_dict() for m in self.screened]}
        atomic_write(self._path, json.dumps(plain, indent=1) + "\n")


def _part(report: Progress, done: int, total: int) -> Progress:
    return lambda own, of, text: report(done + own / max(of, 1), total, text)


def _judged(
    judge: Judge, best: Sequence[Measured], goal: Goal, space: Space, report: Progress
) -> list[Measured]:
    """Judge the front around the target; go on to dearer ones until one meets it.

    The cheapest that seems to meet the target is judged, its cheaper neighbour, and dearer ones.
    """
    meets = [i for i, m in enumerate(best) if m.drop_at(goal.yield_share) <= goal.drop_pp]
    first = max(meets[0] - 1, 0) if meets else max(len(best) - space.finalists, 0)
    found: list[Measured] = []
    for number, one in enumerate(best[first:]):
        enough = number >= space.finalists
        if enough and any(_yield(m, goal, len(found)).share >= goal.yield_share for m in found):
            break
        part = _part(report, number, min(len(best) - first, space.finalists))
        found.append(judge.judge(one.recipe, part))
    return found


def _yield(one: Measured, goal: Goal, judged: int) -> Proportion:
    """Return the yield of a finalist; the interval is as wide as picking among them asks for."""
    confidence = 1 - (1 - _CONFIDENCE) / judged
    return yield_at(one.accuracies, max(one.baseline - goal.drop_pp / 100, 0.0), confidence)


def _kept(
    folder: Folder,
    judge: Judge,
    file: StudyFile,
    space: Space,
    goal: Goal,
    screened: Sequence[Measured],
    best: Sequence[Measured],
    finalists: Sequence[Measured],
) -> dict[str, Any]:
    judged = [
        {**one.to_dict(), "yield": _yield(one, goal, len(finalists)).to_dict()} for one in finalists
    ]
    meets = [one for one in judged if one["yield"]["share"] >= goal.yield_share]
    chosen = min(meets, key=lambda one: one[_KEYS[space.minimise]], default=None)
    plain: dict[str, Any] = {
        "format": 1,
        "mho": mho.__version__,
        "study": file.study.name,
        "target": {
            "accuracy_drop_pp": goal.drop_pp,
            "yield": goal.yield_share,
            "lifetime_s": goal.lifetime_s,
            "times_s": list(judge.times_s),
        },
        "minimise": space.minimise,
        "book": space.book,
        "space": sum(1 for _ in space.recipes()),
        "screening": {"images": space.screening_images, "chips": space.screening_chips},
        "recipe": chosen,
        "front": [_shown(one, goal) for one in best],
        "finalists": judged,
        "screened": [_shown(one, goal) for one in screened],
    }
    plain["verdict"] = verdict(plain)
    plain["page"] = str(folder.path / "plan.md")
    if chosen is not None:
        plain["recipe_file"] = str(folder.path / "recipe.toml")
        recipe = tomli_w.dumps(_study(judge, file, space, chosen))
        atomic_write(folder.path / "recipe.toml", recipe)
    else:
        (folder.path / "recipe.toml").unlink(missing_ok=True)  # of an easier target, before
    text = json.dumps(plain, indent=1, allow_nan=False)
    atomic_write(folder.path / "plan.json", text + "\n")
    atomic_write(folder.path / "plan.md", page(plain))
    found: dict[str, Any] = json.loads(text)
    return found


_KEYS = {"area": "area_um2", "energy": "energy_pJ"}


def _shown(one: Measured, goal: Goal) -> dict[str, Any]:
    return {**one.to_dict(), "drop_pp_at_yield": one.drop_at(goal.yield_share)}


def _study(
    judge: Judge, file: StudyFile, space: Space, chosen: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the chosen recipe as the values of a study of its own."""
    recipe = Measured.from_dict({k: v for k, v in chosen.items() if k != "yield"}).recipe
    values = judge.values(recipe)
    values["name"] = f"{file.study.name}-recipe"
    evaluate = {k: v for k, v in dict(values.get("evaluate", {})).items() if k != "stop"}
    values["evaluate"] = {
        **evaluate, "times": list(judge.times_s), "chips": space.final_chips,
    }  # fmt: skip
    return values
