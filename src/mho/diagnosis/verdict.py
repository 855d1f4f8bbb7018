"""The verdict: one paragraph that says what destroys the accuracy, and what to try."""

from __future__ import annotations

from collections.abc import Sequence

from mho.diagnosis.result import EffectResult, LayerResult, Outcome, Tried
from mho.units import time_text

_LITTLE_PP = 1.0
"""Points below which a loss is called little."""
_ALL_TRIED = frozenset({"ADC", "DAC", "wires", "mapping"})
"""Effects against which there is no more than what could be tried at once."""
_MUCH_PP = 5.0
"""Points that make an effect a cause however much the others take."""
_SHARE = 0.25
"""An effect is named a cause if it takes or gives back this share of what is lost."""


def verdict(
    *,
    baseline: float,
    together: Outcome,
    effects: Sequence[EffectResult],
    mended: Sequence[Outcome],
    tried: Sequence[Tried],
    layers: Sequence[LayerResult],
    t_s: float,
    images: int,
) -> str:
    """Return the paragraph.

    Args:
        baseline: Accuracy of the digital network.
        together: With all effects.
        effects: Each effect, the worst first.
        mended: With the causes taken away one after the other.
        tried: Other hardware, the best first.
        layers: Each layer.
        t_s: Time since programming in s.
        images: Number of examples.
    """
    lost = together.drop_pp
    when = f"At {time_text(t_s)}" if t_s > 0 else "Right after programming"
    start = (
        f"{when} the network gives {together.accuracy:.1%} instead of {baseline:.1%} "
        f"({images} examples, mean of {len(together.accuracies)} chips)"
    )
    if lost < _LITTLE_PP:
        worst = effects[0] if effects else None
        rest = "" if worst is None else f" The largest of its effects is {worst.what}."
        return f"{start}: nothing destroys it.{rest}"
    causes = causes_of(effects, lost)
    sentences = [f"{start}."]
    if causes:
        first, *others = causes
        sentences.append(f"What destroys it is {_measured(first)}.")
        sentences += [f"Then {_measured(other)}." for other in others]
        if len(causes) > 1 and sum(c.alone.drop_pp for c in causes) < lost / 2:
            sentences.append("Together they take far more than one by one.")
        if len(mended) > 1:
            steps = _listed([f"{outcome.accuracy:.1%}" for outcome in mended])
            sentences.append(f"Taking them away one after the other gives {steps}.")
    else:
        sentences.append(
            f"No effect alone does it (the worst, {effects[0].what}, takes "
            f"{_points(effects[0].alone.drop_pp)}): they add up."
        )
    harmless = [e for e in effects if e not in causes and e.alone.drop_pp < _LITTLE_PP]
    if harmless:
        sentences.append(f"Alone harmless: {_listed([e.what for e in harmless])}.")
    sentences += _about_layers(layers)
    sentences += _about_remedies(tried, lost)
    helped = {t.key for t in tried if _helps(t, lost)} & _ALL_TRIED
    advised = [e.advice for e in causes or list(effects[:1]) if e.key not in helped]
    if advised:
        sentences.append(f"To try, in this order: {'; '.join(advised)}.")
    return " ".join(sentences)


def causes_of(effects: Sequence[EffectResult], lost_pp: float) -> list[EffectResult]:
    """Return the effects that take much, or a good share of the loss, or give it back."""
    return [effect for effect in effects if _is_cause(effect, lost_pp)]


def _is_cause(effect: EffectResult, lost: float) -> bool:
    gained = 0.0 if effect.without is None else lost - effect.without.drop_pp
    return max(effect.alone.drop_pp, gained) >= max(min(_SHARE * lost, _MUCH_PP), _LITTLE_PP)


def _measured(effect: EffectResult) -> str:
    """Say what an effect takes alone, and what is gained without it."""
    text = f"{effect.what}: alone it takes {_points(effect.alone.drop_pp)}"
    if effect.without is None:
        return text
    return f"{text}, and without it the network gives {effect.without.accuracy:.1%}"


def _about_remedies(tried: Sequence[Tried], lost: float) -> list[str]:
    """Say which changes of the hardware help, and which do not."""
    sentences = []
    better = [f"{t.what} gives {t.outcome.accuracy:.1%}" for t in tried if _helps(t, lost)]
    useless = [t.what for t in tried if not _helps(t, lost)]
    if better:
        sentences.append(f"Tried, all else as it is: {_listed(better)}.")
    if useless:
        sentences.append(f"Without much gain while all else stays: {_listed(useless)}.")
    return sentences


def _helps(tried: Tried, lost: float) -> bool:
    """Return whether a remedy gives back a good share of what is lost."""
    return lost - tried.outcome.drop_pp >= min(_SHARE * lost, _MUCH_PP)


def _about_layers(layers: Sequence[LayerResult]) -> list[str]:
    """Say which layer harms the logits most, and which converters clip."""
    sentences = []
    ranked = sorted(layers, key=lambda layer: layer.logits_snr_db)
    if len(ranked) > 1:
        worst = ranked[0]
        sentences.append(
            f"The most sensitive layer is '{worst.layer}': with it alone on the hardware the "
            f"logits stand {worst.logits_snr_db:.0f} dB above their noise."
        )
    clipped = [layer for layer in layers if max(_shares(layer)) > 0.01]
    if clipped:
        names = _listed([f"'{layer.layer}' ({max(_shares(layer)):.0%})" for layer in clipped[:5]])
        sentences.append(f"Converters clip in {names}: widen their ranges.")
    return sentences


def _shares(layer: LayerResult) -> tuple[float, float]:
    return (layer.inputs_clipped or 0.0, layer.sums_clipped or 0.0)


def _points(drop_pp: float) -> str:
    return "nothing" if drop_pp < 0.05 else f"{drop_pp:.1f} points"


def _listed(words: Sequence[str]) -> str:
    """Join words as people do.

    >>> _listed(["a", "b", "c"])
    'a, b and c'
    """
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
