"""The mean accuracy over chips, to a wanted certainty, with few passes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from mho.crossbar.hardware import Hardware
from mho.data import Data, Inputs, as_data
from mho.errors import ConfigError
from mho.evaluation.interval import Interval
from mho.evaluation.metric import Accuracy, Metric
from mho.evaluation.passes import checked
from mho.evaluation.strata import Indices, Strata
from mho.evaluation.two_stage import Sampled, TwoStage, sample
from mho.evaluation.work import threads
from mho.network.chip import Chip
from mho.network.layer import MappedLayer
from mho.network.mapped import MappedNetwork
from mho.network.plan import Plan
from mho.network.self_check import self_check
from mho.network.snapshot import Snapshot
from mho.network.trace import trace_positions
from mho.progress import Progress, progress_bar
from mho.results.estimate import check_confidence
from mho.units import Time, seconds, time_text

_READ = 0
_PLANNED = 2048
_CELL_NS, _MAC_NS, _EXAMPLE_NS = 68.0, 0.012, 15_000.0
"""Measured on one core: drawing a cell, a multiply–accumulate, and what an example costs anyway."""
_CONVERTED = 1.5
"""What an analogue product with converters costs over one without, measured likewise."""


@dataclass(frozen=True)
class MeanAccuracy:
    """A mean accuracy over chips and what it took to find it.

    Attributes:
        interval: Mean with its interval.
        t_s: Time since programming in s.
        extrapolated: Whether that lies beyond what the device was measured at.
        images: Examples that the mean is over.
        baseline: Accuracy of the digital network on them; None where it was not asked.
        sampled: How it was found: the split, the passes, what whole chips would have taken.
    """

    interval: Interval
    t_s: float
    extrapolated: bool
    images: int
    baseline: float | None
    sampled: Sampled

    @property
    def mean(self) -> float:
        """The estimate."""
        return self.interval.mean

    @property
    def half_width(self) -> float:
        """Half the width of its interval."""
        return self.interval.half_width

    @property
    def passes(self) -> int:
        """Forward passes of one example that were spent, the digital network's included."""
        digital = 0 if self.baseline is None else self.images
        return self.sampled.exact_passes + self.sampled.cheap_passes + digital

    @property
    def naive_passes(self) -> int:
        """Forward passes that evaluating whole chips would have taken."""
        return self.sampled.naive_passes

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "t_s": self.t_s,
            "extrapolated": self.extrapolated,
            "images": self.images,
            "baseline": self.baseline,
            "passes": self.passes,
            **self.sampled.to_dict(),
        }

    def __str__(self) -> str:
        found = self.sampled
        lines = [
            f"{time_text(self.t_s)}: {self.interval}" + " (extrapolated)" * self.extrapolated,
            f"{found.chips} chips, sd {found.sd_of_chips:.2%} from chip to chip; {self.passes:,} "
            f"passes, where whole chips would have taken {self.naive_passes:,}",
        ]
        if found.terms[0].name == "cheap":
            lines.append(
                f"two levels: {found.cheap_passes:,} passes without converters, corrected by "
                f"{found.exact_passes:,} with them"
            )
        if not found.met:
            lines.append("the wanted half-width was not reached: allow more chips (at_most)")
        return "\n".join(lines)


