"""The shipped price books, as TOML data with a source for every number."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from mho.costs.book import AnyBook, Book, Components, Ratio
from mho.device.law import explain
from mho.errors import ConfigError, nearest
from mho.files import os_sentence

DEFAULT_BOOK = "neurosim-charan2020"
"""The book calibrated on the papers' own area."""

_FOLDER = Path(__file__).parent
_ANY_BOOK: TypeAdapter[Components | Ratio] = TypeAdapter(AnyBook)


def list_books() -> list[str]:
    """Return the names of the shipped price books.

    >>> list_books()
    ['components-65nm', 'neurosim-charan2020']
    """
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load_book(book: str | Path | Book) -> Book:
    """Load a price book: a shipped one by name, or your own TOML by path.

    A book with ``law = "ratio"`` may give ``base`` as the name of a book of components.

    Raises:
        ConfigError: There is no such book, or it is broken; the nearest name or the place is named.

    >>> load_book("components-65nm").components.node_nm
    65.0
    """
    if isinstance(book, Book):
        return book
    if str(book) in list_books():
        return _shipped(str(book))
    path = Path(book)
    if path.suffix != ".toml":
        close = nearest(str(book), list_books())
        hint = f"Did you mean '{close}'? " if close else ""
        raise ConfigError(
            f"unknown price book '{book}'. {hint}Known: {', '.join(list_books())}. "
            "Your own book is loaded by its path, such as my.toml."
        )
    return _load(path)


@lru_cache
def _shipped(name: str) -> Book:
    return _load(_FOLDER / f"{name}.toml")


def _load(path: Path) -> Book:
    where = f"price book {path}"
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(os_sentence(error, "read", path)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{where}: not valid TOML: {error}; correct that line.") from None
    if isinstance(values.get("base"), str):
        values["base"] = load_book(values["base"]).model_dump()
    try:
        return _ANY_BOOK.validate_python(values)
    except ValidationError as error:
        raise ConfigError(explain(error, Components, where=where)) from None
