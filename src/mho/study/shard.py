"""Shards: a study shared out among machines that know nothing of each other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mho.errors import ConfigError
from mho.study.plan import Cell


@dataclass(frozen=True)
class Job:
    """A cell to run.

    Attributes:
        cell: The cell.
        chips: Seeds of the chips to run; None for all that the study asks for.
    """

    cell: Cell
    chips: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Shard:
    """Share ``number`` of ``of``: every share has other work, all together have all of it.

    Where there are enough cells, cells are dealt out; else the chips of each cell are, and what
    recoveries learn is learned in every share.

    Attributes:
        number: Which share, from 1.
        of: How many there are.
    """

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read ``"2/8"``.

        Raises:
            ConfigError: It has another form, or there is no such share.

        >>> Shard.parse("2/8")
        Shard(number=2, of=8)
        """
        match = re.fullmatch(r"(\d+)/(\d+)", text)
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            raise ConfigError(
                f"--shard '{text}' must be the number of a share and how many there are, such as "
                "1/8 to 8/8."
            )
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def deal(self, cells: Sequence[Cell]) -> list[Job]:
        """Return the work of this share.

        Args:
            cells: All cells of the plan.

        Raises:
            ConfigError: The chips of a cell would have to be dealt out, and cannot be.
        """
        if len(cells) >= self.of:
            return [Job(cell) for cell in cells[self.number - 1 :: self.of]]
        return [Job(cell, self._chips(cell, len(cells))) for cell in cells]

    def _chips(self, cell: Cell, cells: int) -> tuple[int, ...]:
        if cell.study.evaluate.stop is not None:
            raise ConfigError(
                f"{cell.where}: a stopping rule looks at all chips, so they cannot be dealt out to "
                f"{self.of} shards. Set evaluate.chips instead of evaluate.stop, or use at most "
                f"{cells} shards."
            )
        if cell.chips < self.of:
            raise ConfigError(
                f"{cell.where}: {self.of} shards of {cell.chips} chips leave some of them nothing "
                f"to do. Use at most {cell.chips} shards."
            )
        first = cell.study.evaluate.seed
        return tuple(range(first + self.number - 1, first + cell.chips, self.of))
