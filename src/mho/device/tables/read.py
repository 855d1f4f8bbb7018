"""Files of measurements into data frames: CSV, TSV, Parquet, compressed or not, header or none."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mho.errors import TableError
from mho.files import os_sentence

if TYPE_CHECKING:
    import pandas as pd

    TableLike: TypeAlias = str | os.PathLike[str] | pd.DataFrame
else:
    TableLike: TypeAlias = Any

_SEPARATORS = ("\t", ",", ";", "|")
_MISSING = {"", "na", "n/a", "nan", "null", "none", "-"}
_SUFFIXES = "CSV, TSV, TXT, DAT or Parquet, also with .gz"


@dataclass(frozen=True)
class Source:
    """One file (or data frame) that was read.

    Args:
        name: File name for messages, ``"the table"`` for a data frame.
        rows: Rows of data in it.
        first_row: The number, as an editor counts lines, of its first row of data.
        sha256: Hash of the file's bytes; None for a data frame.
    """

    name: str
    rows: int
    first_row: int
    sha256: str | None


@dataclass(frozen=True)
class Rows:
    """How to name rows of one or several files in a message.

    Args:
        sources: The files.
        period: Where rows were repeated as blocks (a wide table): rows of one block.
    """

    sources: tuple[Source, ...]
    period: int | None = None

    @property
    def name(self) -> str:
        """The files' names."""
        names = [source.name for source in self.sources]
        return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"

    def text(self, where: npt.NDArray[Any] | Sequence[int], limit: int = 5) -> str:
        """Name rows by their numbers, and by their file where there are several.

        Args:
            where: Positions from 0 over all files, or a mask of all rows.
            limit: How many to name before "and … more".

        >>> Rows((Source("a.csv", 3, 2, None),)).text([0, 2])
        'rows 2, 4'
        """
        where = np.asarray(where)
        positions = np.flatnonzero(where) if where.dtype == bool else where
        shown = ", ".join(self._row(int(i)) for i in positions[:limit])
        more = f" and {len(positions) - limit} more" if len(positions) > limit else ""
        return f"row{'s' if len(positions) > 1 else ''} {shown}{more}"

    def _row(self, position: int) -> str:
        position = position if self.period is None else position % self.period
        for source in self.sources:
            if position < source.rows:
                row = f"{position + source.first_row}"
                return row if len(self.sources) == 1 else f"{row} of {source.name}"
            position -= source.rows
        raise IndexError(position)


@dataclass(frozen=True)
class RawTable:
    """Columns as they stand in the file(s), one below the other.

    Args:
        frame: The columns; names are ``"0"``, ``"1"`` … where there is no header.
        header: Whether the columns have names.
        rows: How to name its rows.
    """

    frame: pd.DataFrame
    header: bool
    rows: Rows


def read_table(table: TableLike | Sequence[TableLike], *, header: bool | None = None) -> RawTable:
    """Read one table or several of the same columns.

    Args:
        table: A path, a pandas DataFrame, or a list of them.
        header: Whether the first line holds names; None looks.

    Raises:
        TableError: A file is missing, empty, of an unknown kind, or the columns of several differ.
    """
    import pandas as pd

    tables: list[Any] = list(table) if isinstance(table, list | tuple) else [table]
    if not tables:
        raise TableError("no table was given; give the path of at least one file.")
    parts = [_read_one(one, header) for one in tables]
    first = parts[0]
    for part in parts[1:]:
        if list(part.frame.columns) != list(first.frame.columns):
            raise TableError(
                f"{part.rows.name} has the columns {_listed(part.frame)}, but {first.rows.name} "
                f"has {_listed(first.frame)}; tables read together need the same columns."
            )
    if len(parts) == 1:
        return first
    frame = pd.concat([part.frame for part in parts], ignore_index=True)
    sources = tuple(s for part in parts for s in part.rows.sources)
    return RawTable(frame, first.header, Rows(sources))


def _listed(frame: pd.DataFrame) -> str:
    return ", ".join(map(str, frame.columns))


def _read_one(table: TableLike, header: bool | None) -> RawTable:
    import pandas as pd

    if isinstance(table, pd.DataFrame):
        frame = table.reset_index(drop=True)
        frame.columns = pd.Index([str(name) for name in frame.columns])
        named = not all(isinstance(name, int) for name in table.columns)
        source = Source("the table", len(frame), 0, None)
    else:
        path = Path(table)
        digest = _sha256(path)
        if _suffix(path) in (".parquet", ".pq"):
            frame, named, first_row = _read_parquet(path), True, 1
        else:
            frame, named, first_row = _read_text(path, header)
        source = Source(path.name, len(frame), first_row, digest)
    if frame.empty:
        raise TableError(f"{source.name} holds no rows of data; give a table of measured cells.")
    return RawTable(frame, named, Rows((source,)))


