"""Reading results: a folder that a study wrote, or its ``results.json``."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from mho.errors import ConfigError, StoreError
from mho.files import os_sentence
from mho.report.schema import parse_results

RESULTS = "results.json"
"""Name of the results file in a results folder."""


def results_file(path: str | os.PathLike[str]) -> Path:
    """Return the results file that a path means: itself, or the one in that folder.

    Raises:
        StoreError: There is none.

    >>> results_file("no/such/folder")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    mho.errors.StoreError: no results at ...
    """
    given = Path(path)
    if given.is_dir():
        inside = given / RESULTS
        if not inside.is_file():
            raise StoreError(
                f"no {RESULTS} in '{given}': 'mho run' writes it when the study has finished; run "
                "the study again to go on, or give another folder."
            )
        return inside
    if not given.exists():
        raise StoreError(
            f"no results at '{given}': give the folder that 'mho run' or 'mho demo' wrote, or "
            f"its {RESULTS}."
        )
    return given


def read_results(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a study's results and check them.

    Args:
        path: The results folder, or the results file.

    Returns:
        What the file holds.

    Raises:
        StoreError: There is no such file, or it cannot be read.
        ConfigError: It is not JSON, not results, or of a format that this version does not read.
    """
    file = results_file(path)
    found: dict[str, Any] = read_json(file, remedy="run the study again to write it anew")
    parse_results(found, where=str(file))
    return found


def read_json(file: Path, *, remedy: str) -> Any:
    """Read a JSON file.

    Args:
        file: The file.
        remedy: What to do where it is damaged.

    Raises:
        StoreError: The file cannot be read.
        ConfigError: It is not JSON.
    """
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise StoreError(os_sentence(error, "read", file)) from None
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        place = (
            f" (line {error.lineno}, column {error.colno})"
            if isinstance(error, json.JSONDecodeError)
            else ""
        )
        raise ConfigError(
            f"{file}: this is not JSON{place}, so the file is damaged or of another kind; {remedy}."
        ) from None
