"""Provenance: a free-form record of how a card came to be, kept beside the law it explains."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, model_validator

from mho.device.law import Law


class Provenance(Law):
    """Whatever a fit wants to remember: files, counts, families tried, goodness, warnings.

    Any key is allowed and none enters a draw. Lists become tuples and tables become records, so
    that the value is as frozen and hashable as the laws are.

    >>> record = Provenance(rows=89_115, families=["normal", "student-t"])
    >>> record.model_dump()["families"]
    ('normal', 'student-t')
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    @model_validator(mode="before")
    @classmethod
    def _freeze(cls, values: Any) -> Any:
        if isinstance(values, dict):
            return {key: _frozen(value) for key, value in values.items()}
        return values


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return Provenance.model_validate(value)
    if isinstance(value, list | tuple):
        return tuple(_frozen(item) for item in value)
    return value
