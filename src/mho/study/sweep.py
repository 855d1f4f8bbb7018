"""Sweeps: lists of values for any keys of a study, crossed or zipped, less what is excluded.

``[sweep]`` mirrors the study: where the study has a value, the sweep has a list of values, or a
table that names and describes them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import Field, model_validator

from mho.device.law import Law
from mho.errors import ConfigError, unknown

MANY = 1_000_000
"""Cells above which a sweep has to be confirmed."""


class Range(Law):
    """Evenly spaced values, ends included.

    Attributes:
        start: First value; ``from`` in the file.
        stop: Last value; ``to`` in the file.
        steps: How many values.
        log: Space them evenly in the logarithm.
    """

    start: float = Field(alias="from")
    stop: float = Field(alias="to")
    steps: Annotated[int, Field(ge=2)]
    log: bool = False

    @model_validator(mode="after")
    def _logarithms_exist(self) -> Range:
        if self.log and not (self.start > 0 and self.stop > 0):
            raise ValueError("a logarithmic range needs ends above 0")
        return self

    def values(self) -> list[float]:
        """Return the values; numbers that are whole stay whole."""
        space = np.geomspace if self.log else np.linspace
        exact = [float(f"{value:.12g}") for value in space(self.start, self.stop, self.steps)]
        whole = all(value.is_integer() for value in exact)
        return [int(value) for value in exact] if whole else exact


class AxisSpec(Law):
    """One swept key, described by a table.

    Attributes:
        values: The values, or
        range: evenly spaced ones.
        name: What to call the key in results; the key itself by default.
        zip: Keys of the same word are taken together, value by value, instead of crossed.
    """

    values: tuple[Any, ...] | None = None
    range: Range | None = None
    name: str | None = None
    zip: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> AxisSpec:
        if (self.values is None) == (self.range is None):
            raise ValueError("give either values or range")
        return self


@dataclass(frozen=True)
class Axis:
    """One swept key.

    Attributes:
        key: Where in the study, e.g. ``("hardware", "device")``.
        name: What it is called in results.
        values: Its values.
        zip: Word of the group that it is taken together with, or None.
    """

    key: tuple[str, ...]
    name: str
    values: tuple[Any, ...]
    zip: str | None = None

    @property
    def dotted(self) -> str:
        """The key as it is written."""
        return ".".join(self.key)


@dataclass(frozen=True)
class Sweep:
    """All axes of a sweep, and what is left out.

    Attributes:
        axes: The axes, in the order of the file.
        exclude: A cell is left out where it has all the values that one of these names.
    """

    axes: tuple[Axis, ...]
    exclude: tuple[Mapping[str, tuple[Any, ...]], ...] = ()

    @property
    def size(self) -> int:
        """Number of cells before exclusions."""
        return math.prod(len(group[0].values) for group in self._groups())

    def _groups(self) -> list[list[Axis]]:
        """Return the axes in groups that are zipped; an axis alone is a group of one."""
        groups: dict[Any, list[Axis]] = {}
        for axis in self.axes:
            groups.setdefault(axis.zip or axis.key, []).append(axis)
        return list(groups.values())

    def cells(self) -> Iterator[dict[Axis, Any]]:
        """Yield the values of each cell, the last axis fastest, without those excluded."""
        rows = [
            [dict(zip(group, values, strict=True)) for values in zip(*_columns(group), strict=True)]
            for group in self._groups()
        ]
        for parts in itertools.product(*rows):
            cell = {axis: value for part in parts for axis, value in part.items()}
            if not any(_matches(cell, rule) for rule in self.exclude):
                yield cell


def _columns(group: Sequence[Axis]) -> list[tuple[Any, ...]]:
    return [axis.values for axis in group]


def _matches(cell: Mapping[Axis, Any], rule: Mapping[str, tuple[Any, ...]]) -> bool:
    named = {name: value for axis, value in cell.items() for name in (axis.name, axis.dotted)}
    return all(named[name] in values for name, values in rule.items())


def parse_sweep(values: Any, *, where: str) -> Sweep:
    """Read ``[sweep]``.

    Args:
        values: What the TOML holds there.
        where: Place to name in an error.

    Raises:
        ConfigError: Something there is neither a list nor a table that describes one, names are
            taken twice, zipped lists differ in length, or an exclusion names no axis.

    >>> sweep = parse_sweep({"hardware": {"rows": [64, 128]}}, where="study s.toml, [sweep]")
    >>> [list(cell.values()) for cell in sweep.cells()]
    [[64], [128]]
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where}: must be a table that mirrors the study.")
    rules = values.get("exclude", [])
    tree = {key: value for key, value in values.items() if key != "exclude"}
    axes = tuple(_axes(tree, (), where))
    names = [axis.name for axis in axes]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{where}: two keys are called '{name}'; give each its own name.")
    for axis in axes:
        if not axis.values:
            raise ConfigError(f"{where}: '{axis.dotted}' has no values: there is nothing to run.")
    sweep = Sweep(axes, tuple(_rule(rule, axes, where) for rule in _listed(rules, where)))
    for group in sweep._groups():
        if len({len(axis.values) for axis in group}) > 1:
            lengths = ", ".join(f"'{axis.name}' has {len(axis.values)}" for axis in group)
            raise ConfigError(
                f"{where}: keys zipped as '{group[0].zip}' need equally many values; {lengths}."
            )
    return sweep


