"""What a reproduction consists of: studies, and what is expected of their figures."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from mho.device.law import Law
from mho.errors import unknown
from mho.study.spec import AS_IS
from mho.units import seconds

_FOLDER = Path(__file__).parent

Quantity = Literal[
    "accuracy", "worst", "drop_pp", "worst_drop_pp", "kept", "worst_kept",
    "kept_own", "worst_kept_own",
    "sets", "least_sets", "storage_bytes", "storage_ratio", "extra_operations", "energy_share",
    "fit_minutes",
    "share_in_sram", "area_share", "area_share_parts", "speed_least", "speed_most",
]  # fmt: skip
"""What is compared: the mean accuracy over chips or the worst chip's; the points that the mean or
the worst chip lies below the digital network; the mean or the worst chip's as a share of the
drift-free mean (the first step at the first time), and of the step's own mean at its first time,
where it changed the network itself; compensation sets, and the fewest there can be;
bytes of read-only storage; how many times more storage (data kept on the device included) another
step takes; digital operations as a share of the network's; added energy as a share of an inference;
minutes of wall time that the fit took; the share of the weights in SRAM; added area as a
share of the chip, by the book that is calibrated on the paper and by the one of single parts; how
many times faster the SRAM writes are than writing every cell again, at the shortest and longest
write."""


def _seconds(value: object) -> object:
    return seconds(value) if isinstance(value, str | int | float) else value


class Expectation(Law):
    """One figure, with what the paper says and what is to be reached here.

    Attributes:
        what: The figure in words.
        dataset: Name of the data set that it is part of, as in ``--dataset``.
        study: Name of the study's file, without ``.toml``.
        step: The step of that study.
        time: Time since programming; the study's last one by default.
        quantity: What of it.
        against: The other step of a ``"storage_ratio"``.
        against_study: The study of that step; this one's by default.
        paper: What the paper reports, in the same unit; None where it says nothing.
        at_least: What is to be reached, for accuracies.
        at_most: What must not be exceeded, for losses, and for collapses that are to show.
        note: Why the two may differ.
    """

    what: str
    dataset: str
    study: str
    step: str = AS_IS
    time: Annotated[float | None, BeforeValidator(_seconds)] = None
    quantity: Quantity
    against: str = ""
    against_study: str = ""
    paper: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    note: str = ""

    @model_validator(mode="after")
    def _one_bound(self) -> Expectation:
        if self.at_least is not None and self.at_most is not None:
            raise ValueError("give at_least or at_most, not both")
        if bool(self.against) != (self.quantity == "storage_ratio"):
            raise ValueError("against names the other step of a storage_ratio, and of that alone")
        return self


class Curve(Law):
    """What is kept along a sweep.

    Attributes:
        what: The curve in words.
        dataset: Name of the data set that it is part of.
        study: Name of the study's file with a ``[sweep]``, without ``.toml``.
        values: Names of the swept keys to show; the first is the horizontal axis of a picture.
        quantity: What is shown: accuracies ``"kept"`` of the drift-free one at the end of life, or
            the ``"accuracy"`` itself, drawn as well.
        steps: Steps to show; all by default.
        alone: Steps among them that only the first of the values changes.
        ticks: How values of the horizontal axis read, by their text.
        axis: What the horizontal axis is called; by default as its key.
    """

    what: str
    dataset: str
    study: str
    values: Annotated[tuple[str, ...], Field(min_length=1)]
    quantity: Literal["kept", "accuracy"] = "kept"
    steps: tuple[str, ...] = ()
    alone: tuple[str, ...] = ()
    ticks: dict[str, str] = Field(default_factory=dict)
    axis: str | None = None


class Robust(Law):
    """A compensated network with wrong clocks and with drift unlike its card's.

    Attributes:
        what: The question in words.
        dataset: Name of the data set that it is part of.
        study: Name of the study's file, without ``.toml``.
        steps: The steps that are put to the test; one without a clock to other drift alone.
        times: Times since programming.
        chips: Number of chips.
        images: Most test images.
    """

    what: str
    dataset: str
    study: str
    steps: Annotated[tuple[str, ...], Field(min_length=1)]
    times: Annotated[tuple[str, ...], Field(min_length=1)] = ("1 d", "10 y")
    chips: Annotated[int, Field(ge=2)] = 10
    images: Annotated[int, Field(ge=1)] = 500


class Diagnosed(Law):
    """A network whose causes of collapse are separated by :func:`mho.diagnose`.

    Attributes:
        what: What is diagnosed, in words.
        dataset: Name of the data set that it is part of.
        study: Name of the study's file, without ``.toml``.
        chips: How many chips.
        images: How many test images.
    """

    what: str
    dataset: str
    study: str
    chips: Annotated[int, Field(ge=1)] = 5
    images: Annotated[int, Field(ge=1)] = 1000


class Paper(Law):
    """A paper whose results are reproduced.

    Attributes:
        title: Authors, title, where it appeared.
        doi: Its identifier.
        why: What separates our setting from theirs.
        expect: The figures, in order.
        curves: What is kept along sweeps, in order.
        robust: Compensated networks with wrong clocks and other drift, in order.
        diagnoses: Networks whose causes of collapse are separated, in order.
        check_images: By data set: how many test images a check takes; all where it says nothing.
        check_leaves_out: Studies that a check has no time for.
    """

    title: str
    doi: str
    why: str
    expect: Annotated[tuple[Expectation, ...], Field(min_length=1)]
    curves: tuple[Curve, ...] = ()
    robust: tuple[Robust, ...] = ()
    diagnoses: tuple[Diagnosed, ...] = ()
    check_images: dict[str, int] = Field(default_factory=dict)
    check_leaves_out: tuple[str, ...] = ()

    @property
    def datasets(self) -> tuple[str, ...]:
        """The data sets that there are figures for, in order."""
        names = [e.dataset for e in self.expect] + [c.dataset for c in self.curves]
        return tuple(dict.fromkeys(names))


def list_papers() -> list[str]:
    """Return the names of the papers that can be reproduced.

    >>> list_papers()
    ['charan2020', 'veraplus']
    """
    return sorted(path.parent.name for path in _FOLDER.glob("*/paper.toml"))


def load_paper(name: str) -> Paper:
    """Load a paper by name.

    Raises:
        ConfigError: There is none of that name; the nearest is named.
    """
    if name not in list_papers():
        raise unknown("paper", name, list_papers(), where="mho reproduce")
    file = _FOLDER / name / "paper.toml"
    return Paper.parse(tomllib.loads(file.read_text(encoding="utf-8")), where=str(file))


def study_file(paper: str, study: str) -> Path:
    """Return the file of one of a paper's studies."""
    return _FOLDER / paper / f"{study}.toml"


def reference_file(paper: str) -> Path:
    """Return the file of what was reported of a paper, to check fresh chips against."""
    return _FOLDER / paper / "reference.json"
