"""Every mapping that a card, study or bundle may name."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mho.crossbar.mapping import CharanLegacy, DifferentialPair, SignMagnitude, SingleDevice
from mho.crossbar.sliced import BitSliced

AnyMapping = Annotated[
    DifferentialPair | SingleDevice | SignMagnitude | BitSliced | CharanLegacy,
    Field(discriminator="law"),
]
