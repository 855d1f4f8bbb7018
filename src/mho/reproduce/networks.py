"""Networks that studies need and that are not shipped: trained by their recipes, once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from mho import zoo
from mho.progress import Progress, progress_bar
from mho.reproduce.paper import study_file
from mho.study.spec import read_study
from mho.zoo.training import list_recipes, load_recipe, train_and_publish


def missing_networks(paper: str, studies: Iterable[str]) -> list[str]:
    """Return the networks with a recipe whose weights are neither shipped nor here.

    Args:
        paper: Name of the paper.
        studies: Names of its studies.
    """
    named = (read_study(study_file(paper, study)).study.network.name for study in studies)
    wanted = dict.fromkeys(name for name in named if name is not None)
    return [
        name
        for name in wanted
        if name not in zoo.list_networks()
        and name in list_recipes()
        and not (zoo.home_of(name) / f"{name}.json").is_file()
    ]


def train_missing(
    paper: str, studies: Iterable[str], *, progress: Progress | Literal[False] | None = None
) -> None:
    """Train what is missing, going on where an earlier training stopped.

    Args:
        paper: Name of the paper.
        studies: Names of its studies.
        progress: As in :func:`mho.reproduce.run.reproduce`.

    Raises:
        MhoError: The data or a package is missing, or there is nowhere to write.
    """
    for name in missing_networks(paper, studies):
        with progress_bar(f"training {name}", progress) as report:
            train_and_publish(load_recipe(name), zoo.home_of(name), progress=report)
