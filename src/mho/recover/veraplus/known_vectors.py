"""Vectors and a schedule that were trained before: they are taken, nothing is trained."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from mho.data import Data
from mho.errors import BundleError, ConfigError
from mho.files import atomic_write, os_sentence
from mho.network.applied import Additions, Applied, Knowledge
from mho.network.mapped import MappedNetwork
from mho.recover.base import Progress, Recovery, Target, network_of
from mho.recover.veraplus.attachment import VeraBranch
from mho.recover.veraplus.geometry import geometries_of

_FORMAT: Final = 1
_LARGEST_BYTES: Final = 64 << 20
"""More is no file of vectors, and is not read."""
_INTEGERS: Final = 8
"""Codes of so many bits and fewer are kept in one byte each."""


class KnownVectors(Recovery):
    """Take VeRA+ vectors with their schedule from a file that :func:`save_vectors` wrote.

    Use it to evaluate, or to ship, what :class:`~mho.recover.veraplus.method.VeraPlus` trained
    elsewhere: a few KB, no pickle. A and B are made from their seed.

    Args:
        vectors: The file.
        sha256: What its digest must be; by default whatever the file is.

    Example:
        >>> import mho, tempfile, torch
        >>> from mho.data import Data
        >>> x = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
        >>> data = Data(x, (x[:, 0] > 0).long(), name="signs")
        >>> network = mho.map_network(torch.nn.Linear(4, 2), mho.Hardware(device="falcone2025"))
        >>> lasting = mho.recover.VeraPlus(steps=0, testing_chips=2).fit(network, data)
        >>> file = Path(tempfile.mkdtemp()) / "signs.safetensors"
        >>> digest = save_vectors(lasting.applied[-1], file)
        >>> again = mho.recover.KnownVectors(vectors=str(file), sha256=digest).fit(network, data)
        >>> again.applied[-1].adds == lasting.applied[-1].adds
        True
    """

    method: ClassVar[str] = "known-vectors"
    knows: ClassVar[Knowledge] = Knowledge(labels=True, true_time=True)
    vectors: str
    sha256: str | None = None

    def fit(
        self,
        target: Target,
        data: Data,
        *,
        seed: int = 0,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Target:
        """Return the target with the branches attached; no data are used.

        Raises:
            ConfigError: The vectors are of another network, or not those asked for.
            BundleError: The file is missing, cut short or edited.
        """
        applied = load_vectors(Path(self.vectors), sha256=self.sha256)
        network = network_of(target)
        differ = _differing(applied, network)
        if differ:
            raise ConfigError(
                f"the vectors '{self.vectors}' are not of the layers of '{network.name}'; these "
                f"differ: {', '.join(differ[:4])}. Name vectors of the same network."
            )
        return target.with_applied(applied)

    def settings(self) -> dict[str, Any]:
        """Return the settings, with the digest of what the file holds now."""
        sha256 = self.sha256 or hashlib.sha256(_read(Path(self.vectors))).hexdigest()
        return {**super().settings(), "sha256": sha256}


def save_vectors(applied: Applied, path: str | Path) -> str:
    """Write what VeRA+ trained: vectors as integers, all else as JSON in the file's header.

    Args:
        applied: An applied VeRA+, ``network.applied[-1]``.
        path: The file, ``….safetensors``; it appears whole or not at all.

    Returns:
        Its SHA-256.

    Raises:
        ConfigError: This recovery is no VeRA+.
        StoreError: The file cannot be written.
    """
    branch = applied.attachment
    if not isinstance(branch, VeraBranch):
        raise ConfigError(f"only VeRA+ has vectors to save; got '{applied.method}'.")
    small = branch.vectors.bits is not None and branch.vectors.bits <= _INTEGERS
    tensors = {
        name: _compact(value, integers=small and name in ("b", "d")).contiguous()
        for name, value in branch.tensors().items()
    }
    header = {
        "format": _FORMAT,
        "method": applied.method,
        "settings": dict(applied.settings),
        "knows": asdict(applied.knows),
        "adds": asdict(applied.adds),
        "report": dict(applied.report),
        "branch": branch.settings(),
    }
    contents = save(tensors, {"vectors": json.dumps(header, sort_keys=True)})
    atomic_write(path, contents)
    return hashlib.sha256(contents).hexdigest()


def load_vectors(path: str | Path, *, sha256: str | None = None) -> Applied:
    """Read what :func:`save_vectors` wrote.

    Args:
        path: The file.
        sha256: What its digest must be; None takes any.

    Raises:
        BundleError: The file is missing, cut short, edited or holds something else.
    """
    contents = _read(Path(path))
    found = hashlib.sha256(contents).hexdigest()
    if sha256 is not None and found != sha256:
        raise BundleError(
            f"vectors '{path}' are not those that were asked for (SHA-256 {found[:12]}… instead "
            f"of {sha256[:12]}…): the file was cut short, edited or replaced. Fetch it again."
        )
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})["vectors"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if header["format"] != _FORMAT:
            raise ValueError(f"format {header['format']!r} is not {_FORMAT}")
        return Applied(
            method=str(header["method"]),
            settings=header["settings"],
            knows=Knowledge(**header["knows"]),
            adds=Additions(**header["adds"]),
            attachment=VeraBranch.restore(
                header["branch"], {name: _whole(value) for name, value in tensors.items()}
            ),
            report=header["report"],
        )
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise BundleError(
            f"'{path}' holds no vectors that mho saved ({error}). Save or fetch it again."
        ) from None


def _differing(applied: Applied, network: MappedNetwork) -> list[str]:
    """Return the layers that vectors and a network do not have in common."""
    branch = applied.attachment
    assert isinstance(branch, VeraBranch)
    made_for, wanted = set(branch.branches.geometries), set(geometries_of(network))
    return sorted({geometry.layer for geometry in made_for ^ wanted})


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise BundleError(f"'{path}' is too large to be a file of vectors.")
        return path.read_bytes()
    except OSError as error:
        raise BundleError(os_sentence(error, "read", path)) from None


def _compact(value: Tensor, *, integers: bool) -> Tensor:
    return value.to(torch.int8) if integers else value


def _whole(value: Tensor) -> Tensor:
    return value.to(torch.int16) if value.dtype == torch.int8 else value
