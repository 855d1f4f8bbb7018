"""Artefacts: what recoveries have learned, kept under the id of everything that decided it."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mho.data import Data
from mho.deploy.bundle import load_bundle, save_bundle
from mho.deploy.folder import REMEDY
from mho.errors import BundleError
from mho.files import atomic_write
from mho.network.mapped import MappedNetwork
from mho.recover.base import Recovery
from mho.results import digest

_NUMBERS = 2
"""Raised when a change of mho changes what a recovery learns, so that old ones are not reused."""


@dataclass(frozen=True)
class Artefact:
    """A recovered network and how it came about.

    Attributes:
        key: Id of everything that decided it.
        network: The network after the recovery.
        seconds: How long the recovery was fitted.
    """

    key: str
    network: MappedNetwork
    seconds: float


def key_of(network: MappedNetwork, recovery: Recovery, data: Data, seed: int, threads: int) -> str:
    """Return the id of what a recovery makes of a network: equal ids, equal result.

    Args:
        network: The network before.
        recovery: The recovery.
        data: What it may see.
        seed: Seed of its training.
        threads: Threads that train: the order of sums, and so the last bits, depend on them.
    """
    return digest(
        {
            "numbers": _NUMBERS,
            "network": network.digest,
            "method": recovery.method,
            "settings": recovery.settings(),
            "data": data.digest,
            "seed": seed,
            "threads": threads,
        }
    )


class Artefacts:
    """A folder of recovered networks: each a bundle, with a note that is written last.

    Args:
        folder: Where they lie.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def bundle(self, key: str) -> Path:
        """Return where the bundle of an artefact lies."""
        return self.folder / key[:16]

    def _note(self, key: str) -> Path:
        return self.folder / f"{key[:16]}.json"

    def has(self, key: str) -> bool:
        """Return whether an artefact is there, whole."""
        return self._note(key).is_file()

    def get(self, key: str, base: MappedNetwork) -> Artefact | None:
        """Return an artefact, or None where it is missing or was not finished.

        Args:
            key: Its id.
            base: A network of the same architecture on the same hardware.

        Raises:
            BundleError: It was edited, or damaged.
        """
        if not self.has(key):
            return None
        self._drop_state(key)  # a kill between the last note and its removal leaves it behind
        try:
            note = json.loads(self._note(key).read_text(encoding="utf-8"))
            loaded = load_bundle(self.bundle(key), model=base.model).network
            student = base.with_weights(loaded.model.state_dict())
            network = replace(student, applied=loaded.applied)
            if note["key"] != key or note["network"] != network.digest:
                raise BundleError("its contents are not those that its note describes.")
        except (BundleError, OSError, ValueError, KeyError) as error:
            reason = str(error).removesuffix(REMEDY).rstrip()
            raise BundleError(
                f"artefact '{self.bundle(key)}' cannot be used: {reason} Delete it and "
                f"'{self._note(key).name}' beside it; it is then made again."
            ) from None
        return Artefact(key, network, float(note["seconds"]))

    def put(self, artefact: Artefact, description: dict[str, Any]) -> None:
        """Keep an artefact; a kill leaves all of it or nothing that counts.

        Args:
            artefact: What to keep.
            description: Plain data for people who look into the folder.

        Raises:
            StoreError: It cannot be written.
        """
        self._note(artefact.key).unlink(missing_ok=True)
        save_bundle(artefact.network, self.bundle(artefact.key), overwrite=True)
        note = {
            "key": artefact.key,
            "network": artefact.network.digest,
            "seconds": artefact.seconds,
            **description,
        }
        atomic_write(self._note(artefact.key), json.dumps(note, indent=1) + "\n")

    def _state(self, key: str) -> Path:
        return self.folder / f"{key[:16]}.checkpoint"

    def _drop_state(self, key: str) -> None:
        path = self._state(key)
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def checkpoint(self, key: str) -> Iterator[Path]:
        """Give a file where the fit of an artefact may save its state, gone when it is done."""
        self.folder.mkdir(parents=True, exist_ok=True)
        yield self._state(key)
        self._drop_state(key)
