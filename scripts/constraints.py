"""Write constraints.txt: the versions of everything that mho[dev] brings, as installed here.

Run it with the Python of the environment whose tests have just passed:

    .venv/bin/python scripts/constraints.py
"""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HEADER = """\
# The versions that the tests run with: `pip install -c constraints.txt`. The wheel itself pins
# nothing. Made by scripts/constraints.py; torch is the plain version, so that any build of it
# (CPU or CUDA) will do.
"""


def closure(root: str, extras: set[str]) -> dict[str, str]:
    """Collect name and version of every installed package that ``root[extras]`` needs."""
    found: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    queue = [(root, extra) for extra in ("", *extras)]
    while queue:
        name, extra = queue.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        package = importlib.metadata.distribution(name)
        found[canonicalize_name(name)] = package.version.partition("+")[0]
        for line in package.requires or []:
            need = Requirement(line)
            if need.marker is None or need.marker.evaluate({"extra": extra}):
                queue += [(canonicalize_name(need.name), e) for e in ("", *need.extras)]
    return found


def main() -> None:
    """Write the file beside pyproject.toml."""
    pins = closure("mho", {"dev"})
    del pins["mho"]
    lines = [f"{name}=={version}\n" for name, version in sorted(pins.items())]
    Path(__file__).parents[1].joinpath("constraints.txt").write_text(HEADER + "".join(lines))


if __name__ == "__main__":
    main()
