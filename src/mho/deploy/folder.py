"""The folder of a bundle: three files, checksums over all, nothing else is ever opened.

``manifest.json`` and ``tensors.safetensors`` hold the content; ``SHA256SUMS`` has the form that
``sha256sum -c`` reads. No pickle is read, no path in a bundle leads anywhere, and a file is not
loaded before its size and checksum are known to be right.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from mho.deploy.manifest import FORMAT, Manifest
from mho.errors import BundleError, ConfigError, StoreError
from mho.files import os_sentence, writable_folder

MANIFEST = "manifest.json"
TENSORS = "tensors.safetensors"
SUMS = "SHA256SUMS"
_LARGEST_BYTES = {MANIFEST: 64 << 20, TENSORS: 8 << 30, SUMS: 4 << 10}
"""Most bytes of each file; more is no bundle, and is not read."""


def write_folder(
    folder: Path, manifest: Manifest, tensors: Mapping[str, Tensor], *, overwrite: bool
) -> Path:
    """Write a bundle whole or not at all.

    Raises:
        StoreError: The folder exists (and ``overwrite`` is false) or cannot be written.
    """
    if folder.exists() and not (overwrite and (folder / SUMS).is_file()):
        raise StoreError(
            f"'{folder}' exists already. Choose another folder, or pass overwrite=True to replace "
            "a bundle that is there."
        )
    parent = writable_folder(folder.parent)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=parent))
    try:
        contents = {
            MANIFEST: (json.dumps(manifest.model_dump(mode="json"), indent=1) + "\n").encode(),
            TENSORS: save({name: t.contiguous() for name, t in tensors.items()}),
        }
        sums = "".join(
            f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in contents.items()
        )
        for name, content in {**contents, SUMS: sums.encode()}.items():
            (temporary / name).write_bytes(content)
        temporary.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        temporary.replace(folder)
    except OSError as error:
        raise StoreError(os_sentence(error, "write", folder)) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def read_folder(folder: Path) -> tuple[Manifest, dict[str, Tensor]]:
    """Read a bundle that is whole and unedited.

    Raises:
        BundleError: It is no bundle, a file is missing, truncated or edited, or the format is
            unknown.
    """
    contents = _checked_contents(folder)
    try:
        values = json.loads(contents[MANIFEST])
    except (ValueError, RecursionError) as error:  # not JSON, nested or long beyond reason
        raise BundleError(f"'{folder / MANIFEST}' is not JSON: {error}. {REMEDY}") from None
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        came = shortened(repr(values.get("format") if isinstance(values, dict) else None))
        raise BundleError(
            f"'{folder}' has bundle format {came}; this version of mho reads format {FORMAT}. "
            "Save it again with this version, or load it with the one that wrote it."
        )
    try:
        manifest = Manifest.parse(values, where=f"'{folder / MANIFEST}'")
    except ConfigError as error:
        raise BundleError(f"{shortened(error)} {REMEDY}") from None
    try:
        tensors = load(contents[TENSORS])
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise BundleError(f"'{folder / TENSORS}' cannot be read: {error}. {REMEDY}") from None
    return manifest, tensors


_LONGEST_TEXT = 600
REMEDY = "Copy the bundle again, or save it anew."
"""What errors end with where a folder is damaged."""


def _checked_contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of the bundle's files after checking their sums."""
    if not folder.is_dir():
        raise BundleError(f"'{folder}' is not a folder; a bundle is the folder that was saved.")
    expected = _read_sums(folder / SUMS)
    contents = {}
    for name in (MANIFEST, TENSORS):
        path = folder / name
        if name not in expected:
            raise BundleError(f"'{folder / SUMS}' has no checksum of {name}. {REMEDY}")
        content = _read_file(path)
        if hashlib.sha256(content).hexdigest() != expected[name]:
            raise BundleError(
                f"'{path}' was truncated or edited: its SHA-256 is not the one in {SUMS}. {REMEDY}"
            )
        contents[name] = content
    return contents


def _read_file(path: Path) -> bytes:
    if path.is_symlink() or not path.is_file():
        raise BundleError(f"'{path}' is missing or not a plain file. {REMEDY}")
    size = path.stat().st_size
    most = _LARGEST_BYTES[path.name]
    if size > most:
        raise BundleError(
            f"'{path}' has {size:,} bytes; that of a bundle has at most {most:,}. {REMEDY}"
        )
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleError(os_sentence(error, "read", path)) from error


def _read_sums(path: Path) -> dict[str, str]:
    sums = {}
    for line in _read_file(path).decode(errors="replace").splitlines():
        digest, _, name = line.partition("  ")
        sums[name] = digest
    return sums


def shortened(said: Exception | str) -> str:
    """Return a text, cut where it repeats a value that somebody made long."""
    text = str(said)
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]} … (cut short)."


def describe_sizes(folder: Path) -> dict[str, Any]:
    """Return the size in bytes of each file of a bundle."""
    return {name: (folder / name).stat().st_size for name in (MANIFEST, TENSORS, SUMS)}
