"""``mho doctor``: what this machine has."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
from typing import Any

import typer

import mho
from mho.cli.app import examples, new_app
from mho.cli.output import JsonOption, check_json, print_table, write_json

app = new_app()

_CORE = ("torch", "numpy", "scipy", "pandas", "pydantic", "safetensors")
_EXTRAS = {
    "mlxtend": "demo",
    "datasets": "data",
}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def findings() -> dict[str, Any]:
    """Collect what this machine has, as plain data."""
    import torch

    cuda = torch.cuda.is_available()
    return {
        "mho": mho.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "cuda": torch.cuda.get_device_name() if cuda else None,
        "packages": {name: _version(name) for name in _CORE},
        "extras": {
            extra: {"package": name, "version": _version(name)} for name, extra in _EXTRAS.items()
        },
        "data_folder": os.environ.get("MHO_DATA"),
    }


@app.command(epilog=examples("mho doctor", "mho doctor --json machine.json"))
def doctor(json: JsonOption = None) -> None:
    """Show what this machine has: versions, cores, extras, data."""
    check_json(json)
    found = findings()
    rows: list[tuple[str, object]] = [
        ("mho", found["mho"]),
        ("Python", f"{found['python']} on {found['system']}"),
        ("cores", f"{found['cores']} ({found['torch_threads']} used by torch)"),
        ("CUDA", found["cuda"] or "none; everything runs on the CPU"),
        *found["packages"].items(),
        *((f"extra '{name}'", _extra_line(name, e)) for name, e in found["extras"].items()),
        ("data folder", found["data_folder"] or "MHO_DATA is not set"),
    ]
    print_table(["part", "found"], rows)
    write_json(json, found)
    if None in found["packages"].values():
        raise typer.Exit(1)


def _extra_line(extra: str, found: dict[str, str | None]) -> str:
    if found["version"] is None:
        return f"not installed: pip install 'mho[{extra}]'"
    return f"{found['package']} {found['version']}"
