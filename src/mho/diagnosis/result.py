"""What a diagnosis found, as plain data."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from mho.units import time_text


@dataclass(frozen=True)
class Outcome:
    """What a network does with some effects on.

    Attributes:
        accuracy: Mean over the chips.
        accuracies: One a chip.
        drop_pp: Points lost against the digital network.
        snr_db: Signal-to-noise ratio of the logits in dB, a common gain and offset taken out.
    """

    accuracy: float
    accuracies: tuple[float, ...]
    drop_pp: float
    snr_db: float


@dataclass(frozen=True)
class EffectResult:
    """One effect.

    Attributes:
        key: Short name.
        what: The effect as this hardware has it.
        advice: What to try.
        alone: With this effect only.
        without: With all effects but this one; None where it cannot be left out by itself.
    """

    key: str
    what: str
    advice: str
    alone: Outcome
    without: Outcome | None


@dataclass(frozen=True)
class Tried:
    """Other hardware that was tried.

    Attributes:
        key: The effect against which.
        what: What was changed.
        outcome: With all effects.
    """

    key: str
    what: str
    outcome: Outcome


@dataclass(frozen=True)
class LayerResult:
    """One layer, with all effects on.

    Attributes:
        layer: Its name.
        kind: Its kind.
        weights: Number of weights.
        snr_db: Signal-to-noise ratio of its output in the running network: errors of the layers
            before it included; None where the layer is never called by itself.
        own_snr_db: The same when it is given the digital network's inputs: its own errors.
        alone_snr_db: By effect: that of its output in the running network with the effect alone.
        logits_snr_db: Of the logits when only this layer is on the hardware: its sensitivity.
        drop_pp: Points lost when only this layer is on the hardware.
        use_of_window: Root mean square of ``|w|`` over the largest weight that fits the window.
        inputs_clipped: Share of inputs beyond the DAC's range; None for an ideal one.
        sums_clipped: Share of partial sums beyond the ADC's range; None for an ideal one.
        use_of_range: Root mean square of the partial sums over the ADC's full scale, or None.
    """

    layer: str
    kind: str
    weights: int
    snr_db: float | None
    own_snr_db: float | None
    alone_snr_db: dict[str, float | None]
    logits_snr_db: float
    drop_pp: float
    use_of_window: float
    inputs_clipped: float | None
    sums_clipped: float | None
    use_of_range: float | None

    @property
    def worst_effect(self) -> str | None:
        """The effect that alone disturbs its output most; None where none does."""
        known = {k: v for k, v in self.alone_snr_db.items() if v is not None and math.isfinite(v)}
        return min(known, key=known.__getitem__, default=None)


@dataclass(frozen=True)
class Diagnosis:
    """Why a network loses accuracy on its hardware.

    Attributes:
        network: Its name.
        t_s: Time since programming in s.
        chips: Seeds of the chips.
        images: Number of examples.
        baseline: Accuracy of the digital network on them.
        self_check: Largest difference of the logits on an ideal device, over the largest logit;
            None for a mapping that does not claim to give weights back.
        together: With all effects.
        effects: Each effect alone and left out, the worst first.
        mended: With the causes that the verdict names taken away one after the other.
        tried: What other hardware gives on the same chips and examples, the best first.
        layers: Each layer, in the network's order.
        verdict: One paragraph: what destroys the accuracy, and what to try.
        notes: What to know besides.
    """

    network: str
    t_s: float
    chips: tuple[int, ...]
    images: int
    baseline: float
    self_check: float | None
    together: Outcome
    effects: tuple[EffectResult, ...]
    mended: tuple[Outcome, ...]
    tried: tuple[Tried, ...]
    layers: tuple[LayerResult, ...]
    verdict: str
    notes: tuple[str, ...] = ()

    @property
    def by_sensitivity(self) -> tuple[LayerResult, ...]:
        """The layers, the one that harms the logits most first."""
        return tuple(sorted(self.layers, key=lambda layer: layer.logits_snr_db))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; infinite ratios are None."""
        found: dict[str, Any] = _finite(asdict(self))
        return found

    def __str__(self) -> str:
        return "\n".join(
            [*self._head(), "", *self._effects(), "", *self._layers(), "", *self._end()]
        )

    def _head(self) -> list[str]:
        check = (
            "left out: the mapping does not claim to give weights back"
            if self.self_check is None
            else f"passed, logits differ by {self.self_check:.0e}"
        )
        return [
            f"{self.network} at {time_text(self.t_s)}: {self.images} examples, "
            f"{len(self.chips)} chips; digital {self.baseline:.2%}, all effects "
            f"{self.together.accuracy:.2%}",
            f"self-check on an ideal device: {check}",
        ]

    def _effects(self) -> list[str]:
        lines = [f"{'effect':<13} {'alone':>7} {'drop':>7} {'SNR dB':>6} {'without':>7}  what"]
        for effect in self.effects:
            without = "–" if effect.without is None else f"{effect.without.accuracy:.2%}"
            alone = effect.alone
            start = (
                f"{effect.key:<13} {alone.accuracy:>7.2%} {alone.drop_pp:>5.1f}pp "
                f"{alone.snr_db:>6.1f} {without:>7}  "
            )
            lines += textwrap.wrap(
                start + effect.what, _WIDTH, subsequent_indent=" " * len(start),
                drop_whitespace=True, break_on_hyphens=False,
            ) if len(start + effect.what) > _WIDTH else [start + effect.what]  # fmt: skip
        return lines

    def _layers(self) -> list[str]:
        """Return the table of the layers; what converters meet stands there if there are any."""
        shown = [
            (name, legend, [text(layer) for layer in self.layers])
            for name, legend, text in _COLUMNS
            if any(text(layer) != "–" for layer in self.layers)
        ]
        rank = {layer.layer: k for k, layer in enumerate(self.by_sensitivity, 1)}
        wide = max([len("layer"), *(len(_short(layer.layer)) for layer in self.layers)])
        widths = [max(6, len(name), *map(len, texts)) for name, _, texts in shown]
        heads = [f" {name:>{n}}" for (name, _, _), n in zip(shown, widths, strict=True)]
        lines = [f"{'layer':<{wide}} {'rank':>4}{''.join(heads)}"]
        for k, layer in enumerate(self.layers):
            cells = "".join(
                f" {texts[k]:>{n}}" for (_, _, texts), n in zip(shown, widths, strict=True)
            )
            lines.append(f"{_short(layer.layer):<{wide}} {rank[layer.layer]:>4}{cells}")
        legend = "; ".join(["rank: by harm to the logits", *(f"{n}: {le}" for n, le, _ in shown)])
        return [*lines, *textwrap.wrap(f"({legend})", _WIDTH)]

    def _end(self) -> list[str]:
        return [
            line
            for text in (self.verdict, *self.notes)
            for line in textwrap.wrap(text, _WIDTH, break_on_hyphens=False, break_long_words=False)
        ]


