"""The state of long work in one file: tensors (safetensors) and plain data (JSON), never pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from mho.errors import BundleError
from mho.files import atomic_write

_FORMAT = "mho-checkpoint-1"


def save_checkpoint(
    path: Path, tensors: Mapping[str, Tensor], values: Mapping[str, Any], *, identity: str
) -> None:
    """Write a checkpoint: whole, or the one before stays.

    Args:
        path: The file.
        tensors: By name.
        values: Plain JSON data.
        identity: Says which work this is the state of; another one is refused when loading.

    Raises:
        StoreError: The file cannot be written.
    """
    separate = {name: t.detach().cpu().clone().contiguous() for name, t in tensors.items()}
    header = {"format": _FORMAT, "identity": identity, "values": json.dumps(dict(values))}
    atomic_write(path, save(separate, metadata=header))


def load_checkpoint(path: Path, *, identity: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a checkpoint back.

    Args:
        path: The file.
        identity: The work that is to go on.

    Returns:
        Tensors by name, and the plain data.

    Raises:
        BundleError: The file is damaged, no checkpoint, or of other work.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise BundleError(
            f"checkpoint '{path}' cannot be read ({error}); delete it to start again."
        ) from None
    if header.get("format") != _FORMAT:
        raise BundleError(
            f"'{path}' is not a checkpoint of this version ({_FORMAT}); give another file name."
        )
    if header.get("identity") != identity:
        raise BundleError(
            f"checkpoint '{path}' is the state of other work (other settings, data, network or "
            "seed); delete it to start again, or give another file name."
        )
    return tensors, json.loads(header["values"])
