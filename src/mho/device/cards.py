"""Device cards: device laws as TOML files that a person can read, with units in the keys.

The shipped presets are cards too, in ``presets/``; a preset is data, never a class.
"""

from __future__ import annotations

import os
import re
import textwrap
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

from mho.device.device import Device
from mho.errors import ConfigError, nearest
from mho.files import atomic_write, os_sentence

_ROW = re.compile(r"\[\n(?:\s+[-+.\w]+,\n)+\s*\]")
_PRESETS = Path(__file__).parent / "presets"


def list_devices() -> list[str]:
    """Return the names of the shipped presets, in alphabetical order.

    >>> "falcone2025" in list_devices()
    True
    """
    return sorted(card.name.removesuffix(".toml") for card in _PRESETS.glob("*.toml"))


def load_device(name_or_path: str | os.PathLike[str]) -> Device:
    """Load a device law: a shipped preset by name, or your own card by path.

    Args:
        name_or_path: A name of :func:`list_devices`, or the path of a TOML card (it ends in
            ``.toml`` or holds a folder separator).

    Raises:
        ConfigError: No such preset or file, broken TOML, an unknown key or an impossible value;
            the message names the place and the nearest known name.

    >>> load_device("charan2020").levels.count
    10
    """
    text = os.fspath(name_or_path)
    if text in list_devices():
        return _preset(text)
    path = Path(text)
    if path.is_file():
        return _read(path, where=f"card {text}")
    if path.suffix == ".toml" or len(path.parts) > 1:
        what = "is a folder, not a card" if path.is_dir() else "does not exist"
        raise ConfigError(
            f"card {text} {what}; give the path of a TOML card or one of the presets."
        )
    known = list_devices()
    close = nearest(text, known)
    hint = f"Did you mean '{close}'? " if close else ""
    raise ConfigError(
        f"unknown preset '{text}'. {hint}Known: {', '.join(known)}. "
        "Your own card is loaded by its path, such as my.toml."
    )


def save_device(device: Device, path: str | os.PathLike[str]) -> Path:
    """Write a device law as a TOML card; :func:`load_device` gives it back, equal.

    Args:
        device: The law, with its ``fit`` record where it has one.
        path: File to write, replaced as a whole or not at all.

    Returns:
        The path written.

    Raises:
        StoreError: The file cannot be written there.
    """
    path = Path(path)
    atomic_write(path, card_text(device))
    return path


def card_text(device: Device) -> str:
    """Return a device law as the text of its TOML card."""
    import tomli_w

    return _ROW.sub(_one_line, tomli_w.dumps(_plain(device.model_dump(exclude_none=True))))


@lru_cache
def _preset(name: str) -> Device:
    return _read(_PRESETS / f"{name}.toml", where=f"preset {name}")


def _read(path: Path, *, where: str) -> Device:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"{where}: not a text file in UTF-8; a card is TOML text.") from None
    except OSError as error:
        raise ConfigError(os_sentence(error, "read", path)) from None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where}: not valid TOML: {error}; correct that line.") from None
    return Device.parse(values, where=where)


def _one_line(row: re.Match[str]) -> str:
    """Write a list of numbers on one line, or on as few as fit, instead of one number a line."""
    numbers = " ".join(row[0].split()).removesuffix(", ]").removesuffix(",]")
    text = numbers.replace("[ ", "[", 1).rstrip(",") + "]"
    indent = " " * 4
    lines = textwrap.wrap(text, 96, subsequent_indent=indent, break_on_hyphens=False)
    return "\n".join(lines)


def _plain(value: Any) -> Any:
    """Turn tuples into lists, and drop keys without a value: TOML has no null."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
