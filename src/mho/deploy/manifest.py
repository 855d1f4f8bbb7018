"""What a bundle says of itself: one JSON file, checked key by key before anything is used."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from mho.device.law import Law

FORMAT = 1
"""Format of the bundle; a bundle of another format is refused in a sentence."""


class Architecture(Law):
    """How the digital network is built: a network of the zoo, or one that the user hands over."""

    zoo: str | None
    settings: dict[str, Any]
    class_name: str


class RangeEntry(Law):
    """What the converters of a layer see; absent where they are ideal."""

    x_max: float
    x_signed: bool
    y_max: float
    columns: tuple[tuple[tuple[float, ...], ...], ...] | None = None


class CrossbarEntry(Law):
    """One layer on crossbars: its matrices, tiles, and how its cells are stored.

    ``cells`` names the tensor of target levels (or of conductances, where levels are analogue),
    shape ``(cells, *shape)``. Cell ``c`` of weight ``w`` lies in crossbar ``layer``, in the tile
    ``(row // tile_rows, column // tile_cols)`` at ``(row % tile_rows, column % tile_cols)``.
    """

    layer: str
    parameter: str
    kind: str
    shape: tuple[int, ...]
    rows: int
    cols: int
    groups: int
    output_axis: int
    tiles: tuple[int, int]
    coding: Literal["level", "conductance-uS"]
    cells: str
    range: RangeEntry | None


class AttachmentEntry(Law):
    """What a recovery left: its class, settings, and the names of its tensors."""

    kind: str
    settings: dict[str, Any]
    tensors: dict[str, str]


class AppliedEntry(Law):
    """A recovery that the network or chip went through."""

    method: str
    settings: dict[str, Any]
    knows: dict[str, bool]
    adds: dict[str, Any]
    report: dict[str, Any]
    attachment: AttachmentEntry | None


class ChipEntry(Law):
    """Which chip the bundle is of."""

    seed: int
    scope: str


class Manifest(Law):
    """Everything in a bundle that is not a tensor."""

    format: int
    mho: str
    created: str
    name: str
    digest: str
    architecture: Architecture
    hardware: dict[str, Any]
    digital: tuple[str, ...]
    layers: Annotated[tuple[CrossbarEntry, ...], Field(min_length=1)]
    applied: tuple[AppliedEntry, ...]
    chip: ChipEntry | None
