"""The plan of a study: its cells, their steps, and how much of them is done already.

Planning reads files but runs nothing, so it is fast: ten thousand cells take a second or two. What
a cell will really need is known by the digests of its parts, which takes making them; a plan tells
steps by keys instead, digests of what the study's file says (and of the files that it names).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import mho
from mho import zoo
from mho.device.cards import load_device
from mho.errors import ConfigError, MhoError
from mho.results import digest
from mho.study.spec import AS_IS, Study, StudyFile, parse_study
from mho.study.sweep import MANY, with_values

_NETWORKS: Final = ("network", "teacher")
"""Settings of recoveries that name a trained network."""


@dataclass(frozen=True, eq=False)
class Cell:
    """One concrete study: a sweep has many, a plain study is one.

    Attributes:
        number: Its place in the plan, from 0.
        values: Name and value of each swept key.
        study: What is to be done.
        base: Folder that paths are relative to.
        where: The study's file and the cell, to name in an error.
        files: Digests of files that were read before; shared by the cells of a plan.
    """

    number: int
    values: Mapping[str, Any]
    study: Study
    base: Path
    where: str
    files: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def label(self) -> str:
        """The swept values on one line, or the study's name."""
        return ", ".join(f"{k} = {v}" for k, v in self.values.items()) or self.study.name

    @property
    def key(self) -> str:
        """Digest of everything that the cell's figures depend on, but for contents of data."""
        return digest(
            {
                "steps": self.step_keys,
                "evaluate": self.study.evaluate.model_dump(mode="json"),
                "target": self.study.target.model_dump(mode="json"),
            }
        )

    @cached_property
    def step_keys(self) -> dict[str, str]:
        """A key for each step, by name: equal keys, equal step."""
        keys = {AS_IS: digest(self._subject())}
        for step in self.study.recover:
            keys[step.name] = digest(
                {
                    "after": keys[step.after],
                    "method": self._own(step.method) if ":" in step.method else step.method,
                    "settings": step.settings,
                    "examples": step.examples,
                    "seed": step.seed,
                    "threads": self.study.engine.training_threads,
                }
                | self._weights_in(step.settings)
            )
        return keys

    def _subject(self) -> dict[str, Any]:
        """What a network as it is depends on."""
        study = self.study
        subject = study.model_dump(mode="json", include={"data", "network", "hardware"})
        cards = [study.hardware.device, study.hardware.drift_of]
        named = [study.network.name, study.network.builder, study.network.weights]
        return {
            "mho": mho.__version__,
            **subject,
            "law_uncertainty": study.evaluate.law_uncertainty,
            "cards": [None if card is None else self._card(card) for card in cards],
            "files": [None if name is None else self._own(name) for name in named],
            **self._weights_in({"network": study.network.name}),
        }

    def _weights_in(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return digests of the weights of trained networks that settings name."""
        names = {key: settings[key] for key in _NETWORKS if isinstance(settings.get(key), str)}
        return {"weights": {k: self._weights(v) for k, v in names.items()}} if names else {}

    def _weights(self, name: str) -> str | None:
        """Return the digest of a trained network's weights, None where there is none (yet)."""
        known = f"weights of {name}"
        if known not in self.files:
            try:
                self.files[known] = zoo.card(name).sha256
            except MhoError:
                return None
        return self.files[known]

    def _card(self, name: str) -> str:
        if name not in self.files:
            path = self.base / name
            card = load_device(path if path.is_file() else name)
            self.files[name] = digest(card.model_dump(mode="json"))
        return self.files[name]

    def _own(self, name: str) -> str:
        """Return a digest of a file of the user's, or the name of what is none."""
        path = self.base / name.partition(":")[0]
        if name not in self.files:
            contents = path.read_bytes() if path.is_file() else b""
            self.files[name] = f"{name} {hashlib.sha256(contents).hexdigest()}"
        return self.files[name]

    @property
    def chips(self) -> int:
        """How many chips each step runs; the fewest, where a rule decides."""
        rule = self.study.evaluate.stop
        return rule.at_least if rule is not None else self.study.evaluate.chips or 20

    @property
    def times_s(self) -> tuple[float, ...]:
        """The times in s."""
        if self.study.evaluate.times is not None:
            return self.study.evaluate.times
        hardware = self.study.hardware
        name = hardware.drift_of or hardware.device
        path = self.base / name
        return (load_device(path if path.is_file() else name).t0_s,)

    @property
    def trials(self) -> int:
        """How many trials it has in all."""
        return len(self.step_keys) * self.chips * len(self.times_s)


def plan(file: StudyFile, *, yes: bool = False) -> list[Cell]:
    """Return the cells of a study, checked.

    Args:
        file: The study.
        yes: Go on even if there are more than a million.

    Raises:
        ConfigError: A value makes no sense in its cell, or there are too many cells.
    """
    if file.sweep is not None and file.sweep.size > MANY and not yes:
        raise ConfigError(
            f"{file.where}, [sweep]: {file.sweep.size:,} cells are more than {MANY:,}. "
            "Take fewer values, or say --yes."
        )
    cells = list(_cells(file))
    if not cells:
        raise ConfigError(f"{file.where}, [sweep]: every cell is excluded: nothing to run.")
    return cells


def _cells(file: StudyFile) -> Iterator[Cell]:
    files: dict[str, str] = {}
    if file.sweep is None:
        yield Cell(0, {}, file.study, file.base, file.where, files)
        return
    for number, cell in enumerate(file.sweep.cells()):
        values = {axis.name: value for axis, value in cell.items()}
        where = f"{file.where}, [sweep]"
        try:
            study = parse_study(with_values(file.values, cell, where=where), where=where)
        except MhoError as error:
            raise ConfigError(f"{error} (cell {number + 1}: {values})") from None
        if study.name != file.study.name or study.engine != file.study.engine:
            raise ConfigError(f"{where}: 'name' and 'engine' cannot be swept.")
        yield Cell(number, values, study, file.base, where, files)


def key_of(cells: Sequence[Cell]) -> str:
    """Return the digest of all that a study's figures depend on, but for contents of data.

    Args:
        cells: Its plan.
    """
    return digest([cell.key for cell in cells])


def own_files(cells: Sequence[Cell]) -> list[Path]:
    """Return the files of the user's that the cells name, relative to the study's folder.

    Files elsewhere (an absolute path, a folder above) are left out.

    Args:
        cells: The cells of one plan.
    """
    found = set()
    for cell in cells:
        assert cell.step_keys  # which reads the files
    for name in {name for cell in cells for name in cell.files}:
        path = Path(name.partition(":")[0])
        outside = path.is_absolute() or ".." in path.parts
        if not outside and (cells[0].base / path).is_file():
            found.add(path)
    return sorted(found)
