"""The device law: everything that is known of one kind of cell, as one frozen value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from mho.device.drift import Drift, NoDrift, PowerLawDrift, drift_moments
from mho.device.faults import Faults
from mho.device.law import Array, Law
from mho.device.levels import AnalogueLevels, Levels, Window
from mho.device.memory import Frozen, Memory
from mho.device.programming import ExactProgramming, ProgrammingNoise
from mho.device.read_noise import NoReadNoise, ReadNoise
from mho.errors import OutOfRangeError
from mho.rng import Streams
from mho.units import Time, all_seconds, time_text


class Source(Law):
    """Where the numbers come from."""

    citation: str
    doi: str | None = None
    place: str | None = None
    note: str | None = None


class ValidRange(Law):
    """Where the law may be used (``g``, ``t``) and where it was measured (``measured_t``).

    ``t_s = None`` means that time does not enter. Times inside ``t_s`` but outside
    ``measured_t_s`` are the source's own extrapolation: results there are marked.
    """

    g_uS: tuple[float, float]
    t_s: tuple[float, float] | None = None
    measured_t_s: tuple[float, float] | None = None


class Device(Law):
    """The law of one kind of cell: levels, programming, drift, memory, read noise, faults.

    A device is not an instance: a chip is one draw of it. Conductances are in µS, times in s since
    programming. ``t0_s`` is the law's reference time, at which a chip counts as drift-free.

    Example:
        >>> device = Device(name="mine", g_min_uS=1, g_max_uS=100, t0_s=0,
        ...                 valid=ValidRange(g_uS=(1, 100)), source=Source(citation="here"))
        >>> device.sample(np.array([10.0, 20.0]), times_s=[0.0]).tolist()
        [[10.0, 20.0]]
    """

    name: str
    description: str = ""
    g_min_uS: Annotated[float, Field(ge=0)]
    g_max_uS: Annotated[float, Field(gt=0)]
    t0_s: Annotated[float, Field(ge=0)]
    levels: Levels = AnalogueLevels()
    programming: ProgrammingNoise = ExactProgramming()
    drift: Drift = NoDrift()
    memory: Memory = Frozen()
    read_noise: ReadNoise = NoReadNoise()
    faults: Faults = Faults()
    valid: ValidRange
    extrapolate: bool = False
    source: Source

    @model_validator(mode="after")
    def _consistent(self) -> Device:
        if self.g_max_uS <= self.g_min_uS:
            raise ValueError(f"g_max_uS ({self.g_max_uS}) must exceed g_min_uS ({self.g_min_uS})")
        if isinstance(self.drift, PowerLawDrift) and not isinstance(self.memory, Frozen):
            raise ValueError("power-law drift has an exponent per cell: memory must be 'frozen'")
        return self

    @property
    def window(self) -> Window:
        """``(g_min, g_max)`` in µS."""
        return (self.g_min_uS, self.g_max_uS)

    def is_extrapolated(self, t_s: float) -> bool:
        """Whether a time lies beyond what was measured."""
        measured = self.valid.measured_t_s or self.valid.t_s
        return measured is not None and t_s > 0 and not measured[0] <= t_s <= measured[1]

    def check_time(self, t_s: float) -> None:
        """Refuse a time at which the law says nothing.

        Raises:
            OutOfRangeError: ``t_s`` lies outside ``valid.t_s`` and ``extrapolate`` is false.
        """
        if self.valid.t_s is None or t_s == 0 or self.extrapolate:
            return
        low, high = self.valid.t_s
        if high == 0:
            raise OutOfRangeError(
                f"device '{self.name}' has no drift law, so it says nothing about t = "
                f"{time_text(t_s)}. Ask for t = 0, or give it one: "
                "device.with_drift_of(mho.load_device('falcone2025'))."
            )
        if not low * (1 - 1e-9) <= t_s <= high * (1 + 1e-9):
            raise OutOfRangeError(
                f"device '{self.name}' is valid from {time_text(low)} to {time_text(high)} after "
                f"programming; got t = {time_text(t_s)}. Choose a time in that range, or set "
                "extrapolate = true to continue its law (results are then marked)."
            )

    def check_conductance(self, g_uS: Array) -> None:
        """Refuse target conductances at which the law was never measured.

        Raises:
            OutOfRangeError: A target lies outside ``valid.g_uS`` or is not a number.
        """
        low, high = self.valid.g_uS
        slack = 1e-5 * max(high, 1.0)
        bad = ~((g_uS >= low - slack) & (g_uS <= high + slack))
        if bad.any():
            raise OutOfRangeError(
                f"device '{self.name}' is valid from {low:g} to {high:g} µS; got a target of "
                f"{float(np.asarray(g_uS)[bad].flat[0]):g} µS. Map into that window."
            )

    def conductances(
        self,
        g_target_uS: npt.NDArray[np.float32],
        times_s: Sequence[float],
        streams: Streams,
        *,
        path: int = 0,
        read: int | None = None,
    ) -> npt.NDArray[np.float32]:
        """Return what cells become: programmed once, then followed over time.

        Args:
            g_target_uS: Wanted conductances in µS, any shape, float32.
            times_s: Times since programming in s; 0 is right after programming, before any drift.
            streams: The cells' identity; equal streams are the same cells.
            path: Which of the possible futures of these programmed cells; chips live in path 0.
            read: Number of the read whose noise to add, or None for the cells' own conductance.

        Returns:
            Conductances in µS, shape ``(len(times_s), *g_target_uS.shape)``, never negative.

        Raises:
            OutOfRangeError: A time lies outside the valid range.
        """
        for t_s in times_s:
            self.check_time(t_s)
        shape = g_target_uS.shape
        score = self._programming_scores(streams, shape)
        programmed = np.maximum(self.programming.program(g_target_uS, score, self.window), 0)
        out = np.repeat(programmed[None], len(times_s), axis=0)
        later = [i for i, t_s in enumerate(times_s) if t_s > 0]
        if later and not isinstance(self.drift, NoDrift):
            scores = self.memory.scores(
                streams.child("drift", path),
                shape,
                [times_s[i] for i in later],
                spread=self._mid_window_spread,
                first_s=(self.valid.t_s or (1.0,))[0] or 1.0,
            )
            for i, score in zip(later, scores, strict=True):
                out[i] += self.drift.change(programmed, times_s[i], score)
            np.maximum(out, 0, out=out)
        if self.faults.any:
            out = self.faults.impose(out, streams.uniform(shape, "faults"), self.window)
        if read is not None and not isinstance(self.read_noise, NoReadNoise):
            for i, t_s in enumerate(times_s):
                noise = streams.normal(shape, "read", float(t_s), read)
                out[i] += self.read_noise.sd(out[i], t_s) * noise
        return out

    def _programming_scores(self, streams: Streams, shape: tuple[int, ...]) -> Array:
        if isinstance(self.programming, ExactProgramming):
            return np.zeros((), dtype=np.float32)
        return streams.normal(shape, "programming")

    def _mid_window_spread(self, t_s: float) -> float:
        middle = np.array([(self.g_min_uS + self.g_max_uS) / 2])
        return float(drift_moments(self.drift, middle, t_s)[1][0])

    def sample(
        self,
        g_target_uS: npt.ArrayLike,
        times_s: Sequence[Time],
        seed: int = 0,
        *,
        read: int | None = None,
    ) -> npt.NDArray[np.float32]:
        """Draw cells and follow them: the *same* cells at each time.

        Args:
            g_target_uS: Wanted conductances in µS, any shape.
            times_s: Times since programming: seconds, or text such as ``"1 y"``.
            seed: Which cells; the same seed gives the same cells.
            read: Number of the read whose noise to add; None for the cells' own conductance.

        Returns:
            Conductances in µS of shape ``(len(times_s), *g_target_uS.shape)``, float32.

        Raises:
            OutOfRangeError: A target or a time lies outside the valid range.

        Example:
            >>> import mho
            >>> device = mho.load_device("falcone2025")
            >>> device.sample([20.0, 60.0], ["1 s", "10 y"], seed=3).shape
            (2, 2)
        """
        g = np.asarray(g_target_uS, dtype=np.float32)
        self.check_conductance(g)
        return self.conductances(g, all_seconds(times_s), Streams(seed, "sample"), read=read)

    def mean_shift(self, g_uS: npt.ArrayLike, t_s: float) -> Array:
        """Return the mean change in µS at ``t_s`` of cells programmed to ``g_uS``, same shape."""
        self.check_time(t_s)
        return drift_moments(self.drift, np.asarray(g_uS, dtype=np.float64), t_s)[0]

    def spread(self, g_uS: npt.ArrayLike, t_s: float) -> Array:
        """Return the drift's sd in µS at ``t_s`` of cells programmed to ``g_uS``, same shape."""
        self.check_time(t_s)
        return drift_moments(self.drift, np.asarray(g_uS, dtype=np.float64), t_s)[1]

    def replace(self, **changes: Any) -> Device:
        """Return the device with some fields changed, validated again.

        Raises:
            ConfigError: A field is unknown or its value is not valid.
        """
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return Device.parse({**values, **changes}, where=f"device '{self.name}'")
