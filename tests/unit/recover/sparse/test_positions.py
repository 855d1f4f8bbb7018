from __future__ import annotations

import math

import pytest
import torch

from mho.network.layer import MappedLayer
from mho.network.mapped import MappedNetwork
from mho.recover.sparse import (
    ImportanceSampling,
    PerColumn,
    RandomDiagonals,
    RandomPositions,
    TopDiagonals,
    TopK,
)
from mho.recover.sparse.matrix import count_bits, weight_numbers
from mho.recover.sparse.positions import gap_bits
from mho.rng import Streams

RULES = [
    ImportanceSampling(),
    ImportanceSampling(layers="uniform"),
    TopK(),
    TopK(layers="uniform"),
    RandomPositions(),
    RandomDiagonals(),
    TopDiagonals(),
    PerColumn(),
]


@pytest.fixture
def layers(stripe_net: MappedNetwork) -> tuple[MappedLayer, ...]:
    """Convolution 9 × 6, grouped convolution 2 × (27 × 4), linear 128 × 4."""
    return stripe_net.layers


@pytest.fixture
def scores(layers) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {layer.name: torch.rand(layer.weights, generator=generator) for layer in layers}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: repr(rule)[:40])
@pytest.mark.parametrize("words", [1, 30, 200, 782])
def test_every_rule_keeps_to_its_budget(rule, words, layers, scores) -> None:
    chosen = rule.choose(layers, words, scores, Streams(0))
    assert sum(len(at) for at in chosen.values()) <= words
    for layer in layers:
        at = chosen[layer.name]
        assert at.dtype == torch.int64
        assert len(at.unique()) == len(at)
        assert torch.equal(at, at.sort().values)
        assert not len(at) or (int(at.min()) >= 0 and int(at.max()) < layer.weights)
    assert rule.position_bits(layers, chosen) >= 0


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: repr(rule)[:40])
def test_the_whole_budget_covers_every_weight(rule, layers, scores) -> None:
    total = sum(layer.weights for layer in layers)
    chosen = rule.choose(layers, total, scores, Streams(0))
    assert sum(len(at) for at in chosen.values()) == total


def test_single_positions_use_all_their_words(layers, scores) -> None:
    for rule in RULES[:5]:
        chosen = rule.choose(layers, 101, scores, Streams(0))
        assert sum(len(at) for at in chosen.values()) == 101


def test_top_k_takes_the_largest(layers, scores) -> None:
    chosen = TopK().choose(layers, 40, scores, Streams(0))
    taken = torch.cat([scores[layer.name][chosen[layer.name]] for layer in layers])
    everything = torch.cat([scores[layer.name] for layer in layers])
    assert torch.equal(taken.sort().values, everything.sort().values[-40:])


def test_sampling_follows_the_scores(layers) -> None:
    """One word at a time, each position must come up in proportion to its score.

    Chi-squared over three groups of scores 1, 2 and 5 (expected shares 1/8, 2/8, 5/8 of 2,000
    draws): the 99.99 % point for 2 degrees of freedom is 18.4, so a false alarm is 1 in 10,000.
    """
    layer = layers[0]
    score = torch.zeros(layer.weights)
    score[:3] = torch.tensor([1.0, 2.0, 5.0])
    counts = torch.zeros(3)
    for k in range(2000):
        chosen = ImportanceSampling().choose(layers[:1], 1, {layer.name: score}, Streams(k))[
            layer.name
        ]
        counts[int(chosen)] += 1
    expected = torch.tensor([1.0, 2.0, 5.0]) / 8 * 2000
    assert float(((counts - expected) ** 2 / expected).sum()) < 18.4


def test_sampling_never_takes_what_does_not_matter_before_what_does(layers) -> None:
    score = {layer.name: torch.zeros(layer.weights) for layer in layers}
    score[layers[2].name][[7, 300]] = torch.tensor([1e-6, 1.0])
    chosen = ImportanceSampling().choose(layers, 2, score, Streams(1))
    assert chosen[layers[2].name].tolist() == [7, 300]


def test_layers_share_words_by_importance_or_by_size(layers, scores) -> None:
    scores = {**scores, layers[0].name: 100 * scores[layers[0].name]}
    by_importance = TopK().choose(layers, 54, scores, Streams(0))
    assert len(by_importance[layers[0].name]) == 54
    by_size = TopK(layers="uniform").choose(layers, 100, scores, Streams(0))
    sizes = [len(by_size[layer.name]) for layer in layers]
    exact = [100 * layer.weights / 782 for layer in layers]
    assert all(abs(n - e) < 1 for n, e in zip(sizes, exact, strict=True))