def _suffix(path: Path) -> str:
    suffixes = [s.lower() for s in path.suffixes if s.lower() != ".gz"]
    return suffixes[-1] if suffixes else ""


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise TableError(os_sentence(error, "read", path)) from None


def _read_parquet(path: Path) -> pd.DataFrame:
    import pandas as pd
    import pyarrow as pa

    try:
        source: Any = path
        if path.suffix == ".gz":
            with gzip.open(path) as file:
                source = pa.BufferReader(file.read())
        return pd.read_parquet(source)
    except (pa.ArrowException, OSError, EOFError) as error:
        reason = str(error).splitlines()[0]
        raise TableError(f"{path.name} is not a readable Parquet file: {reason}.") from None


def _read_text(path: Path, header: bool | None) -> tuple[pd.DataFrame, bool, int]:
    """Return the columns, whether they are named, and the line of the first row of data."""
    import pandas as pd

    lines, skipped = _first_lines(path)
    separator = _separator(lines)
    rows = [_split(line, separator) for line in lines]
    named = _has_header(rows) if header is None else header
    decimal = "." if separator != ";" or not any("," in f for f in rows[-1]) else ","
    options: dict[str, Any] = {
        "sep": r"\s+" if separator == " " else separator,
        "header": 0 if named else None,
        "skiprows": skipped,
        "decimal": decimal,
        "comment": "#",
        "skipinitialspace": True,
        "low_memory": False,
        "compression": "infer",
    }
    try:
        try:
            frame = pd.read_csv(path, encoding="utf-8-sig", **options)
        except UnicodeDecodeError:
            frame = pd.read_csv(path, encoding="latin-1", **options)
    except EOFError:
        raise _cut_off(path) from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, OSError) as error:
        reason = re.sub(r"^Error tokenizing data\. C error: ", "", str(error)).strip()
        raise TableError(
            f"{path.name} cannot be read as a table: {reason or type(error).__name__}; "
            f"expected {_SUFFIXES}, the same number of columns in each row."
        ) from None
    frame.columns = pd.Index([str(name).strip() for name in frame.columns])
    return frame, named, skipped + 1 + named


def _cut_off(path: Path) -> TableError:
    return TableError(f"{path.name} is cut off; copy the file again.")


def _first_lines(path: Path, count: int = 30) -> tuple[list[str], int]:
    """Return the first lines of data and how many comments stood before them."""
    lines: list[str] = []
    skipped = 0
    try:
        with _open(path) as file:
            for raw in file:
                line = raw.decode("utf-8-sig", errors="replace").rstrip("\r\n")
                if not line.strip() or line.startswith("#"):
                    skipped += not lines
                    continue
                if "\0" in line:
                    raise TableError(f"{path.name} is not a text file; expected {_SUFFIXES}.")
                lines.append(line)
                if len(lines) == count:
                    break
    except EOFError:
        raise _cut_off(path) from None
    except OSError as error:
        raise TableError(os_sentence(error, "read", path)) from None
    if not lines:
        raise TableError(f"{path.name} holds no rows of data; give a table of measured cells.")
    return lines, skipped


def _open(path: Path) -> Any:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


def _separator(lines: list[str]) -> str:
    """Return the character that splits the first lines into equally many fields."""
    for separator in _SEPARATORS:
        counts = {line.count(separator) for line in lines}
        if counts != {0} and len(counts) == 1:
            return separator
    present = [s for s in _SEPARATORS if s in lines[0]]
    return present[0] if present else " "


def _split(line: str, separator: str) -> list[str]:
    fields = line.split() if separator == " " else line.split(separator)
    return [field.strip().strip('"') for field in fields]


def _is_number(field: str) -> bool:
    try:
        float(field.replace(",", "."))
    except ValueError:
        return False
    return True


def _has_header(rows: list[list[str]]) -> bool:
    """Whether the first line names what the second one measures."""
    first, rest = rows[0], rows[1:]
    if not rest:
        return not any(map(_is_number, first))
    for column, field in enumerate(first):
        below = [row[column] for row in rest if column < len(row)]
        numbers = [f for f in below if f.lower() not in _MISSING]
        text = not _is_number(field) and field.lower() not in _MISSING
        if text and numbers and sum(map(_is_number, numbers)) > len(numbers) / 2:
            return True
    return False
