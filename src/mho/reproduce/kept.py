"""What was worked out for a page once, found again as long as the same is asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from mho.files import atomic_write


def once(
    path: Path, wanted: BaseModel, source: Path, network: str, make: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """Return what a file keeps, or make it and keep it.

    Args:
        path: The file.
        wanted: What is asked; another question is answered anew.
        source: Study file that the answer rests on, likewise.
        network: Digest of the network that it is about, likewise.
        make: Works the answer out, as plain data.

    Raises:
        StoreError: The file cannot be written.
    """
    asked = {**wanted.model_dump(mode="json"), "toml": source.read_text(encoding="utf-8")}
    asked["network"] = network
    if path.is_file():
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept.get("asked") == asked:
            known: dict[str, Any] = kept["found"]
            return known
    found = make()
    atomic_write(path, json.dumps({"asked": asked, "found": found}, indent=1) + "\n")
    return found