def _short(name: str) -> str:
    """Return a name of at most 22 characters: the end of a long one, which tells layers apart."""
    return name if len(name) <= _NAME else f"…{name[1 - _NAME :]}"


def _db(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


_WIDTH, _NAME = 100, 22
_COLUMNS: tuple[tuple[str, str, Callable[[LayerResult], str]], ...] = (
    ("SNR dB", "of its output, earlier layers' errors included", lambda r: _db(r.snr_db)),
    ("own dB", "its own errors only", lambda r: _db(r.own_snr_db)),
    ("logits", "their SNR with this layer alone on hardware", lambda r: _db(r.logits_snr_db)),
    ("drop", "points lost then", lambda r: f"{r.drop_pp:.1f}pp"),
    ("window", "rms of weights over the largest that fits", lambda r: _share(r.use_of_window)),
    ("in clip", "inputs beyond the DAC's range", lambda r: _share(r.inputs_clipped)),
    ("sum clip", "partial sums beyond the ADC's range", lambda r: _share(r.sums_clipped)),
    ("range", "rms of partial sums over the ADC's full scale", lambda r: _share(r.use_of_range)),
    ("most by", "the effect that alone disturbs it most", lambda r: r.worst_effect or "–"),
)  # fmt: skip
"""Columns of the table of layers: heading, what it means, text of a cell."""


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