def mean_accuracy(
    network: MappedNetwork | Chip,
    data: Data | tuple[Any, Any] | Dataset[Any],
    time: Time | None = None,
    *,
    half_width: float | None = None,
    rule: TwoStage | None = None,
    digital: bool = True,
    two_levels: bool = True,
    seed: int = 0,
    confidence: float = 0.95,
    metric: Metric | None = None,
    torch_device: str = "cpu",
    progress: Progress | Literal[False] | None = None,
) -> MeanAccuracy:
    """Find the mean accuracy over chips to a wanted certainty, with as few passes as possible.

    Use it where the mean is all that is wanted; :func:`mho.evaluate` gives chips, spread and yield.
    The digital network answers every example once: what it is sure of, chips seldom change. Then
    each chip is asked a few examples, drawn within strata of that sureness: an unbiased estimate of
    its accuracy. How many chips and examples is planned from variances that a pilot measures. On
    hardware with converters the same chips without them are the cheap level of two, corrected by a
    few exact passes, where the pilot says that this pays.

    Args:
        network: A mapped network; one chip is refused.
        data: Examples with labels: the mean is over all of them.
        time: Time since programming; by default the device's ``t0_s``.
        half_width: Wanted half-width of the interval, as a fraction; 0.002 by default.
        rule: Instead: a :class:`TwoStage` with settings of its own.
        digital: False to do without the digital network's answers: plain samples of examples.
        two_levels: False to ask the hardware as it is only.
        seed: Seed of the first chip.
        confidence: Confidence of the interval.
        metric: What counts as right; by default :class:`Accuracy`.
        torch_device: Where to compute.
        progress: None shows a bar on a terminal, False nothing; or a function of
            (done, total, text).

    Returns:
        The mean with its interval, the passes spent and those that whole chips would have taken.

    Raises:
        OutOfRangeError: The device law says nothing about the time.
        ModelError: The network fails the self-check, or a chip gives NaN.
        DataError: The data does not fit the network.
        ConfigError: An argument is not what is expected.

    Source:
        W. G. Cochran, Sampling Techniques, 3rd ed. (1977), chapters 5 and 10; M. B. Giles, Acta
        Numerica 24, 259 (2015).

    Example:
        >>> import mho, torch
        >>> model = torch.nn.Linear(4, 3)
        >>> network = mho.map_network(model, mho.Hardware(device="falcone2025"))
        >>> x = torch.randn(500, 4)
        >>> found = mho.mean_accuracy(network, (x, model(x).argmax(1)), "10y", half_width=0.02)
        >>> found.sampled.met
        True
    """
    check_confidence(confidence)
    if isinstance(network, Chip):
        raise ConfigError(
            "one chip has no mean over chips: pass the network (chip.network), or use mho.evaluate."
        )
    rule = _rule(rule, half_width)
    if not isinstance(seed, int) or seed < 0:
        raise ConfigError(f"the seed of a chip must be a whole number from 0; got {seed!r}.")
    examples, metric = as_data(data, "test"), metric or Accuracy()
    device = network.hardware.device
    t_s = device.t0_s if time is None else seconds(time)
    device.check_time(t_s)
    inputs, _ = next(iter(examples.batches(8)))
    self_check(network, inputs)
    chips = _Chips(network, t_s)
    simple = exact = _Asked(network, chips, examples, metric, torch_device)
    if not network.hardware.ideal_periphery:
        simple = _Asked(_simplified(network), chips, examples, metric, torch_device)
    strata, baseline = Strata.whole(len(examples)), None
    if digital:
        right, margin = simple.digital()
        strata, baseline = Strata.by_margin(right, margin), float(right.mean())
    with progress_bar("sampling", progress) as report:
        sampled = sample(
            _priced(rule, network, inputs),
            strata,
            exact.chip,
            cheap=simple.chip if two_levels and simple is not exact else None,
            seed=seed,
            confidence=confidence,
            report=lambda done, wanted: report(done, wanted, f"chip {done} of {wanted}"),
        )
    return MeanAccuracy(
        interval=sampled.interval,
        t_s=t_s,
        extrapolated=device.is_extrapolated(t_s),
        images=len(examples),
        baseline=baseline,
        sampled=sampled,
    )


def _rule(rule: TwoStage | None, half_width: float | None) -> TwoStage:
    """Return the rule that was asked for in one of two ways."""
    if rule is None:
        settings = {} if half_width is None else {"half_width": half_width}
        return TwoStage.parse(settings, where="mean_accuracy")
    if half_width is not None:
        raise ConfigError(
            "half_width= and rule= both say how sure to be; leave one of them out "
            "(rule=TwoStage(half_width=0.002))."
        )
    return rule


