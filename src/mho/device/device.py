"""The device law: everything that is known of one kind of cell, as one frozen value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator, model_validator

from mho.device.correlation_table import CorrelationTable
from mho.device.die import DieOffset, NoDieOffset
from mho.device.drift import Drift, NoDrift, ScaledDrift, drift_moments
from mho.device.ensemble import Ensemble
from mho.device.faults import Faults
from mho.device.law import Array, Law
from mho.device.levels import AnalogueLevels, Levels, Window
from mho.device.memory import Frozen, Memory
from mho.device.programming import ExactProgramming, ProgrammingNoise
from mho.device.provenance import Provenance
from mho.device.read_noise import NoReadNoise, ReadNoise
from mho.device.temperature import AcceleratedDrift, Arrhenius
from mho.device.wafers import Place
from mho.errors import ConfigError, OutOfRangeError
from mho.rng import Streams
from mho.units import Time, all_seconds, time_text

_SLACK = 1e-3  # of the ends of the valid times: ten years of 365.25 days are ten years


class Source(Law):
    """Where the numbers come from."""

    citation: str
    doi: str | None = None
    place: str | None = None
    note: str | None = None


class ValidRange(Law):
    """Where the law may be used (``g``, ``t``) and where it was measured (``measured_t``).

    ``t_s = None`` means that time does not enter; ``(0, 0)`` that the source says nothing about
    time. Times inside ``t_s`` but outside ``measured_t_s`` are the source's own extrapolation:
    results there are marked.
    """

    g_uS: tuple[float, float]
    t_s: tuple[float, float] | None = None
    measured_t_s: tuple[float, float] | None = None

    @field_validator("g_uS", "t_s", "measured_t_s")
    @classmethod
    def _ordered(cls, span: tuple[float, float] | None) -> tuple[float, float] | None:
        if span is not None and not 0 <= span[0] <= span[1] < math.inf:
            raise ValueError(f"a range needs 0 <= low <= high, finite; got {list(span)}")
        return span


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
    die: DieOffset = NoDieOffset()
    drift: Drift = NoDrift()
    memory: Memory = Frozen()
    temperature: Arrhenius | None = None
    read_noise: ReadNoise = NoReadNoise()
    faults: Faults = Faults()
    valid: ValidRange
    extrapolate: bool = False
    source: Source
    fit: Provenance | None = None
    ensemble: Ensemble | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Device:
        if self.g_max_uS <= self.g_min_uS:
            raise ValueError(f"g_max_uS ({self.g_max_uS}) must exceed g_min_uS ({self.g_min_uS})")
        if self.drift.frozen_only and not isinstance(self.memory, Frozen):
            raise ValueError(
                f"{self.drift.law} drift has a constant of its own in each cell: "
                "memory must have law 'frozen'"
            )
        if not isinstance(self.drift, NoDrift) and not (self.valid.t_s and self.valid.t_s[0] > 0):
            raise ValueError(
                "a drift law needs valid.t_s = [first, last] with first > 0 s: "
                "from when to when after programming it holds"
            )
        span = self.valid.t_s or (0.0, math.inf)
        if self.t0_s and not span[0] <= self.t0_s <= span[1]:
            raise ValueError(f"t0_s ({self.t0_s:g}) must be 0 or lie in valid.t_s {list(span)}")
        states = self.levels.positions(self.window)
        if states is not None and not self.g_min_uS <= states[0] <= states[-1] <= self.g_max_uS:
            raise ValueError(f"levels must lie in the window {list(self.window)} µS")
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
        if low * (1 - _SLACK) <= t_s <= high * (1 + _SLACK):
            return
        if isinstance(self.drift, NoDrift):
            raise OutOfRangeError(
                f"device '{self.name}' has no drift law, so it says nothing about t = "
                f"{time_text(t_s)}. Ask for t = {time_text(self.t0_s)}, or give it one: "
                "device.with_drift_of(mho.load_device('falcone2025'))."
            )
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
        die: Streams | Place | None = None,
        path: int = 0,
        read: int | None = None,
    ) -> npt.NDArray[np.float32]:
        """Return what cells become: programmed once, then followed over time.

        Args:
            g_target_uS: Wanted conductances in µS, any shape, float32.
            times_s: Times since programming in s; 0 is right after programming, before any drift.
            streams: The cells' identity; equal streams are the same cells.
            die: The identity of the die, where these cells are only a part of it: crossbars that
                share it share its offset; a :class:`~mho.device.wafers.Place` says of which wafer
                and lot it is. None: these cells are a die of their own.
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
        programmed = self.programming.program(
            g_target_uS, self._programming_scores(streams, shape), self.window
        )
        programmed = np.maximum(programmed, 0)
        programmed = self.die.shift(programmed, streams if die is None else die)
        out = self._followed(programmed, times_s, streams.child("drift", path))
        if self.faults.any:
            out = self.faults.impose(out, streams.uniform(shape, "faults"), self.window)
        if read is not None and not isinstance(self.read_noise, NoReadNoise):
            for i, t_s in enumerate(times_s):
                noise = streams.normal(shape, "read", float(t_s), read)
                out[i] += self.read_noise.sd(out[i], t_s) * noise
        return out

    def _followed(
        self, programmed: npt.NDArray[np.float32], times_s: Sequence[float], streams: Streams
    ) -> npt.NDArray[np.float32]:
        """Return programmed conductances at each time, shape ``(len(times_s), *shape)``."""
        later = [t_s for t_s in times_s if t_s > 0]
        if not later or isinstance(self.drift, NoDrift):
            return np.repeat(programmed[None], len(times_s), axis=0)
        scores = self.memory.scores(
            streams,
            programmed.shape,
            later,
            spread=self._mid_window_spread,
            first_s=(self.valid.t_s or (1.0,))[0],
        )
        # Scores that are needed once only give their memory to the conductances made from them.
        reused = (
            len(later) == len(times_s) and scores.flags.writeable and scores.dtype == np.float32
        )
        out = scores if reused else np.empty((len(times_s), *programmed.shape), dtype=np.float32)
        drawn = iter(range(len(later)))
        for i, t_s in enumerate(times_s):
            g = out[i, ...]
            if t_s > 0:
                change = self.drift.change(programmed, t_s, scores[next(drawn), ...])
                np.add(programmed, change, out=g)
            else:
                g[...] = programmed
            np.maximum(g, 0, out=g)
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

    def with_drift_of(self, other: Device, *, rescale: bool = True) -> Device:
        """Return this device with the drift of another one, as a share of the window.

        Use it where a source tells programming only: results then say what ten years would do if
        these cells drifted like the other's. Levels, programming, read noise and faults stay.

        Args:
            other: The device whose drift, memory, valid times and ``t0_s`` to take.
            rescale: Drift the same *share of the window* (see
                :class:`~mho.device.drift.ScaledDrift`); False takes the change in µS as it is.

        Raises:
            ConfigError: The other device has no drift law.

        Example:
            >>> import mho
            >>> device = mho.load_device("charan2020").with_drift_of(mho.load_device("falcone2025"))
            >>> device.name
            'charan2020+falcone2025-drift'
        """
        if isinstance(other.drift, NoDrift):
            raise ConfigError(
                f"device '{other.name}' has no drift law to take; choose one that has, such as "
                "mho.load_device('falcone2025')."
            )
        drift: Drift = other.drift
        share = (self.g_max_uS - self.g_min_uS) / (other.g_max_uS - other.g_min_uS)
        how = "as measured, in µS"
        if rescale:
            drift = ScaledDrift(
                inner=other.drift, window_uS=self.window, inner_window_uS=other.window
            )
            how = f"scaled by {share:.4g} to this window"
        note = f"Drift and memory of {other.name}, {how}; not measured on these cells."
        if isinstance(other.programming, ExactProgramming):
            note += f" That drift holds the programming spread of {other.name} too."
        return self.replace(
            name=f"{self.name}+{other.name}-drift",
            description=f"{self.description} {note}".strip(),
            drift=drift,
            memory=other.memory,
            t0_s=other.t0_s,
            valid=ValidRange(
                g_uS=self.valid.g_uS, t_s=other.valid.t_s, measured_t_s=other.valid.measured_t_s
            ),
        )

    def with_drift_severity(self, *, spread: float = 1.0, mean: float = 1.0) -> Device:
        """Return this device with its drift made milder or more severe.

        Use it to plot what is kept against how bad the drift is, instead of arguing over one point.

        Args:
            spread: Factor on the standard deviation of the change (on each cell's distance from
                the middle cell where the law is not normal).
            mean: Factor on the mean change (on the middle cell's).

        Raises:
            ConfigError: There is no drift law, or a factor is negative.

        Example:
            >>> import mho
            >>> device = mho.load_device("falcone2025")
            >>> severe = device.with_drift_severity(spread=3)
            >>> round(float(severe.spread(50.0, 3600) / device.spread(50.0, 3600)), 6)
            3.0
        """
        if isinstance(self.drift, NoDrift):
            raise ConfigError(f"device '{self.name}' has no drift law whose severity could change.")
        drift = self.drift if isinstance(self.drift, ScaledDrift) else ScaledDrift(inner=self.drift)
        return self.replace(
            name=f"{self.name}-drift-spread-x{spread:g}-mean-x{mean:g}",
            description=f"{self.description} Drift made more or less severe: "
            f"spread × {spread:g}, mean × {mean:g}.".strip(),
            drift={
                **drift.model_dump(),
                "mean_factor": drift.mean_factor * mean,
                "spread_factor": drift.spread_factor * spread,
            },
        )

    def at_temperature(self, celsius: float) -> Device:
        """Return this device as it drifts at another temperature.

        Use it to ask what bakes mean for use: all times of the law are divided by the acceleration.
        Temperatures outside the measured ones are refused unless ``extrapolate`` is true.

        Args:
            celsius: Temperature in °C.

        Raises:
            ConfigError: The card has no temperature law.
            OutOfRangeError: The temperature was not measured and ``extrapolate`` is false.

        Example:
            >>> import mho
            >>> law = {"activation_energy_eV": 0.5, "interval_eV": (0.4, 0.6), "reference_C": 100,
            ...        "measured_C": (85, 220)}
            >>> device = mho.load_device("falcone2025").replace(temperature=law)
            >>> hot = device.at_temperature(220)
            >>> round(float(hot.spread(50.0, 60.0) / device.spread(50.0, 60.0)), 3)
            1.272
        """
        law = self.temperature
        if law is None:
            raise ConfigError(
                f"device '{self.name}' has no temperature law; fit it from reads at several "
                "temperatures, or give the card a [temperature] table."
            )
        if law.is_extrapolated(celsius) and not self.extrapolate:
            low, high = law.measured_C
            raise OutOfRangeError(
                f"device '{self.name}' was measured from {low:g} to {high:g} °C; got {celsius:g} "
                "°C. Choose a temperature in that range, or set extrapolate = true."
            )
        factor = law.acceleration(celsius)
        memory = self.memory
        if isinstance(memory, CorrelationTable):
            times = tuple(t / factor for t in memory.times_s)
            memory = memory.model_copy(update={"times_s": times})

        def sooner(span: tuple[float, float] | None) -> tuple[float, float] | None:
            return None if span is None else (span[0] / factor, span[1] / factor)

        return self.replace(
            name=f"{self.name} at {celsius:g} °C",
            drift=AcceleratedDrift(inner=self.drift, factor=factor),
            memory=memory,
            t0_s=self.t0_s / factor,
            temperature=law.model_copy(update={"reference_C": float(celsius)}),
            valid=ValidRange(
                g_uS=self.valid.g_uS,
                t_s=sooner(self.valid.t_s),
                measured_t_s=sooner(self.valid.measured_t_s),
            ),
            ensemble=None,
        )

    def law_sample(self, k: int) -> Device:
        """Return the k-th of the laws that other samples of the measured cells would have given.

        Use it to carry what the measurements leave open into an accuracy: evaluate chip k with law
        k. Numbers beyond the last law start again at the first.

        Args:
            k: Which law.

        Raises:
            ConfigError: The card has no ensemble.
        """
        if self.ensemble is None:
            raise ConfigError(
                f"device '{self.name}' has no ensemble of laws; fit it from measured cells with "
                "'mho device fit --members 20' or mho.fit_device(table, members=20)."
            )
        return self.ensemble.device(self, k)
