"""Merging results that were computed in several places: shards, or runs that each got part way."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from mho.errors import ConfigError, StoreError
from mho.files import atomic_write
from mho.results import Store
from mho.study.folder import ARTEFACTS, CELLS, STUDY, Folder
from mho.study.plan import Cell, own_files, plan
from mho.study.spec import StudyFile, read_study
from mho.study.status import Status, study_status


def merge_studies(folders: Sequence[str | Path], out: str | Path) -> Status:
    """Put the results of one study that lie in several folders together into one.

    Trials are known by their ids, so what two folders both hold is counted once.

    Args:
        folders: What ``mho run`` wrote to in each place.
        out: The folder to put everything into; it may hold an earlier merge.

    Returns:
        How far the study has come with all of them together.

    Raises:
        ConfigError: The folders are of different studies, or there are none.
        StoreError: A folder holds no results, two disagree about a trial, or ``out`` cannot be
            written to.
    """
    if not folders:
        raise ConfigError("name the folders to merge.")
    target = Folder(Path(out))
    sources = [Folder(Path(folder)) for folder in folders]
    plans = [_plan(source) for source in sources]
    file, cells = plans[0]
    for source, (other, theirs) in zip(sources, plans, strict=True):
        _same_study(sources[0], cells, source, theirs)
        assert other.study.name == file.study.name
    with target.owned_by(file, own_files(cells)), Store(target.store) as store:
        for source in sources:
            if source.path.resolve() == target.path.resolve():
                continue
            if source.store.is_file():
                store.merge(source.store)
            _copy_missing(source.path / ARTEFACTS, target.path / ARTEFACTS)
            _copy_missing(source.path / CELLS, target.path / CELLS)
    return study_status(target.path)


def _plan(source: Folder) -> tuple[StudyFile, list[Cell]]:
    copy = source.path / STUDY
    if not copy.is_file():
        raise StoreError(
            f"{source.path} holds no results of a study (no {STUDY}). Give folders that 'mho run' "
            "wrote to."
        )
    file = read_study(copy)
    return file, plan(file, yes=True)


def _same_study(
    first: Folder, cells: Sequence[Cell], other: Folder, theirs: Sequence[Cell]
) -> None:
    """Refuse shards that do not fit together."""
    mine, others = [c.key for c in cells], [c.key for c in theirs]
    names = cells[0].study.name, theirs[0].study.name
    if names[0] != names[1] or mine != others:
        differ = (
            f"'{names[0]}' and '{names[1]}'"
            if names[0] != names[1]
            else f"'{names[0]}', but their study.toml differ in what decides results"
        )
        raise ConfigError(
            f"{first.path} and {other.path} do not fit together: they hold results of {differ}. "
            "Merge runs of one and the same study."
        )


def _copy_missing(source: Path, target: Path) -> None:
    """Copy what is not there yet; a note is copied after the bundle that it is about."""
    if not source.is_dir():
        return
    target.mkdir(parents=True, exist_ok=True)
    for folder in sorted(entry for entry in source.iterdir() if entry.is_dir()):
        if (source / f"{folder.name}.json").is_file() and not (target / folder.name).exists():
            partial = target / f".{folder.name}"
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(folder, partial)
            partial.replace(target / folder.name)
    for note in sorted(source.glob("*.json")):
        if not (target / note.name).exists():
            atomic_write(target / note.name, note.read_bytes())
