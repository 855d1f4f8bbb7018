"""Results as plain data: trials, estimates with intervals, and the store. No torch is needed."""

from __future__ import annotations

from mho.results.digest import canonical_json, digest
from mho.results.estimate import Estimate, estimate, paired
from mho.results.proportion import Proportion, proportion, yield_at
from mho.results.store import Label, Store
from mho.results.trial import Trial

__all__ = [
    "Estimate",
    "Label",
    "Proportion",
    "Store",
    "Trial",
    "canonical_json",
    "digest",
    "estimate",
    "paired",
    "proportion",
    "yield_at",
]
