from __future__ import annotations

import numpy as np
import pytest

from mho.device.faults import Faults
from mho.errors import ConfigError


def test_scores_decide_who_is_stuck_and_where():
    faults = Faults(stuck_at_lrs=0.2, stuck_at_hrs=0.3)
    score = np.array([0.0, 0.19, 0.2, 0.69, 0.71, 0.99])
    g = np.full((2, 6), 50.0)
    stuck = faults.impose(g, score, (1.0, 100.0))
    assert stuck.tolist() == [[100.0, 100.0, 50.0, 50.0, 1.0, 1.0]] * 2


def test_all_or_nothing():
    score = np.linspace(0, 0.999, 50)
    g = np.full(50, 50.0)
    assert (Faults(stuck_at_hrs=1.0).impose(g, score, (1.0, 100.0)) == 1.0).all()
    assert (Faults(stuck_at_lrs=1.0).impose(g, score, (1.0, 100.0)) == 100.0).all()
    assert not Faults().any


def test_more_than_all_is_refused():
    with pytest.raises(ConfigError, match="must not exceed 1"):
        Faults(stuck_at_lrs=0.7, stuck_at_hrs=0.7)
