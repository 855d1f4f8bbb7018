"""Shards: together all of the work, none of it twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mho.errors import ConfigError
from mho.study.plan import Cell
from mho.study.shard import Shard
from mho.study.spec import parse_study

STUDY = {
    "name": "s",
    "data": {"name": "mnist-5k"},
    "network": {"name": "lenet5"},
    "hardware": {"device": "ideal"},
}


def cells_of(count, **evaluate):
    study = parse_study({**STUDY, "evaluate": evaluate}, where="study s.toml")
    return [Cell(n, {}, study, None, "study s.toml") for n in range(count)]


@given(st.integers(1, 12), st.integers(1, 9), st.integers(9, 30), st.integers(0, 5))
def test_shares_are_all_of_the_work_and_none_twice(cells, of, chips, seed):
    plan = cells_of(cells, chips=chips, seed=seed)
    done = []
    for number in range(1, of + 1):
        for job in Shard(number, of).deal(plan):
            seeds = range(seed, seed + chips) if job.chips is None else job.chips
            done += [(job.cell.number, chip) for chip in seeds]
    expected = [(n, chip) for n in range(cells) for chip in range(seed, seed + chips)]
    assert sorted(done) == expected


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0", "-1/2"])
def test_what_is_no_share(text):
    with pytest.raises(ConfigError, match="number of a share and how many there are"):
        Shard.parse(text)


def test_chips_that_cannot_be_dealt_out():
    ruled = cells_of(2, stop={"half_width": 0.1})
    assert len(Shard(1, 2).deal(ruled)) == 1
    with pytest.raises(ConfigError, match="a stopping rule looks at all chips.* at most 2 shards"):
        Shard(1, 3).deal(ruled)
    with pytest.raises(ConfigError, match="4 shards of 3 chips leave some"):
        Shard(1, 4).deal(cells_of(1, chips=3))
