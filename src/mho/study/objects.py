"""Objects that a study names: a class or function in the user's own file or package."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from mho.errors import ConfigError, nearest

_PREFIX = "_mho_study_"


def load_object(place: str, base: Path, *, where: str) -> Any:
    """Load what ``"file.py:name"`` or ``"package.module:name"`` means.

    Args:
        place: File (relative to the study) or module, a colon, and the name in it.
        base: The study's folder.
        where: Place to name in an error.

    Raises:
        ConfigError: The file, the module or the name does not exist, or its code fails.
    """
    source, _, name = place.partition(":")
    if not source or not name:
        raise ConfigError(
            f"{where}: '{place}' must have the form 'file.py:name' or 'package.module:name'."
        )
    try:
        module = _from_file(base / source) if source.endswith(".py") else _module(source, base)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
    except Exception as error:  # the user's code may fail in any way
        raise ConfigError(
            f"{where}: '{source}' fails when it is loaded: {type(error).__name__}: {error}."
        ) from error
    if not hasattr(module, name):
        known = [n for n in vars(module) if not n.startswith("_")]
        close = nearest(name, known)
        hint = f" Did you mean '{close}'?" if close else ""
        raise ConfigError(f"{where}: '{source}' has no '{name}'.{hint}")
    return getattr(module, name)


def own_modules() -> list[ModuleType]:
    """Return the modules loaded from users' files, which other machines do not have."""
    return [module for name, module in sys.modules.items() if name.startswith(_PREFIX)]


def _from_file(path: Path) -> Any:
    if not path.is_file():
        raise ConfigError(f"the file '{path}' does not exist; paths are relative to the study.")
    unique = f"{_PREFIX}{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(unique, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"the file '{path}' is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[unique] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[unique]
        raise
    return module


def _module(name: str, base: Path) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise ConfigError(
                f"no module '{name}' is installed; install it, or name a file in '{base}'."
            ) from None
        raise