def test_diagonals_meet_rows_and_columns_equally(layers) -> None:
    layer = layers[2]  # 128 rows, 4 columns
    chosen = RandomDiagonals().choose([layer], 2 * 128, {}, Streams(0))[layer.name]
    numbers = weight_numbers(layer)
    hit = torch.isin(numbers, chosen)
    assert hit.sum(dim=1).tolist() == [2] * 128
    assert hit.sum(dim=0).tolist() == [64] * 4


def test_diagonals_of_wide_crossbars(layers) -> None:
    layer = layers[1]  # 27 rows, 2 × 4 columns
    hit = torch.isin(
        weight_numbers(layer), RandomDiagonals().choose([layer], 27, {}, Streams(3))[layer.name]
    )
    assert hit.sum(dim=1).tolist() == [1] * 27
    assert sorted(hit.sum(dim=0).tolist()) == [3] * 5 + [4] * 3


def test_per_column_takes_the_best_rows_of_each(layers, scores) -> None:
    layer = layers[2]
    chosen = PerColumn().choose([layer], 12, scores, Streams(0))[layer.name]
    columns = weight_numbers(layer)
    for column in columns.T:
        best = column[scores[layer.name][column].argsort(descending=True)[:3]]
        assert set(best.tolist()) == set(chosen.tolist()) & set(column.tolist())


def test_weight_numbers_turn_torch_layout_into_rows_and_columns(stripe_net) -> None:
    layer = stripe_net.layers[1]
    numbers = weight_numbers(layer)
    assert numbers.shape == (27, 8)
    weight = torch.arange(layer.weights).reshape(layer.shape)
    assert torch.equal(numbers[:, 5], weight[5].flatten())


def test_position_bits(layers) -> None:
    a, b, c = layers
    chosen = {a.name: torch.arange(54), b.name: torch.arange(0), c.name: torch.arange(10)}
    # No gaps: a bit each, with k = 0.
    assert TopK().position_bits(layers, chosen) == 54 + 10
    diagonals = RandomDiagonals().choose(layers, 300, {}, Streams(0))
    offsets = [
        len(diagonals[layer.name]) // n for layer, n in zip(layers, (9, 27, 128), strict=True)
    ]
    assert RandomDiagonals().position_bits(layers, diagonals) == (
        offsets[0] * 3 + offsets[1] * 3 + offsets[2] * 2
    )
    rows = {a.name: torch.arange(6), b.name: torch.arange(8), c.name: torch.arange(4)}
    assert PerColumn().position_bits(layers, rows) == 6 * 4 + 8 * 5 + 4 * 7


@pytest.mark.parametrize(("states", "bits"), [(1, 1), (2, 1), (3, 2), (1024, 10), (1025, 11)])
def test_count_bits(states: int, bits: int) -> None:
    assert count_bits(states) == bits == max(math.ceil(math.log2(states)), 1)


@pytest.mark.parametrize("share", [0.005, 0.02, 0.1])
def test_gaps_take_little_more_than_their_information(share: float) -> None:
    """Rice codes stay within half a bit a word of the entropy of random positions."""
    weights = 40_000
    order = torch.randperm(weights, generator=torch.Generator().manual_seed(0))
    positions = order[: int(share * weights)].sort().values
    bits = gap_bits(positions, weights) / len(positions)
    entropy = -math.log2(share) - (1 - share) / share * math.log2(1 - share)
    assert entropy < bits < entropy + 0.5
    assert bits < RandomPositions().position_bits_per_word([], share) < bits + 1


def test_gaps_of_everything_cost_a_bit_a_weight() -> None:
    assert gap_bits(torch.arange(1000), 1000) == 1000
    assert gap_bits(torch.tensor([], dtype=torch.int64), 1000) == 0
    assert gap_bits(torch.tensor([999]), 1000) < 2 * 10


def test_top_diagonals_are_those_with_the_largest_scores(layers, scores) -> None:
    """A diagonal whose scores were raised is taken first, and costs one offset."""
    layer = layers[0]
    numbers = weight_numbers(layer)  # 9 × 6
    along = torch.arange(9)
    wanted = numbers[along, (along + 4) % 6]
    raised = {**scores, layer.name: scores[layer.name].clone()}
    raised[layer.name][wanted] += 10
    rule = TopDiagonals()
    chosen = rule.choose(layers, 9, raised, Streams(0))
    assert torch.equal(chosen[layer.name], wanted.sort().values)
    assert sum(len(at) for at in chosen.values()) == 9
    assert rule.position_bits(layers, chosen) == count_bits(6)


def test_top_diagonals_give_layers_words_by_importance(layers, scores) -> None:
    raised = {**scores, layers[2].name: scores[layers[2].name] + 1}
    chosen = TopDiagonals().choose(layers, 300, raised, Streams(0))
    assert len(chosen[layers[2].name]) == 256  # two whole diagonals of 128
    assert len(chosen[layers[0].name]) + len(chosen[layers[1].name]) <= 44
