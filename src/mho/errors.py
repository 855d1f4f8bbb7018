"""Errors that mho raises on purpose: what was expected, what came, where, and what to do.

The command line prints the message of a :class:`MhoError` as one sentence and exits with code 2.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class MhoError(Exception):
    """Root of all errors that mho raises on purpose. Its message is written for the user."""


class ConfigError(MhoError, ValueError):
    """A card, study, option or argument says something that mho does not understand."""


class TableError(MhoError, ValueError):
    """A table of measurements cannot be read as what it claims to be."""


class OutOfRangeError(MhoError, ValueError):
    """A value lies where the device law was never measured or is not defined."""


class ModelError(MhoError, ValueError):
    """A network cannot be mapped onto crossbars as it is."""


class DataError(MhoError, ValueError):
    """A data set is missing, of the wrong shape, or used for what it must not be used for."""


class BundleError(MhoError, ValueError):
    """A bundle or checkpoint is incomplete, edited, or of an unknown format."""


class StoreError(MhoError, OSError):
    """Results or files cannot be written or read where the user asked for them."""


class MissingDependencyError(MhoError, ImportError):
    """An optional package is not installed; the message holds the line that installs it."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name closest to ``name``, or None where nothing is close.

    >>> nearest("programing", ["programming", "drift"])
    'programming'
    """
    candidates = {k.lower(): k for k in known}
    match = difflib.get_close_matches(name.lower(), list(candidates), n=1, cutoff=0.5)
    return candidates[match[0]] if match else None


def unknown(kind: str, name: str, known: Iterable[str], *, where: str = "") -> ConfigError:
    """Build the error for a name that is not known, naming the nearest known one.

    Args:
        kind: What the name should have been: ``"preset"``, ``"key"``, ``"option"``.
        name: What came.
        known: The names that would have been understood.
        where: Place of the mistake, e.g. ``"study.toml, [evaluate]"``.

    >>> str(unknown("preset", "falcon2025", ["falcone2025", "wan2022"]))
    "unknown preset 'falcon2025'. Did you mean 'falcone2025'? Known: falcone2025, wan2022."
    """
    names = sorted(known)
    close = nearest(name, names)
    place = f"{where}: " if where else ""
    hint = f" Did you mean '{close}'?" if close else ""
    return ConfigError(f"{place}unknown {kind} '{name}'.{hint} Known: {', '.join(names)}.")
