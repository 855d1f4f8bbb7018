"""Long work in finished pieces: what was done before is looked up, not done again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from mho.recover.checkpoint import load_checkpoint, save_checkpoint


class Journal:
    """Pieces of work by name, kept in one file as soon as each is finished.

    The work itself is run from its beginning each time; as every piece depends on its name and the
    identity alone, a run that was killed ends in the same result as one that was not.

    Args:
        path: The file, or None to keep nothing.
        identity: What decides the work; a file of other work is refused.

    Raises:
        BundleError: The file is damaged or of other work.
    """

    def __init__(self, path: Path | None, identity: str) -> None:
        self._path, self._identity = path, identity
        self._tensors: dict[str, Tensor] = {}
        self._plain: dict[str, Any] = {}
        if path is not None and path.exists():
            self._tensors, self._plain = load_checkpoint(path, identity=identity)

    def tensors(
        self, name: str, work: Callable[[Path | None], Mapping[str, Tensor]]
    ) -> dict[str, Tensor]:
        """Return the tensors of a piece, doing it now if need be.

        Args:
            name: Name of the piece.
            work: Does it; it is given a file to keep its own unfinished state in.
        """
        names = self._plain.get(name)
        if names is None:
            unfinished = None
            if self._path is not None:
                unfinished = self._path.with_name(f"{self._path.name}.unfinished")
            done = work(unfinished)
            self._tensors |= {f"{name}/{key}": value for key, value in done.items()}
            names = list(done)
            self._keep(name, names)
            if unfinished is not None:
                unfinished.unlink(missing_ok=True)
        return {key: self._tensors[f"{name}/{key}"] for key in names}

    def plain(self, name: str, work: Callable[[], Any]) -> Any:
        """Return the plain data of a piece, doing it now if need be."""
        if name not in self._plain:
            self._keep(name, work())
        return self._plain[name]

    def _keep(self, name: str, value: Any) -> None:
        self._plain[name] = value
        if self._path is not None:
            save_checkpoint(self._path, self._tensors, self._plain, identity=self._identity)
