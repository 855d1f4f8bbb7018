"""Simulate cells, fit them, find the law again: intervals hold the truth as often as they say.

Few repeats of each case; ``python benchmarks/device_fit.py`` does 200.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from scipy.stats import binom

PATH = Path(__file__).parents[2] / "benchmarks" / "recover.py"
SPEC = importlib.util.spec_from_file_location("recover", PATH)
recover = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(recover)

QUICK = [
    name
    for name in recover.CASES
    if name.startswith(("programming", "faults", "temp")) and "tabulated" not in name
]
SLOW = [name for name in recover.CASES if name not in QUICK]


def check(case, repeats, first):
    """Fail where coverage of all numbers together is below 85 % beyond chance.

    Numbers of one fit hang together, so only repeats count as independent: with a true coverage of
    90 % or more, the bound is missed by chance less than once in 10,000 runs of a case.
    """
    found = recover.coverage(case, repeats, first=first)
    hits = sum(k for k, _ in found.values())
    total = sum(n for _, n in found.values())
    least = binom.ppf(1e-4, repeats, 0.9) / repeats
    assert hits / total >= least, found


@pytest.mark.parametrize("case", QUICK)
def test_intervals_of_quick_fits(case):
    check(case, repeats=20, first=1000)


@pytest.mark.parametrize("case", SLOW)
def test_intervals_of_the_others(case):
    check(case, repeats=3, first=2000)
