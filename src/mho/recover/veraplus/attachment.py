"""What VeRA+ attaches to a chip: digital branches, and the schedule that picks their vectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor

from mho.errors import BundleError
from mho.network.applied import Attachment
from mho.network.chip import Chip
from mho.network.snapshot import Snapshot
from mho.recover.veraplus.branches import Branches
from mho.recover.veraplus.geometry import Geometry
from mho.recover.veraplus.projections import Projection, Projections, Reach, draw_projections
from mho.recover.veraplus.schedule import Schedule
from mho.recover.veraplus.vectors import Vectors
from mho.units import Time

MATRIX_BITS = 8
"""Bits of one entry of A or B where they are stored."""
_LARGEST_PAIR = 1 << 26
"""Most entries of A; more is a damaged file."""


@dataclass(frozen=True)
class PairSettings:
    """What the shared projections are made from.

    Attributes:
        rank: Rows of A.
        projection: ``"random"`` or ``"physical"``.
        seed: Seed of the random rows.
        reach: What random rows touch in a convolution.
        stored: Whether A and B are kept as matrices; otherwise they are made from the seed.
    """

    rank: int
    projection: Projection
    seed: int
    reach: Reach = "centre"
    stored: bool = False

    def draw(self, geometries: tuple[Geometry, ...]) -> Projections:
        """Return the pair for these layers."""
        return draw_projections(
            geometries,
            self.rank,
            projection=self.projection,
            seed=self.seed,
            reach=self.reach,
            bits=MATRIX_BITS if self.stored else None,
        )


@dataclass(frozen=True, eq=False)
class VeraBranch(Attachment):
    """The branches beside all layers, their vectors for each drift level, and the schedule.

    At a time it adds ``diag(b) B diag(d) A`` of the set in force to each layer's digital branch; it
    needs the time since programming and nothing else of the chip.

    Attributes:
        branches: The branches with the shared pair.
        vectors: b and d of all sets, as stored.
        schedule: Which set is in force when.
        pair: What the shared pair is made from.
        clock: What the device believes the time to be, over the true time; 1 is a right clock.
    """

    branches: Branches
    vectors: Vectors
    schedule: Schedule
    pair: PairSettings
    clock: float = 1.0
    kind: ClassVar[str] = "vera-branch"

    def set_at(self, time: Time) -> int:
        """Return the number of the set in force at any time, beyond the schedule's ends too."""
        return self.schedule.set_at(time)

    def apply(self, snapshot: Snapshot, chip: Chip) -> Snapshot:
        """Return the snapshot with the branches of the set in force added."""
        return snapshot.add_digital(self.weights_at(snapshot.t_s))

    def weights_at(self, t_s: float) -> dict[str, Tensor]:
        """Return what the branches add to each layer's weight at a true time in s."""
        b, d = self._values
        shares = self.schedule.shares_at(t_s * self.clock)
        return self.branches.weights(
            torch.stack([share * b[k] for k, share in shares.items()]).sum(0),
            torch.stack([share * d[k] for k, share in shares.items()]).sum(0),
        )

    def with_clock(self, clock: float) -> VeraBranch:
        """Return the same branches on a device whose clock runs wrong by a factor."""
        return replace(self, clock=clock)

    @cached_property
    def _values(self) -> tuple[Tensor, Tensor]:
        return self.vectors.values(self.branches)

    def tensors(self) -> Mapping[str, Tensor]:
        """Return the stored vectors, and A and B where they are stored."""
        tensors = {
            "b": self.vectors.b_codes,
            "d": self.vectors.d_codes,
            "b_scale": self.vectors.b_scale,
            "d_scale": self.vectors.d_scale,
        }
        if self.pair.stored:
            pair = self.branches.projections
            tensors |= {"projection_a": pair.a, "projection_b": pair.b}
        return tensors

    def settings(self) -> dict[str, Any]:
        """Return layers, pair, schedule and bits as plain data."""
        pair = self.pair
        return {
            "layers": [g.to_dict() for g in self.branches.geometries],
            "pair": {"rank": pair.rank, "projection": pair.projection, "seed": pair.seed,
                     "reach": pair.reach, "stored": pair.stored},
            "schedule": self.schedule.to_dict(),
            "bits": self.vectors.bits,
            "clock": self.clock,
        }  # fmt: skip

    @classmethod
    def restore(cls, settings: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> VeraBranch:
        """Build the branches again from what a bundle holds.

        Raises:
            BundleError: Something is missing or of the wrong shape.
        """
        try:
            pair = PairSettings(**settings["pair"])
            geometries = tuple(Geometry.from_dict(g) for g in settings["layers"])
            schedule = Schedule.from_dict(settings["schedule"])
            _check_size(pair, geometries, tensors["b"])
            projections = pair.draw(geometries)
            if pair.stored:
                a, b = tensors["projection_a"], tensors["projection_b"]
                _expect("projection_a", a, tuple(projections.a.shape))
                _expect("projection_b", b, tuple(projections.b.shape))
                projections = replace(projections, a=a.float(), b=b.float())
            branches = Branches(geometries, projections)
            vectors = Vectors(
                tensors["b"], tensors["d"], tensors["b_scale"], tensors["d_scale"],
                settings["bits"],
            )  # fmt: skip
            clock = float(settings["clock"])
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise BundleError(
                f"the VeRA+ branches are incomplete ({error}); save the bundle again."
            ) from None
        _check(branches, vectors, schedule)
        return cls(branches, vectors, schedule, pair, clock)


def _check_size(pair: PairSettings, geometries: tuple[Geometry, ...], b: Tensor) -> None:
    """Refuse sizes that no real bundle has before anything is made of them."""
    if sum(g.outputs for g in geometries) != b.shape[-1]:
        raise ValueError(f"b has {b.shape[-1]} values a set, the layers have other outputs")
    sizes = [n for g in geometries for n in (g.inputs, g.groups, g.step, *g.kernel)]
    whole = all(isinstance(n, int) and n > 0 for n in [*sizes, pair.rank])
    if not whole or pair.rank * max(g.inputs * g.taps for g in geometries) > _LARGEST_PAIR:
        raise ValueError("a layer or the rank has an impossible size")


def _check(branches: Branches, vectors: Vectors, schedule: Schedule) -> None:
    layers = len(branches.geometries)
    _expect("b", vectors.b_codes, (schedule.sets, sum(branches.b_sizes)))
    _expect("d", vectors.d_codes, (schedule.sets, sum(branches.d_sizes)))
    _expect("b_scale", vectors.b_scale, (layers,))
    _expect("d_scale", vectors.d_scale, (layers,))
    if not schedule.sets or list(schedule.starts_s) != sorted(set(schedule.starts_s)):
        raise BundleError("the VeRA+ schedule needs ascending start times; save the bundle again.")


def _expect(name: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
    if tuple(tensor.shape) != shape or not bool(torch.isfinite(tensor.float()).all()):
        raise BundleError(
            f"VeRA+ tensor '{name}' must be finite and of shape {shape}; got shape "
            f"{tuple(tensor.shape)}. Save the bundle again."
        )
