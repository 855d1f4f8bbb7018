"""Which recipe to try next: Optuna's multi-objective sampler, replayed from what is known."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from mho.errors import ConfigError
from mho.planning.judge import Measured
from mho.planning.space import Recipe, Space
from mho.rng import Streams

_STARTUP = 10
"""Recipes that are drawn at random before the sampler learns from them."""
_PATIENCE = 30
"""Draws of the sampler that may be of known recipes before one is picked at random."""


def next_recipe(
    space: Space, known: Sequence[Measured], yield_share: float, seed: int
) -> Recipe | None:
    """Return the recipe to try next; None where every one is known.

    It depends on the arguments alone: a search that was interrupted goes on as if it had not been.

    Args:
        space: What is searched.
        known: Recipes that were measured, in their order.
        yield_share: Share of chips that must keep the accuracy.
        seed: Seed of the search.

    Raises:
        ConfigError: Optuna is not installed.
    """
    seen = {m.recipe for m in known}
    left = [recipe for recipe in space.recipes() if recipe not in seen]
    if not left:
        return None
    for anchor in _anchors(space):
        if anchor not in seen:
            return anchor
    draws = random.Random(Streams(seed, "plan", len(known)).integer("draws"))
    if len(known) < _STARTUP:
        return draws.choice(left)
    study = _replayed(space, known, yield_share, draws.randrange(2**31))
    for _ in range(_PATIENCE):
        recipe = _drawn(space, study.ask())
        if recipe not in seen:
            return recipe
    return draws.choice(left)


def _anchors(space: Space) -> list[Recipe]:
    """Return the recipes to begin with: each mapping with the least and the most help."""
    scale, epochs = space.scales[0], max(space.distill_epochs)
    ends = sorted({(min(space.shares), min(space.probes)), (max(space.shares), max(space.probes))})
    return [
        Recipe(
            mapping=mapping,
            scale=scale,
            distill_epochs=epochs,
            share=share,
            word_bits=max(space.word_bits) if share else None,
            structure=space.structures[0] if share else None,
            probes=probes,
            clip_sd=max(space.clips),
        )
        for mapping in space.mappings
        for share, probes in ends
    ]


def _replayed(space: Space, known: Sequence[Measured], yield_share: float, seed: int) -> Any:
    try:
        import optuna
    except ImportError:
        raise ConfigError(
            "planning needs Optuna, which is not installed; run: pip install 'mho[plan]'."
        ) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=_STARTUP)
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
    options = _options(space)
    for one in known:
        recipe = one.recipe.model_dump()
        params = {
            name: values.index(recipe[name])
            for name, values in options.items()
            if recipe[name] is not None and recipe[name] in values
        }
        distributions: dict[str, Any] = {
            name: optuna.distributions.IntDistribution(0, len(options[name]) - 1) for name in params
        }
        values = [one.price(space.minimise), one.drop_at(yield_share)]
        study.add_trial(
            optuna.trial.create_trial(params=params, distributions=distributions, values=values)
        )
    return study


def _options(space: Space) -> dict[str, list[Any]]:
    """Return the values of each choice, those with an order in it: Optuna sees their numbers."""
    options: dict[str, list[Any]] = {
        "mapping": list(space.mappings),
        "scale": list(space.scales),
        "distill_epochs": sorted(space.distill_epochs),
        "share": sorted(space.shares),
        "word_bits": sorted(space.word_bits),
        "structure": list(space.structures),
        "probes": sorted(space.probes),
    }
    # Searches of before there was clipping go on as they would have.
    return options if len(space.clips) == 1 else {**options, "clip_sd": sorted(space.clips)}


def _drawn(space: Space, trial: Any) -> Recipe:
    chosen: dict[str, Any] = {"clip_sd": space.clips[0]}
    for name, values in _options(space).items():
        if name in ("word_bits", "structure") and not chosen["share"]:
            continue
        chosen[name] = values[trial.suggest_int(name, 0, len(values) - 1)]
    return Recipe(**chosen)
