"""Why a network loses accuracy on its hardware: the function and what it runs."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Literal

from torch.utils.data import Dataset

from mho.data import Data, as_data
from mho.diagnosis.bench import Bench
from mho.diagnosis.effects import Effect, effects_of, hardware_with
from mho.diagnosis.layers import look_at_layers, snr_of_outputs
from mho.diagnosis.remedies import has_outliers, remedies
from mho.diagnosis.result import Diagnosis, EffectResult, Outcome, Tried
from mho.diagnosis.verdict import causes_of, verdict
from mho.errors import ConfigError
from mho.network.chip import Chip
from mho.network.mapped import MappedNetwork
from mho.network.self_check import self_check
from mho.progress import Progress, progress_bar
from mho.units import Time, seconds

_TEN_YEARS_S = 10 * 365 * 86400.0


def diagnose(
    network: MappedNetwork | Chip,
    data: Data | tuple[Any, Any] | Dataset[Any],
    time: Time | None = None,
    *,
    chips: int = 3,
    seed: int = 0,
    images: int = 256,
    progress: Progress | Literal[False] | None = None,
) -> Diagnosis:
    """Find out what destroys the accuracy: effects one at a time, left out, and together.

    Use it when :func:`mho.evaluate` shows a loss and you want to know why. First the network is
    checked on an ideal device. Then every effect of the hardware (levels, programming, drift,
    faults, read noise, converters, wires, and the mapping's own rule) is turned on alone, and
    turned off alone, on the same chips and examples; then each layer is looked at, and changes of
    the hardware that promise something are tried. Recoveries that change a chip after programming
    are left out.

    Args:
        network: A mapped network, or one chip of it.
        data: Examples with labels.
        time: Time since programming; by default ten years, or as late as the device's law goes.
        chips: How many chips.
        seed: Seed of the first one.
        images: At most so many examples, evenly drawn.
        progress: None shows a bar on a terminal, False nothing; or a function of
            (done, total, text).

    Returns:
        The diagnosis: ``.verdict``, ``.effects``, ``.layers``, ``.to_dict()``; it prints itself.

    Raises:
        OutOfRangeError: The device law says nothing about the time.
        ModelError: The network fails the self-check, or returns NaN.
        ConfigError: An argument is not what is expected.

    Example:
        >>> import mho, torch
        >>> model = torch.nn.Linear(4, 3)
        >>> network = mho.map_network(model, mho.Hardware(device="falcone2025"))
        >>> x = torch.eye(4)
        >>> found = mho.diagnose(network, (x, model(x).argmax(1)), "1 y")
        >>> sorted(effect.key for effect in found.effects)
        ['drift-mean', 'drift-spread', 'programming', 'read-noise']
    """
    for name, count in (("chips", chips), ("images", images)):
        if count < 1:
            raise ConfigError(f"{name} must be 1 or more; got {count}.")
    seeds = tuple(range(seed, seed + chips))
    notes = []
    if isinstance(network, Chip):
        seeds, network = (network.seed,), network.network
    if any(applied.attachment is not None for applied in network.applied):
        notes.append("Recoveries that change a chip after programming were left out.")
    network = replace(network, applied=())
    device = network.hardware.device
    t_s = _latest(network) if time is None else seconds(time)
    device.check_time(t_s)
    examples = as_data(data, "test")
    examples = examples.take(images, seed) if len(examples) > images else examples
    bench = Bench(network, examples, seeds, t_s)
    effects = effects_of(network.hardware, t_s)
    everything = frozenset(effect.key for effect in effects)
    with progress_bar("diagnosing", progress) as report:
        steps = 3 + len(effects) + len(network.layers)
        report(0, steps, "self-check")
        difference = self_check(network, bench.few.inputs)
        checked = difference if network.hardware.mapping.unclipped.exact else None
        report(1, steps, "all effects")
        together, tallies = bench.run_and_count(everything)
        found = []
        for done, effect in enumerate(effects):
            report(2 + done, steps, effect.what)
            found.append(_result(bench, effect, everything))
        alone = {effect.key: _by_layer(bench, effect) for effect in effects}
        variant = bench.variant(everything)
        layers = look_at_layers(
            bench,
            variant,
            next(bench.snapshots(variant, everything)),
            tallies,
            alone,
            lambda number, name: report(2 + len(effects) + number, steps, f"layer {name}"),
        )
        found.sort(key=_harm, reverse=True)
        report(steps - 1, steps, "causes taken away")
        causes = causes_of(found, together.drop_pp)
        mended = _mended(bench, causes, everything)
        tried = _tried(bench, [cause.key for cause in causes])
    paragraph = verdict(
        baseline=bench.baseline,
        together=together,
        effects=found,
        mended=mended,
        tried=tried,
        layers=layers,
        t_s=t_s,
        images=len(examples),
    )
    return Diagnosis(
        network=network.name,
        t_s=t_s,
        chips=seeds,
        images=len(examples),
        baseline=bench.baseline,
        self_check=checked,
        together=together,
        effects=tuple(found),
        mended=tuple(mended),
        tried=tuple(tried),
        layers=tuple(layers),
        verdict=paragraph,
        notes=tuple(notes),
    )


def _result(bench: Bench, effect: Effect, everything: frozenset[str]) -> EffectResult:
    """Run an effect alone, and everything but it."""
    others = everything - {effect.key}
    hardware = bench.network.hardware
    same = hardware_with(hardware, others) == hardware_with(hardware, everything)
    return EffectResult(
        key=effect.key,
        what=effect.what,
        advice=effect.advice,
        alone=bench.run({effect.key}),
        without=None if same and effect.key != "storage" else bench.run(others),
    )


def _by_layer(bench: Bench, effect: Effect) -> dict[str, float | None]:
    """Return what an effect alone does to each layer's output, on the first chip."""
    variant = bench.variant({effect.key})
    return snr_of_outputs(bench, variant, next(bench.snapshots(variant, {effect.key})))


def _mended(bench: Bench, causes: list[EffectResult], everything: frozenset[str]) -> list[Outcome]:
    """Run the network with the causes taken away one after the other."""
    outcomes: list[Outcome] = []
    on = everything
    for cause in causes:
        on = on - {cause.key}
        known = None if outcomes else cause.without
        outcomes.append(bench.run(on) if known is None else known)
    return outcomes


def _tried(bench: Bench, causes: list[str]) -> list[Tried]:
    """Run the network on hardware that is changed where the causes lie, the best first."""
    network = bench.network
    if network.hardware.has_converters and network.calibration is None:
        return []  # nothing to find the ranges of other converters from
    found = [
        Tried(remedy.key, remedy.what, bench.run_on(remedy.applied_to(network)))
        for remedy in remedies(network.hardware, causes, outliers=has_outliers(network))
    ]
    return sorted(found, key=lambda tried: tried.outcome.drop_pp)


def _harm(effect: EffectResult) -> tuple[float, float]:
    """Return what an effect takes alone, then by how much it stands above the noise."""
    return (round(effect.alone.drop_pp, 1), -effect.alone.snr_db)


def _latest(network: MappedNetwork) -> float:
    """Return ten years, or the latest time that the device's law holds at."""
    device = network.hardware.device
    span = device.valid.t_s
    if span is None or not math.isfinite(span[1]) or span[1] == 0:
        return device.t0_s
    return min(span[1], _TEN_YEARS_S)