_AXIS_KEYS = {"values", "range", "name", "zip"}


def _axes(tree: Mapping[str, Any], above: tuple[str, ...], where: str) -> Iterator[Axis]:
    for key, value in tree.items():
        place = (*above, key)
        dotted = ".".join(place)
        if isinstance(value, list):
            yield Axis(place, dotted, tuple(value))
        elif isinstance(value, Mapping) and value and set(value) <= _AXIS_KEYS:
            spec = AxisSpec.parse(value, where=f"{where}, '{dotted}'")
            listed = spec.values if spec.range is None else tuple(spec.range.values())
            yield Axis(place, spec.name or dotted, listed or (), spec.zip)
        elif isinstance(value, Mapping):
            yield from _axes(value, place, where)
        else:
            raise ConfigError(
                f"{where}: '{dotted}' needs a list of values; write [{value!r}] or more of them."
            )


def _listed(rules: Any, where: str) -> list[Mapping[str, Any]]:
    if isinstance(rules, list) and all(isinstance(rule, Mapping) and rule for rule in rules):
        return rules
    raise ConfigError(
        f"{where}: exclude must be a list of tables, such as [{{ device = 'wan2022' }}]."
    )


def _rule(
    rule: Mapping[str, Any], axes: Sequence[Axis], where: str
) -> Mapping[str, tuple[Any, ...]]:
    known = {name for axis in axes for name in (axis.name, axis.dotted)}
    for name in rule:
        if name not in known:
            raise unknown("name", name, known, where=f"{where}, exclude")
    return {k: tuple(v) if isinstance(v, list) else (v,) for k, v in rule.items()}


def with_values(
    study: Mapping[str, Any], cell: Mapping[Axis, Any], *, where: str
) -> dict[str, Any]:
    """Return a study's plain values with those of one cell put in.

    Args:
        study: What the TOML holds, without ``[sweep]``.
        cell: A value for each axis.
        where: Place to name in an error.

    Raises:
        ConfigError: A key leads through something that is not a table, or names no step.
    """
    changed = dict(study)
    for axis, value in cell.items():
        if axis.key[0] == "recover":
            changed["recover"] = _step_changed(changed.get("recover", []), axis, value, where)
        else:
            changed = _changed(changed, axis.key, value, axis, where)
    return changed


def _changed(
    table: Any, key: tuple[str, ...], value: Any, axis: Axis, where: str
) -> dict[str, Any]:
    if not isinstance(table, Mapping):
        raise ConfigError(f"{where}: '{axis.dotted}' leads below a key that holds a plain value.")
    head, *rest = key
    below = table.get(head, {})
    return {**table, head: _changed(below, tuple(rest), value, axis, where) if rest else value}


def _step_changed(steps: Any, axis: Axis, value: Any, where: str) -> list[Any]:
    """Put a value into the step that the axis names: ``recover.<name of the step>.<setting>``."""
    names = [step.get("name", step.get("method")) for step in steps]
    if len(axis.key) < 3:
        raise ConfigError(
            f"{where}: '{axis.dotted}' must name a step and a setting, as in "
            "recover.distilled.epochs = [10, 30]."
        )
    if axis.key[1] not in names:
        raise unknown("step", axis.key[1], [str(name) for name in names], where=where)
    return [
        _changed(step, axis.key[2:], value, axis, where) if name == axis.key[1] else step
        for name, step in zip(names, steps, strict=True)
    ]
