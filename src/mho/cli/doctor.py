"""``mho doctor``: what this machine has."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
from pathlib import Path
from typing import Any

import typer

import mho
from mho.cli.app import examples, new_app
from mho.cli.output import JsonOption, check_json, print_table, write_json

app = new_app()

_REQUIREMENT = re.compile(r"""([\w.-]+)[^;]*(?:;.*\bextra\s*==\s*["']([\w-]+)["'])?""")


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def requirements() -> dict[str, dict[str, str | None]]:
    """Return the packages that mho needs, by extra (``""``: always), with the versions found."""
    found: dict[str, dict[str, str | None]] = {"": {}}
    for line in importlib.metadata.requires("mho") or []:
        match = _REQUIREMENT.match(line)
        if match is not None and match[1] != "mho":
            found.setdefault(match[2] or "", {})[match[1]] = _version(match[1])
    return found


def memory_bytes() -> int | None:
    """Return the machine's memory, or None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def data_sets(folder: Path) -> list[str]:
    """Return the names of the data sets that lie in a data folder."""
    from mho.data.named import IMAGE_SETS

    places = {name: chosen.folder for name, chosen in IMAGE_SETS.items()} | {"sst5": "sst5"}
    return [name for name, place in places.items() if any((folder / place).glob("*.parquet"))]


def findings() -> dict[str, Any]:
    """Collect what this machine has, as plain data."""
    import torch

    from mho.data import data_folder
    from mho.zoo import list_networks

    packages = requirements()
    folder = data_folder()
    return {
        "mho": mho.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "memory_bytes": memory_bytes(),
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "packages": packages.pop(""),
        "extras": {
            extra: {
                "packages": versions,
                "install": f"pip install 'mho[{extra}]'" if None in versions.values() else None,
            }
            for extra, versions in packages.items()
        },
        "data_folder": str(folder.resolve()) if folder.is_dir() else None,
        "data_sets": data_sets(folder),
        "networks": list_networks(),
    }


@app.command(epilog=examples("mho doctor", "mho doctor --json machine.json"))
def doctor(json: JsonOption = None) -> None:
    """Show what this machine has: versions, cores, extras, data."""
    check_json(json)
    found = findings()
    memory = found["memory_bytes"]
    rows: list[tuple[str, object]] = [
        ("mho", found["mho"]),
        ("Python", f"{found['python']} on {found['system']}"),
        ("cores", f"{found['cores']} ({found['torch_threads']} used by torch)"),
        ("memory", None if memory is None else f"{memory / 2**30:.1f} GiB"),
        ("CUDA", found["cuda"] or "none; everything runs on the CPU"),
        *((name, version or "MISSING") for name, version in found["packages"].items()),
        *((f"extra '{name}'", _extra_line(extra)) for name, extra in found["extras"].items()),
        ("data folder", _data_line(found)),
        ("trained networks", ", ".join(found["networks"])),
    ]
    print_table(["part", "found"], rows)
    write_json(json, found)
    if None in found["packages"].values():
        raise typer.Exit(1)


def _extra_line(extra: dict[str, Any]) -> str:
    present = [f"{name} {version}" for name, version in extra["packages"].items() if version]
    missing = [name for name, version in extra["packages"].items() if not version]
    if not missing:
        return ", ".join(present)
    return f"{', '.join(missing)} not installed: {extra['install']}"


def _data_line(found: dict[str, Any]) -> str:
    if found["data_folder"] is None:
        return "none; set MHO_DATA to the folder of named data sets ('mnist-5k' needs none)"
    sets = ", ".join(found["data_sets"]) or "no data set known by name"
    return f"{found['data_folder']}: {sets}"
