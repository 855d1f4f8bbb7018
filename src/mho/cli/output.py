"""What commands share: ``--json FILE``, tables for people."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from mho.files import atomic_write, writable_file

JsonOption: TypeAlias = Annotated[
    Path | None,
    typer.Option("--json", metavar="FILE", help="Write the figures to this file, as JSON."),
]
"""The option ``--json FILE`` that every command with figures takes; its default is None."""


def check_json(path: Path | None) -> None:
    """Refuse a ``--json FILE`` that cannot be written, before the work begins.

    Raises:
        StoreError: The file cannot be written there.
    """
    if path is not None:
        writable_file(path)


def write_json(path: Path | None, data: Any) -> None:
    """Write figures for machines: whole or not at all; nothing where ``path`` is None.

    Numbers that are not finite become null, since JSON has no word for them. NumPy numbers and
    arrays, tuples, paths and pydantic values are written as the plain values they stand for.

    Raises:
        StoreError: The file cannot be written there.

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "a.json"
    >>> write_json(target, {"accuracy": 0.5, "spread": math.nan, "times": (1, 2)})
    >>> json.loads(target.read_text())
    {'accuracy': 0.5, 'spread': None, 'times': [1, 2]}
    """
    if path is not None:
        text = json.dumps(plain(data), indent=2, ensure_ascii=False, allow_nan=False)
        atomic_write(path, text + "\n")


def plain(value: Any) -> Any:
    """Turn a value into what JSON can hold: dict, list, str, int, float, bool or None.

    Raises:
        TypeError: The value has no plain form.

    >>> plain({"a": (1.0, math.inf), "b": Path("x")})
    {'a': [1.0, None], 'b': 'x'}
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, bytes):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    for method in ("model_dump", "to_dict", "tolist"):  # pydantic, mho, NumPy
        if hasattr(value, method):
            return plain(getattr(value, method)())
    raise TypeError(f"a {type(value).__name__} has no plain form for JSON")


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str | None = None
) -> None:
    """Print a table for people; columns whose cells all start with a digit or sign align right.

    Args:
        columns: Headings.
        rows: One sequence of cells a row; cells are shown by ``str``, None as a dash.
        title: A line above the table.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    cells = [["–" if cell is None else str(cell) for cell in row] for row in rows]
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for index, column in enumerate(columns):
        numeric = bool(cells) and all(_is_number(row[index]) for row in cells)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    # A pipe or a file has no width: let the table have the one it needs.
    Console(width=None if sys.stdout.isatty() else 200, highlight=False).print(table)


def _is_number(cell: str) -> bool:
    return cell == "–" or cell.lstrip("+-−<>≤≥ ")[:1].isdigit()
