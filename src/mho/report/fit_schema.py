"""What a device fit holds as plain data: typed, checked once, optional parts optional."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, ValidationError

from mho.device.law import explain
from mho.errors import ConfigError
from mho.report.schema import Maybe, Part, Plain

Interval = tuple[Maybe, Maybe, Maybe]
"""A value with the lower and upper end of its interval."""


class TimeFigures(Part):
    """Mean and spread of the change over all levels at one time, in µS."""

    t_s: float
    cells: int = 0
    mean: Maybe = None
    mean_fitted: Maybe = None
    sd: Maybe = None
    sd_fitted: Maybe = None


class LevelFigures(Part):
    """Quantiles of the change of one level at one time, in µS."""

    level: str = ""
    g_uS: float
    t_s: float
    cells: int = 0
    mean: Maybe = None
    sd: Maybe = None
    mean_fitted: Maybe = None
    sd_fitted: Maybe = None
    measured: tuple[Maybe, ...] = ()
    fitted: tuple[Maybe, ...] = ()


class Memory(Part):
    """Correlations of one cell's path between times, measured and fitted."""

    times_s: tuple[float, ...] = ()
    measured: tuple[tuple[Maybe, ...], ...] = ()
    fitted: tuple[tuple[Maybe, ...], ...] = ()
    pairs: tuple[tuple[int, ...], ...] = ()
    law: str = ""


class WaferMap(Part):
    """One quantity over the dies of a wafer; None where there is no die.

    Args:
        name: What is shown, e.g. ``"wafer 3: median conductance"``.
        unit: Its unit.
        rows: Labels of the rows of dies, top first.
        cols: Labels of the columns of dies.
        values: One row of values for each of ``rows``.
    """

    name: str
    unit: str = ""
    rows: tuple[str, ...] = ()
    cols: tuple[str, ...] = ()
    values: tuple[tuple[Maybe, ...], ...] = ()


class Family(Part):
    """One family of laws, judged on cells that it was not fitted to."""

    family: str
    parameters: int = 0
    held_out_nats_per_read: Maybe = None
    behind_winner: Maybe = None
    standard_error: Maybe = None
    aic: Maybe = None


class Ranking(Part):
    """Families from the best to the worst, and what the simpler one costs, in words."""

    families: tuple[Family, ...] = ()
    price: str = ""


class Rate(Part):
    """How many cells are faulty in one way, with the interval of their share."""

    count: int = 0
    cells: int = 0
    rate: Maybe = None
    low: Maybe = None
    high: Maybe = None


class Variance(Part):
    """Standard deviations of the programming by source: value, lower and upper end."""

    unit: str = ""
    sds: dict[str, Interval] = Field(default_factory=dict)
    counts: dict[str, int] = Field(default_factory=dict)


class Bake(Part):
    """The change of cells after one bake."""

    temperature_C: float
    t_s: float = 0.0
    cells: int = 0
    spread: Interval = (None, None, None)
    fitted: Maybe = None


class Temperature(Part):
    """Bakes at several temperatures, and the Arrhenius law that was fitted to them."""

    bakes: tuple[Bake, ...] = ()
    law: Plain | None = None


class FitResults(Part):
    """A device fit: the card, how well it describes the cells, and what was noticed."""

    device: Annotated[Plain, Field(min_length=1)]
    understood: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    cells: int = 0
    reads: int = 0
    held_out: dict[str, Maybe] = Field(default_factory=dict)
    times: tuple[TimeFigures, ...] = ()
    levels: tuple[LevelFigures, ...] = ()
    probabilities: tuple[float, ...] = ()
    median_error_sd: Maybe = None
    largest_error_sd: Maybe = None
    memory: Memory | None = None
    programming: Ranking | None = None
    families: Ranking | None = None
    faults: dict[str, Rate] = Field(default_factory=dict)
    variance: Variance | None = None
    temperature: Temperature | None = None
    maps: tuple[WaferMap, ...] = ()


def parse_fit(fit: Mapping[str, Any], *, where: str = "fit") -> FitResults:
    """Check a fit's plain data and give it types.

    Args:
        fit: What ``Fit.to_dict()`` returns.
        where: The file, to be named in an error.

    Raises:
        ConfigError: A part is not what it should be.
    """
    if not isinstance(fit, Mapping) or not isinstance(fit.get("device"), Mapping):
        raise ConfigError(
            f"{where}: this is not a device fit of mho (it has no 'device' table); give the file "
            "that 'mho device fit --json' wrote."
        )
    try:
        return FitResults.model_validate(dict(fit))
    except ValidationError as error:
        raise ConfigError(explain(error, FitResults, where=where)) from None
