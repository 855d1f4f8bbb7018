"""Keep what a reproduction reported, so that ``mho reproduce NAME --check`` can hold it to it.

Run ``python scripts/keep_reference.py charan2020`` after docs/results/charan2020.json changed. With
``--vectors FOLDER``, the folder of ``mho reproduce NAME -o FOLDER``, the VeRA+ vectors of its
finished studies are kept beside it, so that the check trains nothing.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from mho.files import atomic_write
from mho.reproduce.check import reference
from mho.reproduce.paper import reference_file
from mho.reproduce.vectors import keep_vectors

RESULTS = Path(__file__).parents[1] / "docs" / "results"


def main() -> None:
    """Write the reference of one paper."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paper", help="name of the paper")
    parser.add_argument("--vectors", type=Path, metavar="FOLDER", help="keep the vectors as well")
    arguments = parser.parse_args()
    name = arguments.paper
    if arguments.vectors is not None:
        files = keep_vectors(name, arguments.vectors)
        print(f"{len(files)} files of vectors, {sum(f.stat().st_size for f in files):,} bytes")
    results = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    atomic_write(reference_file(name), json.dumps(reference(results), indent=1) + "\n")


if __name__ == "__main__":
    main()
