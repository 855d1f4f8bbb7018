"""What VeRA+ adds to a chip: bits of read-only storage and digital operations, counted."""

from __future__ import annotations

from collections.abc import Mapping

from mho.network.applied import Additions
from mho.recover.veraplus.attachment import MATRIX_BITS, VeraBranch
from mho.recover.veraplus.geometry import Geometry

START_BITS = 32
"""Bits of one start time in the schedule."""
SCALE_BITS = 16
"""Bits of a scale; there is one for b and one for d in each layer, shared by all sets."""
SEED_BITS = 32
"""Bits of the seed that A and B are made from."""


def storage_bits(branch: VeraBranch) -> int:
    """Return the bits of read-only storage: vectors, scales, A and B or their seed, start times.

    Args:
        branch: The attachment.
    """
    branches, vectors, pair = branch.branches, branch.vectors, branch.pair
    bits = vectors.sets * (branches.values * (vectors.bits or 32) + START_BITS)
    if vectors.bits is not None:
        bits += 2 * len(branches.geometries) * SCALE_BITS
    projections = branches.projections
    entries = projections.a.numel() + projections.b.numel()
    if pair.stored:
        return bits + entries * MATRIX_BITS
    return bits + (SEED_BITS if entries else 0)


def macs(geometry: Geometry, branch: VeraBranch) -> int:
    """Return the digital operations of one branch for each output position of its layer.

    A random row takes one multiply–accumulate an input and, for B, one an output. The window row
    takes additions only, counted as operations: the sum over channels at each input position, then
    the sum over the window. d takes one multiplication a row and group, b one an output.
    """
    projections = branch.branches.projections
    taps = geometry.taps if projections.reach == "window" else 1
    rows = len(projections.a)
    operations = rows * (geometry.inputs * taps + geometry.outputs)
    operations += branch.branches.rank * geometry.groups + geometry.outputs
    if projections.window:
        operations += geometry.inputs * geometry.step + geometry.groups * geometry.taps
        operations += geometry.outputs if rows else 0
    return operations


def additions(branch: VeraBranch, positions: Mapping[str, int]) -> Additions:
    """Return what the branches add to each chip.

    Args:
        branch: The attachment.
        positions: By layer: output positions per input of the network.
    """
    operations = sum(positions[g.layer] * macs(g, branch) for g in branch.branches.geometries)
    return Additions(rom_bits=storage_bits(branch), macs_per_inference=operations)
