"""What a results file holds: typed, checked once, so that the page need not ask again.

Optional parts are optional here; unknown keys are ignored, so that a page can be made of results
that a later minor version wrote.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from mho.device.law import explain
from mho.errors import ConfigError

FORMAT = 1
"""The format of results that this version reads and writes."""


def _finite(value: Any) -> Any:
    """Read NaN and infinities, which some writers leave in JSON, as 'not known'."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


Share = Annotated[float, Field(ge=0, le=1)]
Maybe = Annotated[float | None, BeforeValidator(_finite)]
Plain = dict[str, Any]


class Part(BaseModel):
    """Base of all parts of a results file: frozen; keys it does not know are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _null_is_default(cls, values: Any) -> Any:
        """Read null as 'not given' wherever the part has a default that is not None."""
        if not isinstance(values, Mapping):
            return values
        fields = cls.model_fields
        return {
            key: value
            for key, value in values.items()
            if value is not None or (key in fields and fields[key].is_required())
        }


class Knows(Part):
    """What a method may know; None where the results do not say."""

    labels: bool | None = None
    data_on_device: bool | None = None
    true_time: bool | None = None
    own_readout: bool | None = None
    rram_values: bool | None = None


class YieldShare(Part):
    """The share of chips at or above a target accuracy, with its interval."""

    target: Maybe = None
    share: Share
    ci_low: Maybe = None
    ci_high: Maybe = None


class Moment(Part):
    """Accuracy over chips at one time since programming."""

    t_s: Annotated[float, Field(ge=0)]
    label: str = ""
    mean: Share
    ci_low: Maybe = None
    ci_high: Maybe = None
    sd: Maybe = None
    q05: Maybe = None
    worst: Maybe = None
    chips: Annotated[int, Field(ge=0)] = 0
    confidence: Share = 0.95
    extrapolated: bool = False
    yield_: YieldShare | None = Field(default=None, alias="yield")
    accuracies: tuple[Share, ...] = ()

    @property
    def lowest(self) -> float:
        """The lowest accuracy known at this time."""
        known = [self.mean, self.ci_low, self.worst, *self.accuracies]
        return min(value for value in known if value is not None)

    @property
    def highest(self) -> float:
        """The highest accuracy known at this time."""
        known = [self.mean, self.ci_high, *self.accuracies]
        return max(value for value in known if value is not None)


class Difference(Part):
    """A paired difference of accuracy on the same chips."""

    t_s: Annotated[float, Field(ge=0)]
    against: str = ""
    mean: float
    ci_low: Maybe = None
    ci_high: Maybe = None


class SetInForce(Part):
    """A compensation set and when it is in force."""

    from_s: Annotated[float, Field(ge=0)]
    to_s: Maybe = None
    set: int | str = 0
    mean: Maybe = None
    sd: Maybe = None
    bound: Maybe = None


class Step(Part):
    """One method of a study, with what it was composed of, may know, adds, costs and reaches."""

    name: str
    after: str = ""
    method: str = ""
    composed: tuple[str, ...] = ()
    settings: Plain = {}
    knows: Knows = Knows()
    adds: Plain = {}
    cost: Plain = {}
    times: tuple[Moment, ...] = ()
    paired: tuple[Difference, ...] = ()
    seconds: Maybe = None
    schedule: tuple[SetInForce, ...] = ()
    notes: tuple[str, ...] = ()
    bundle: str = ""

    @model_validator(mode="after")
    def _in_order(self) -> Step:
        times = [moment.t_s for moment in self.times]
        if len(set(times)) < len(times):
            raise ValueError(f"step '{self.name}' has two results for one time")
        # Frozen for everyone else: a page needs the times in order, whoever wrote them.
        ordered = tuple(sorted(self.times, key=lambda moment: moment.t_s))
        object.__setattr__(self, "times", ordered)
        return self

    def at(self, t_s: float) -> Moment | None:
        """Return the result at a time, or None."""
        near = (m for m in self.times if math.isclose(m.t_s, t_s, rel_tol=1e-6, abs_tol=1e-12))
        return next(near, None)

    @property
    def recovers(self) -> bool:
        """Whether anything was done at all to recover accuracy."""
        return bool(set(self.composed or (self.method,)) - {"", "nothing", "as-is", "none"})


class StudyInfo(Part):
    """The study: its name and the file it was read from, verbatim."""

    name: str = "study"
    description: str = ""
    toml: str = ""


class DataInfo(Part):
    """The data on which accuracy was measured."""

    name: str = ""
    role: str = ""
    images: int = 0
    note: str = ""


class LayerInfo(Part):
    """Where one layer went."""

    layer: str
    kind: str = ""
    where: str = "crossbar"
    parameters: int = 0
    macs: int = 0
    reason: str = ""


class NetworkInfo(Part):
    """The network and how much of it lies on crossbars."""

    name: str = "the network"
    parameters: int = 0
    macs: int = 0
    coverage: tuple[LayerInfo, ...] = ()
    share_parameters: Maybe = None
    share_macs: Maybe = None


class HardwareInfo(Part):
    """The hardware: the device card as a dictionary, the mapping and the periphery."""

    device: Plain = {}
    mapping: Any = None
    rows: int | None = None
    cols: int | None = None
    dac_bits: int | None = None
    adc_bits: int | None = None
    notes: tuple[str, ...] = ()


class Baseline(Part):
    """The digital float network on the same data."""

    accuracy: Share
    images: int = 0


class Target(Part):
    """What the user asked for; each part is optional."""

    accuracy_drop_pp: Maybe = None
    lifetime_s: Maybe = None
    yield_: Maybe = Field(default=None, alias="yield")


class Passes(Part):
    """Forward passes of one example: what was spent, and what a naive run would have needed."""

    spent: Annotated[int, Field(ge=0)] = 0
    naive: Annotated[int, Field(ge=0)] = 0


class Results(Part):
    """A whole results file."""

    format: int
    mho: str = ""
    study: StudyInfo = StudyInfo()
    created: str = ""
    versions: Plain = {}
    hashes: Plain = {}
    seeds: Plain = {}
    data: DataInfo = DataInfo()
    network: NetworkInfo = NetworkInfo()
    hardware: HardwareInfo = HardwareInfo()
    baseline: Baseline
    target: Target = Target()
    steps: tuple[Step, ...] = ()
    passes: Passes = Passes()
    fit: Plain | None = None

    @property
    def times_s(self) -> list[float]:
        """All times that any step was evaluated at, ascending."""
        return sorted({moment.t_s for step in self.steps for moment in step.times})

    @property
    def measured_to_s(self) -> float | None:
        """The last time that was measured, where results lie beyond it; 0 if none was; else None.

        The card says it; where it does not, it is put half way between the last result within
        the measured range and the first beyond it.
        """
        marks = [(m.t_s, m.extrapolated) for step in self.steps for m in step.times if m.t_s > 0]
        beyond = [t_s for t_s, extrapolated in marks if extrapolated]
        if not beyond:
            return None
        first = min(beyond)
        known = max((t_s for t_s, extrapolated in marks if not extrapolated and t_s < first),
                    default=0.0)  # fmt: skip
        valid = self.hardware.device.get("valid")
        stated = valid.get("measured_t_s") if isinstance(valid, dict) else None
        last = stated[-1] if isinstance(stated, list | tuple) and stated else None
        if isinstance(last, int | float) and known <= last < first:
            return float(last)
        return math.sqrt(known * first)


def parse_results(results: Mapping[str, Any], *, where: str = "results") -> Results:
    """Check plain results and give them types.

    Args:
        results: What ``results.json`` holds.
        where: The file, to be named in an error.

    Raises:
        ConfigError: The format is not one this version reads, or a part is not what it should be.
    """
    found = results.get("format") if isinstance(results, Mapping) else None
    if isinstance(found, bool) or not isinstance(found, int):
        raise ConfigError(
            f"{where}: this is not a results file of mho (it has no 'format' number); give the "
            "folder that 'mho run' or 'mho demo' wrote, or its results.json."
        )
    if found != FORMAT:
        remedy = "install a newer mho" if found > FORMAT else "run the study again"
        raise ConfigError(
            f"{where}: results have format {found}, this version reads format {FORMAT}; {remedy}."
        )
    try:
        return _with_full_names(Results.model_validate(dict(results)))
    except ValidationError as error:
        raise ConfigError(explain(error, Results, where=where)) from None


def full_names(steps: Sequence[Step]) -> dict[str, str]:
    """Return the full name of each step: ``"+ VeRA+"`` after ``"distilled"`` is both together.

    >>> steps = [Step(name="distilled"), Step(name="+ VeRA+", after="distilled")]
    >>> full_names(steps)["+ VeRA+"]
    'distilled + VeRA+'
    """
    known: dict[str, str] = {}
    for step in steps:
        before = known.get(step.after) if step.name.startswith("+") else None
        known[step.name] = step.name if before is None else f"{before} {step.name}"
    return known


def _with_full_names(results: Results) -> Results:
    names = full_names(results.steps)
    steps = tuple(
        step.model_copy(
            update={
                "name": names[step.name],
                "paired": tuple(
                    d.model_copy(update={"against": names.get(d.against, d.against)})
                    for d in step.paired
                ),
            }
        )
        for step in results.steps
    )
    return results.model_copy(update={"steps": steps})


def ordered_steps(steps: Sequence[Step]) -> list[Step]:
    """Return the steps that have results; one that was never evaluated has nothing to show."""
    return [step for step in steps if step.times]
