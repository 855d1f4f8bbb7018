"""Write the preset levy2024-c: technology C of Levy's relaxation data, fitted by mho itself.

    python scripts/fit_levy2024_c.py [FOLDER]

FOLDER holds rram-relaxation/technology_c_relaxation.tsv.gz; without it MHO_DATA is used. The same
file gives the same card but for the date of its making.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import mho
from mho.device.cards import save_device
from mho.device.device import Device, Source

CARD = Path(mho.__file__).parent / "device" / "presets" / "levy2024-c.toml"
TABLE = Path("rram-relaxation") / "technology_c_relaxation.tsv.gz"


def card(table: Path) -> Device:
    """Return the device of the preset: the fit, with where its numbers come from."""
    fit = mho.fit_device(table, name="levy2024-c")
    source = Source(
        citation="A. Levy, RRAM Relaxation Master Model, technology C (repository "
        "akashlevy/RRAM-Relaxation-Master-Model, revision ca0cfff, MIT licence, 2021)",
        place="measured cells: 32 ranges of 0-40 µS, read after 0, 0.01, 0.1, 1, 4 and 1e5 s",
        note="Fitted by mho from those reads, see [fit]. A range accepts any conductance in it, so "
        "the programming error is flat.",
    )
    description = "Multi-level RRAM of technology C: heavy-tailed relaxation, by level and time."
    return fit.device.replace(source=source, description=description)


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["MHO_DATA"])
    save_device(card(folder / TABLE), CARD)
    sys.stdout.write(f"{CARD}: written\n")
