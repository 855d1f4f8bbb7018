"""The base of everything that is declared: a frozen value that refuses keys it does not know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeAlias, cast

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic._internal._model_construction import ModelMetaclass

from mho.errors import ConfigError, nearest

Array: TypeAlias = npt.NDArray[np.floating[Any]]


class _Explained(ModelMetaclass):
    """Construction in Python ends in the same sentences as a card that is read."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().__call__(*args, **kwargs)
        except ValidationError as error:
            law = cast(type[BaseModel], cls)
            raise ConfigError(explain(error, law, where=cls.__name__)) from None


class Law(BaseModel, metaclass=_Explained):
    """A frozen, validated value: a device law, a mapping, a hardware, the settings of a method.

    Unknown keys are errors. Use :meth:`parse` for what a user wrote: it names the place, what was
    expected and the nearest known key.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=False)

    @classmethod
    def parse(cls, values: Mapping[str, Any], *, where: str) -> Self:
        """Build the law from plain values.

        Args:
            values: Keys and values, e.g. one table of a TOML file.
            where: Place to name in an error, e.g. ``"card my.toml, [drift]"``.

        Raises:
            ConfigError: A key is unknown or a value is not what was expected.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise ConfigError(explain(error, cls, where=where)) from None


def _keys_of(law: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Collect the keys known at a location inside a law, through unions and nested laws."""
    models: list[type[BaseModel]] = [law]
    for step in location:
        below: list[type[BaseModel]] = []
        for model in models:
            field = model.model_fields.get(str(step))
            if field is not None:
                below += _models_in(field.annotation)
            elif _tag_of(model) == step:  # a discriminator value, not a key
                below.append(model)
        models = below or models
    return sorted({f.alias or name for model in models for name, f in model.model_fields.items()})


def _place(law: type[BaseModel], location: tuple[int | str, ...]) -> str:
    """Write a location as the user wrote it: without the names of laws that pydantic puts in."""
    models: list[type[BaseModel]] = [law]
    keys: list[str] = []
    for step in location:
        if any(_tag_of(model) == step for model in models):
            models = [model for model in models if _tag_of(model) == step]
            continue
        keys.append(str(step))
        fields = [model.model_fields.get(str(step)) for model in models]
        below = [m for field in fields if field for m in _models_in(field.annotation)]
        models = below or models
    return ".".join(keys)


_DISCRIMINATORS = (
    "law",
    "form",
    "shape",
    "kind",
)  # keys that name the kind of a law or of a part of one


def _tag_of(model: type[BaseModel]) -> Any:
    fields = [model.model_fields.get(key) for key in _DISCRIMINATORS]
    return next((f.default for f in fields if f is not None and isinstance(f.default, str)), None)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for part in getattr(annotation, "__args__", ()) for m in _models_in(part)]


def explain(error: ValidationError, law: type[BaseModel], *, where: str) -> str:
    """Turn pydantic's first complaint into one sentence with place, expectation and remedy.

    A misspelt key comes before a missing one: it is often the same key.
    """
    problem = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    location = tuple(problem["loc"])
    place = _place(law, location)
    kind = problem["type"]
    if kind == "extra_forbidden":
        known = _keys_of(law, location[:-1])
        close = nearest(str(location[-1]), known)
        hint = f" Did you mean '{close}'?" if close else ""
        return f"{where}: unknown key '{place}'.{hint} Known: {', '.join(known)}."
    if kind == "missing":
        return f"{where}: key '{place}' is missing; add it."
    if kind == "union_tag_invalid":
        context = problem.get("ctx", {})
        expected = str(context.get("expected_tags", "")).replace("'", "")
        close = nearest(str(context.get("tag", "")), [t.strip() for t in expected.split(",")])
        hint = f" Did you mean '{close}'?" if close else ""
        kind, tag = str(context.get("discriminator", "'law'")).strip("'"), context.get("tag")
        return f"{where}: '{place}' has unknown {kind} '{tag}'.{hint} Known: {expected}."
    if kind == "union_tag_not_found":
        key = problem.get("ctx", {}).get("discriminator", "'law'")
        return f"{where}: '{place}' needs the key {key} that names its kind."
    message = str(problem["msg"]).removeprefix("Value error, ")
    came = problem.get("input")
    shown = f"; got {came!r}" if isinstance(came, str | int | float | bool) else ""
    return f"{where}: '{place}': {message}{shown}." if place else f"{where}: {message}{shown}."
