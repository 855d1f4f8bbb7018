"""What a diagnosis found, as plain data."""

from __future__ import annotations

import math
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
class LayerResult:
    """One layer, with all effects on.

    Attributes:
        layer: Its name.
        kind: Its kind.
        weights: Number of weights.
        snr_db: Signal-to-noise ratio of its output in the running network: errors of the layers
            before it included; None where the layer is never called by itself.
        own_snr_db: The same when it is given the digital network's inputs: its own errors.
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
    logits_snr_db: float
    drop_pp: float
    use_of_window: float
    inputs_clipped: float | None
    sums_clipped: float | None
    use_of_range: float | None


@dataclass(frozen=True)
class Diagnosis:
    """Why a network loses accuracy on its hardware.

    Attributes:
        network: Its name.
        t_s: Time since programming in s.
        chips: Seeds of the chips.
        images: Number of examples.
        baseline: Accuracy of the digital network on them.
        self_check: Largest difference of the logits on an ideal device, over the largest logit.
        together: With all effects.
        effects: Each effect alone and left out, the worst first.
        mended: With the causes that the verdict names taken away one after the other.
        layers: Each layer, in the network's order.
        verdict: One paragraph: what destroys the accuracy, and what to try.
        notes: What to know besides.
    """

    network: str
    t_s: float
    chips: tuple[int, ...]
    images: int
    baseline: float
    self_check: float
    together: Outcome
    effects: tuple[EffectResult, ...]
    mended: tuple[Outcome, ...]
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
        lines = [
            f"{self.network} at {time_text(self.t_s)}: {self.images} examples, "
            f"{len(self.chips)} chips; digital {self.baseline:.2%}, all effects "
            f"{self.together.accuracy:.2%}",
            "",
            f"{'effect':<14} {'alone':>8} {'drop':>8} {'SNR dB':>7} {'without':>8}  what",
        ]
        for effect in self.effects:
            without = "–" if effect.without is None else f"{effect.without.accuracy:.2%}"
            alone = effect.alone
            lines.append(
                f"{effect.key:<14} {alone.accuracy:>8.2%} {alone.drop_pp:>6.1f}pp "
                f"{alone.snr_db:>7.1f} {without:>8}  {effect.what}"
            )
        lines += [
            "",
            f"{'layer':<28} {'SNR dB':>7} {'own':>7} {'logits':>7} {'drop':>8} {'window':>7}",
        ]
        for layer in self.layers:
            lines.append(
                f"{layer.layer:<28} {_db(layer.snr_db):>7} {_db(layer.own_snr_db):>7} "
                f"{layer.logits_snr_db:>7.1f} {layer.drop_pp:>6.1f}pp {layer.use_of_window:>7.1%}"
            )
        return "\n".join([*lines, "", self.verdict, *self.notes])


def _db(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
