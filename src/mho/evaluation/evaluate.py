"""Accuracy over many chips and times, with intervals: the function most results come from."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch.utils.data import Dataset

from mho.data import Data, as_data
from mho.errors import ConfigError
from mho.evaluation.evaluation import Evaluation
from mho.evaluation.metric import Accuracy, Metric
from mho.evaluation.stopping import StoppingRule
from mho.evaluation.work import Runner, Work, one_by_one
from mho.network.chip import Chip
from mho.network.mapped import MappedNetwork
from mho.progress import Progress, progress_bar
from mho.results import Store
from mho.results.estimate import check_confidence
from mho.units import Time, all_seconds

_CHIPS = 20


def evaluate(
    network: MappedNetwork | Chip,
    data: Data | tuple[Any, Any] | Dataset[Any],
    times: Iterable[Time] | None = None,
    chips: int | Sequence[int] | None = None,
    *,
    seed: int = 0,
    target: float | None = None,
    stop: StoppingRule | None = None,
    store: Store | str | Path | None = None,
    confidence: float = 0.95,
    metric: Metric | None = None,
    batch: int = 256,
    torch_device: str = "cpu",
    progress: Progress | Literal[False] | None = None,
    law_uncertainty: bool = False,
    runner: Runner | None = None,
) -> Evaluation:
    """Evaluate a network on many chips over time.

    Use it to learn what a device does to a network, before or after a recovery. Chips are the seeds
    ``seed, seed + 1, …``, so two networks are compared on the same chips. Before anything noisy
    runs, the network is checked on an ideal device, where it must equal the digital one. The
    numbers depend on nothing else: not on the batch, the order of times, or what ran before.

    Args:
        network: A mapped network, or one chip (which is then the only one).
        data: Examples with labels: :class:`mho.data.Data`, ``(inputs, labels)``, or a dataset.
        times: Times since programming, seconds or text; by default the device's ``t0_s``.
        chips: How many chips, or their seeds; 20 unless a stopping rule decides.
        seed: Seed of the first chip.
        target: Accuracy that a chip must reach, as a fraction, for the yield.
        stop: A rule such as ``HalfWidth(0.002)`` that decides how many chips are enough.
        store: A file, or an open store, where finished trials are kept and found again.
        confidence: Confidence of the intervals.
        metric: What counts as right; by default :class:`Accuracy`.
        batch: Examples in a pass on an accelerator; on the CPU passes have a fixed size.
        torch_device: Where to compute: ``"cpu"`` or ``"cuda"``; the chips are the same.
        progress: None shows a bar on a terminal, False nothing; or a function of
            (done, total, text).
        law_uncertainty: Make chip k by the k-th law of the device's ensemble: sd, 5 % quantile,
            worst and yield then show what the measurements leave open too. How much that is on
            its own says ``.paired(other).sd`` against an evaluation without it.
        runner: What runs the chips; one after the other in this process by default.

    Returns:
        The evaluation: ``.at("10y")``, ``.paired(other, "10y")``, ``.yield_at(0.95, "10y")``.

    Raises:
        OutOfRangeError: The device law says nothing about a time.
        ModelError: The network fails the self-check, or a chip gives NaN.
        DataError: The data does not fit the network.
        StoreError: The store cannot be read or written.
        ConfigError: An argument is not what is expected.

    Example:
        >>> import mho, torch
        >>> model = torch.nn.Linear(4, 3)
        >>> network = mho.map_network(model, mho.Hardware(device="falcone2025"))
        >>> x = torch.eye(4)
        >>> found = mho.evaluate(network, (x, model(x).argmax(1)), ["1s", "10y"], chips=3)
        >>> found.accuracies.shape
        (3, 2)
    """
    check_confidence(confidence)
    if target is not None and not 0 <= target <= 1:
        raise ConfigError(
            f"a target accuracy is a fraction from 0 to 1; got {target}. Write 0.95 for 95 %."
        )
    work = Work(
        network=network,
        data=as_data(data, "test"),
        metric=metric or Accuracy(),
        batch=batch,
        torch_device=torch_device,
        law_uncertainty=law_uncertainty,
    )
    if law_uncertainty:
        _check_ensemble(network)
    times_s = _times(work.mapped, times)
    seeds = _Seeds.of(network, chips, seed, stop)
    with _opened(store) as trials, progress_bar("evaluating", progress) as report:
        ledger = _Ledger(work, times_s, trials, runner or one_by_one)
        wanted = seeds.first
        while True:
            ledger.complete([seeds[i] for i in range(wanted)], report)
            accuracies = ledger.accuracies([seeds[i] for i in range(wanted)])
            more = wanted if stop is None else stop.chips_wanted(accuracies, confidence)
            if more <= wanted:
                break
            wanted = more
    device = work.mapped.hardware.device
    return Evaluation(
        times_s=tuple(times_s),
        chips=tuple(seeds[i] for i in range(wanted)),
        accuracies=accuracies,
        images=len(work.data),
        task=ledger.task,
        data=work.data.digest,
        network=work.mapped.name,
        metric=work.metric.name,
        confidence=confidence,
        target=target,
        extrapolated=tuple(device.is_extrapolated(t) for t in times_s),
        min_half_width=0.0 if stop is None else stop.min_half_width,
        met=None if stop is None else stop.is_met(accuracies, confidence),
    )


def _check_ensemble(network: MappedNetwork | Chip) -> None:
    """Refuse law uncertainty where there is none to carry."""
    if isinstance(network, Chip):
        raise ConfigError(
            "one chip is made by one law: pass the network (chip.network) with law_uncertainty."
        )
    network.hardware.device.law_sample(0)


def _times(network: MappedNetwork, times: Iterable[Time] | None) -> list[float]:
    device = network.hardware.device
    times_s = [device.t0_s] if times is None else list(dict.fromkeys(all_seconds(times)))
    if not times_s:
        raise ConfigError("times is empty; write at least one, such as times=['1s', '10y'].")
    for t_s in times_s:
        device.check_time(t_s)
    return times_s


@dataclass(frozen=True)
class _Seeds:
    """The seeds of the chips, in order: a list, or a run of numbers that may go on."""

    first: int
    start: int = 0
    listed: tuple[int, ...] | None = None

    def __getitem__(self, index: int) -> int:
        return self.start + index if self.listed is None else self.listed[index]

    @classmethod
    def of(
        cls,
        network: MappedNetwork | Chip,
        chips: int | Sequence[int] | None,
        seed: int,
        stop: StoppingRule | None,
    ) -> _Seeds:
        if isinstance(network, Chip):
            if chips is not None or stop is not None:
                raise ConfigError(
                    "one chip was given, so there is nothing to choose: leave out chips= and "
                    "stop=, or pass the network (chip.network) to evaluate many chips."
                )
            return cls(first=1, listed=(network.seed,))
        if stop is not None:
            if chips is not None:
                raise ConfigError(
                    "chips= and stop= both say how many chips to run; leave one of them out "
                    "(a rule has its own at_least and at_most)."
                )
            return cls(first=stop.first, start=_checked(seed))
        if chips is None or isinstance(chips, int):
            count = _CHIPS if chips is None else chips
            if count < 1:
                raise ConfigError(f"chips must be 1 or more; got {count}.")
            return cls(first=count, start=_checked(seed))
        listed = tuple(_checked(chip) for chip in chips)
        if not listed or len(set(listed)) < len(listed):
            raise ConfigError("chips must name at least one seed, and none of them twice.")
        return cls(first=len(listed), listed=listed)


def _checked(seed: int) -> int:
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise ConfigError(f"the seed of a chip must be a whole number from 0; got {seed!r}.")
    return int(seed)


class _Ledger:
    """What has been found so far, with what a store knew already."""

    def __init__(self, work: Work, times_s: Sequence[float], store: Store, runner: Runner) -> None:
        self._work = work
        self._times_s = times_s
        self._store = store
        self._runner = runner
        self.task = store.describe(work.description())
        self._found = {(t.chip, t.t_s): t.accuracy for t in store.trials(self.task)}

    def complete(self, seeds: Sequence[int], report: Progress) -> None:
        """Run what is missing for these chips; each finished chip is safe at once."""
        missing = {s: [t for t in self._times_s if (s, t) not in self._found] for s in seeds}
        missing = {s: times for s, times in missing.items() if times}
        if not missing:
            return
        self._work.check()
        report(0, len(missing), f"0 of {len(missing)} chips")
        done = 0
        for trials in self._runner(self._work, missing):
            self._store.add(trials)
            self._found.update({(t.chip, t.t_s): t.accuracy for t in trials})
            done += len({t.chip for t in trials})
            report(done, len(missing), f"{done} of {len(missing)} chips")

    def accuracies(self, seeds: Sequence[int]) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Return the accuracies, shape ``(chips, times)``."""
        return np.array([[self._found[s, t] for t in self._times_s] for s in seeds])


@contextlib.contextmanager
def _opened(store: Store | str | Path | None) -> Any:
    """Give the store; one that was opened here is closed again."""
    if isinstance(store, Store):
        yield store
    else:
        with Store(":memory:" if store is None else store) as own:
            yield own
