"""What a study will take: its plan, and a short measurement of one chip."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mho.study.build import Parts, Shelf
from mho.study.engines.choose import Speed, measure
from mho.study.engines.machine import peak_memory_bytes
from mho.study.folder import Folder
from mho.study.plan import plan
from mho.study.spec import AS_IS, LocalEngine, read_study
from mho.study.status import Status, status_of


@dataclass(frozen=True)
class Forecast:
    """What a study will take on this machine.

    Attributes:
        status: The plan, and what of it is done.
        speed: The measurement.
        processes: Processes that would evaluate chips; 1 where one process does more.
        memory_bytes: Memory of one of them, as this process needed it for the measurement.
        fits: Recoveries to be fitted, whose time is not foreseen.
    """

    status: Status
    speed: Speed
    processes: int
    memory_bytes: int
    fits: int

    @property
    def seconds(self) -> float:
        """Time to evaluate the chips that are missing."""
        left = self.status.missing
        if self.processes == 1:
            return left * min(self.speed.alone_s, self.speed.shared_s)
        return left * self.speed.alone_s / min(self.processes, self.speed.cores)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        plain = self.status.to_dict()
        return {
            **{key: value for key, value in plain.items() if key != "steps"},
            "fits": self.fits,
            "processes": self.processes,
            "seconds": self.seconds,
            "memory_bytes": self.memory_bytes * self.processes,
        }


def forecast(path: str | Path, out: str | Path | None = None, *, yes: bool = False) -> Forecast:
    """Plan a study and measure what it will take, without running it.

    Args:
        path: The study.
        out: Folder of its results; ``results/<name of the study>`` by default.
        yes: Go on even if a sweep has more than a million cells.

    Raises:
        MhoError: Whatever is wrong with the study.
    """
    file = read_study(path)
    cells = plan(file, yes=yes)
    folder = Folder(Path("results") / file.study.name if out is None else Path(out))
    status = status_of(file, cells, folder)
    parts = Parts(cells[0].study, cells[0].base, cells[0].where, Shelf())
    parts.check()
    speed = measure(parts)
    wanted = file.study.engine
    processes = speed.processes
    if isinstance(wanted, LocalEngine) and wanted.processes != "auto":
        processes = wanted.processes
    fits = {s.cell.step_keys[s.step] for s in status.steps if s.step != AS_IS and s.done == 0}
    return Forecast(status, speed, processes, peak_memory_bytes(), len(fits))
