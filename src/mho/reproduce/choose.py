"""Which part of a reproduction is meant: a data set, single studies, or what is finished."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from mho.errors import ConfigError, unknown
from mho.reproduce.paper import Curve, Diagnosed, Expectation, Paper, Robust, study_file
from mho.study.folder import RESULTS
from mho.study.plan import key_of, plan
from mho.study.spec import read_study

_Part = Expectation | Curve | Robust | Diagnosed


def choose(
    paper: Paper,
    name: str,
    *,
    dataset: str | None = None,
    studies: Sequence[str] = (),
    finished_in: Path | None = None,
) -> Paper:
    """Return the paper with only the figures that are asked for.

    Args:
        paper: The paper.
        name: Its name.
        dataset: Only figures on this data set.
        studies: Only figures of these studies.
        finished_in: Only figures of studies that are finished in this folder, as their files and
            the networks that they name are now.

    Raises:
        ConfigError: There is no such data set or study, or nothing is left.
    """
    where = f"mho reproduce {name}"
    if dataset is not None and dataset not in paper.datasets:
        raise unknown("data set", dataset, paper.datasets, where=where)
    known = studies_of(paper)
    for study in studies:
        if study not in known:
            raise unknown("study", study, known, where=where)

    finished = {s for s in known if finished_in is not None and is_finished(name, s, finished_in)}

    def meant(part: _Part) -> bool:
        """Tell whether a part is asked for and, where that matters, finished."""
        asked = dataset in (None, part.dataset) and part.study in (studies or known)
        return asked and (finished_in is None or _is_ready(part, finished, finished_in))

    chosen = paper.model_copy(
        update={
            "expect": tuple(part for part in paper.expect if meant(part)),
            "curves": tuple(part for part in paper.curves if meant(part)),
            "robust": tuple(part for part in paper.robust if meant(part)),
            "diagnoses": tuple(part for part in paper.diagnoses if meant(part)),
        }
    )
    if not studies_of(chosen):
        raise ConfigError(f"{where}: no study of those asked for is finished in '{finished_in}'.")
    return chosen


def studies_of(paper: Paper) -> tuple[str, ...]:
    """Return the names of a paper's studies, in order."""
    parts: Iterable[_Part] = (*paper.expect, *paper.curves, *paper.robust, *paper.diagnoses)
    return tuple(dict.fromkeys(study for part in parts for study in _needs(part)))


def is_finished(name: str, study: str, folder: Path) -> bool:
    """Return whether a folder holds results of a study, as it and what it names are now.

    Args:
        name: The paper.
        study: The study.
        folder: Folder of the reproduction.
    """
    try:
        ran = json.loads((folder / study / RESULTS).read_text(encoding="utf-8"))["plan"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return bool(ran == key_of(plan(read_study(study_file(name, study)))))


def _needs(part: _Part) -> tuple[str, ...]:
    against = part.against_study if isinstance(part, Expectation) else ""
    return (part.study, against) if against else (part.study,)


def _is_ready(part: _Part, finished: Collection[str], folder: Path) -> bool:
    if isinstance(part, Diagnosed):
        return (folder / f"{part.study}-diagnosis.json").is_file()
    if isinstance(part, Robust) and not (folder / f"{part.study}-robustness.json").is_file():
        return False
    return all(study in finished for study in _needs(part))
