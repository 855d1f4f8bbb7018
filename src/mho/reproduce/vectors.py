"""VeRA+ vectors that are shipped with a reproduction, so that a check trains nothing."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from mho.deploy.bundle import load_bundle
from mho.errors import BundleError, ConfigError
from mho.files import atomic_write
from mho.recover.veraplus import VeraBranch, save_vectors
from mho.reproduce.choose import is_finished, studies_of
from mho.reproduce.paper import load_paper, study_file
from mho.study.build import Parts
from mho.study.folder import RESULTS
from mho.study.spec import read_study

_INDEX = "index.json"


@dataclass(frozen=True)
class Shipped:
    """One file of vectors.

    Attributes:
        path: Where it lies.
        sha256: What its digest must be.
    """

    path: Path
    sha256: str


def vectors_folder(paper: str) -> Path:
    """Return the folder of a paper's shipped vectors, which may not exist."""
    return Path(__file__).parent / paper / "vectors"


def shipped_vectors(paper: str) -> dict[str, dict[str, Shipped]]:
    """Return the shipped vectors of a paper by study and step.

    Args:
        paper: Its name.

    Raises:
        BundleError: The list of them is damaged.
    """
    folder = vectors_folder(paper)
    index = folder / _INDEX
    if not index.is_file():
        return {}
    try:
        return {
            study: {
                step: Shipped(folder / file["file"], file["sha256"]) for step, file in of.items()
            }
            for study, of in json.loads(index.read_text(encoding="utf-8")).items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"'{index}' is damaged ({error}). Install mho again.") from None


def keep_vectors(paper: str, results: Path, out: Path | None = None) -> list[Path]:
    """Write the vectors of every finished study of a reproduction, with a list of their digests.

    Args:
        paper: Its name.
        results: Folder of the reproduction.
        out: Where to write; :func:`vectors_folder` by default.

    Returns:
        The files, without the list.

    Raises:
        ConfigError: No study in the folder is finished.
        BundleError: An artefact is damaged.
    """
    ready = [s for s in studies_of(load_paper(paper)) if is_finished(paper, s, results)]
    if not ready:
        raise ConfigError(f"no study of '{paper}' is finished in '{results}'; run it first.")
    folder = vectors_folder(paper) if out is None else out
    index: dict[str, dict[str, dict[str, str]]] = {}
    for study in ready:
        figures = json.loads((results / study / RESULTS).read_text(encoding="utf-8"))
        for step in figures.get("steps", ()):  # a sweep has cells instead
            if step["method"] != "vera-plus":
                continue
            words = re.sub(r"[^a-z0-9]+", "-", step["name"].lower()).strip("-")
            file = f"{study}--{words}.safetensors"
            digest = _keep(paper, study, results / study / step["bundle"], folder / file)
            index.setdefault(study, {})[step["name"]] = {"file": file, "sha256": digest}
    atomic_write(folder / _INDEX, json.dumps(index, indent=1) + "\n")
    return [folder / file["file"] for of in index.values() for file in of.values()]


def _keep(paper: str, study: str, bundle: Path, file: Path) -> str:
    source = read_study(study_file(paper, study))
    model = Parts(source.study, source.base, source.where).network.model
    applied = load_bundle(bundle, model=model).network.applied[-1]
    if not isinstance(applied.attachment, VeraBranch):
        raise BundleError(f"'{bundle}' ends in no VeRA+; run study '{study}' again.")
    file.parent.mkdir(parents=True, exist_ok=True)
    return save_vectors(applied, file)