def _priced(rule: TwoStage, network: MappedNetwork, inputs: Inputs) -> TwoStage:
    """Return the rule with the prices that the network gives it: counts, never clocks."""
    positions = trace_positions(network.model, inputs)
    macs = {layer.name: positions[layer.name] * layer.weights for layer in network.layers}
    prices, total = {}, sum(macs.values())
    if rule.price_of_chip is None:
        cells = sum(layer.encoded.g_target_uS.size for layer in network.layers)
        prices["price_of_chip"] = cells * _CELL_NS / (total * _MAC_NS + _EXAMPLE_NS)
    if network.hardware.ideal_periphery:
        prices["price_of_exact"] = 1.0
    elif rule.price_of_exact is None:
        products = sum(macs[layer.name] * _products(network, layer) for layer in network.layers)
        prices["price_of_exact"] = _CONVERTED * products / max(total, 1)
    return rule.model_copy(update=prices)


def _products(network: MappedNetwork, layer: MappedLayer) -> int:
    """Return how many analogue products an input takes: phases, digits, slices."""
    codes, hardware = network.codes(layer), network.hardware
    waves = hardware.drive.waves(torch.zeros(1), codes.dac, signed=codes.x_signed)
    return sum(1 for _ in waves) * (1 if hardware.adc_bits is None else layer.encoded.slices)


def _simplified(network: MappedNetwork) -> MappedNetwork:
    """Return the network that computes with a chip's weights alone: no converters, exact reads."""
    hardware = network.hardware
    return replace(network, hardware=Hardware(device=hardware.device, mapping=hardware.mapping))


class _Chips:
    """Draws chips; the last one is kept, because two levels ask it one after the other."""

    def __init__(self, network: MappedNetwork, t_s: float) -> None:
        self._network, self._t_s = network, t_s
        self._last: tuple[int, Snapshot] | None = None

    def snapshot(self, seed: int) -> Snapshot:
        """Return a chip at the time."""
        if self._last is None or self._last[0] != seed:
            chip = self._network.program(seed)
            with threads(1):
                _ = chip.attachments  # training done for this chip alone; see `threads`
            self._last = seed, chip.snapshot(self._t_s, read=_READ)
        return self._last[1]


class _Asked:
    """Answers whether chips, or the digital network, are right on some examples."""

    def __init__(
        self, network: MappedNetwork, chips: _Chips, data: Data, metric: Metric, torch_device: str
    ) -> None:
        self._network, self._chips, self._data, self._metric = network, chips, data, metric
        self._plan = Plan(network, torch_device=torch_device)

    def chip(self, seed: int, examples: Indices) -> npt.NDArray[np.bool_]:
        """Return whether a chip is right on some examples."""
        snapshot = self._chips.snapshot(seed)
        self._plan.load(snapshot)
        who = f"chip {seed} of '{self._network.name}' at t = {time_text(snapshot.t_s)}"
        order = np.argsort(examples, kind="stable")
        logits, labels = self._logits(self._data.subset(examples[order].tolist()), who)
        right = np.empty(len(examples), dtype=np.bool_)
        right[order] = self._metric.right(logits, labels).numpy()
        return right

    def digital(self) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.floating[Any]]]:
        """Return whether the digital network is right, and by which margin of its logits."""
        network = self._network
        state = dict(network.model.named_parameters(remove_duplicate=False))
        own = {layer.name: state[layer.parameter].data for layer in network.layers}
        self._plan.load(Snapshot(0.0, own))
        logits, labels = self._logits(self._data, "the digital network")
        top = logits.topk(2, dim=1).values if logits.shape[1] > 1 else logits.expand(-1, 2)
        margin = (top[:, 0] - top[:, 1]).double().numpy()
        return np.asarray(self._metric.right(logits, labels).numpy()), margin

    def _logits(self, data: Data, who: str) -> tuple[Tensor, Tensor]:
        parts, seen = [], 0
        for inputs, labels in data.batches(_PLANNED):
            logits = self._plan(inputs, first=seen)
            checked(logits, labels, who)
            parts.append(logits)
            seen += len(labels)
        return torch.cat(parts), data.labels
