"""The mean accuracy of real networks agrees with the whole evaluation."""

import json

import pytest
import torch
from torch import nn

import mho
from mho.data import Data
from mho.errors import ConfigError
from mho.evaluation.mean_accuracy import _priced


@pytest.fixture(scope="module")
def blocks():
    """A network that finds which of 5 blocks of inputs is brightest; inputs enter bit by bit."""
    torch.manual_seed(2)
    labels = torch.arange(1500) % 5
    x = 0.6 * torch.rand(1500, 20)
    for k in range(5):
        x[labels == k, 4 * k : 4 * k + 4] += 0.25
    model = nn.Sequential(nn.Linear(20, 24), nn.ReLU(), nn.Linear(24, 5))
    optimiser = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(60):
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(x), labels).backward()
        optimiser.step()
    device = mho.load_device("falcone2025").with_drift_severity(mean=1, spread=6)
    hardware = mho.Hardware(
        device=device, mapping=mho.SingleDevice(), dac_bits=8, adc_bits=8, drive=mho.BitSerial()
    )
    network = mho.map_network(model.eval(), hardware).calibrate(x[:200])
    return network, Data(x, labels, name="blocks", role="test")


def found(network, data, **settings):
    return mho.mean_accuracy(network, data, "10y", progress=False, **settings)


def test_it_agrees_with_whole_chips(small):
    """±0.01 and ±0.01 of independent chips: four times their common standard error apart."""
    network, data = small
    sampled = found(network, data, half_width=0.01, seed=1000)
    whole = mho.evaluate(
        network, data, ["10y"], stop=mho.evaluation.HalfWidth(0.01), progress=False
    ).at()
    assert abs(sampled.mean - whole.mean) < 4 * 0.01 * 2**0.5 / 1.96
    assert sampled.baseline == 1.0
    assert sampled.sampled.met


def test_two_levels_agree_with_one(blocks):
    """Each ±0.007: four times their common standard error apart (false alarm 6e-5)."""
    network, data = blocks
    two = found(network, data, half_width=0.007)
    one = found(network, data, half_width=0.007, two_levels=False, seed=50_000)
    assert [t.name for t in two.sampled.terms] == ["cheap", "correction"]
    assert [t.name for t in one.sampled.terms] == ["exact"]
    assert abs(two.mean - one.mean) < 4 * 0.007 * 2**0.5 / 1.96
    assert two.sampled.exact_passes < one.sampled.exact_passes
    assert "passes without converters, corrected by" in str(two)
    assert "two levels" not in str(one)


def test_ideal_periphery_has_one_level(small):
    network, data = small
    assert found(network, data, half_width=0.02).sampled.cheap_passes == 0


def test_prices_are_counts(blocks):
    """20 × 24 and 24 × 5 weights, one cell and one multiply–accumulate each."""
    network, data = blocks
    priced = _priced(mho.TwoStage(), network, data.inputs[:4])
    assert priced.price_of_chip == pytest.approx(600 * 68 / (600 * 0.012 + 15_000))
    assert priced.price_of_exact == pytest.approx(1.5 * 8)  # inputs of one sign, 8 bits
    parallel = network.hardware.model_copy(update={"drive": mho.Bipolar()})
    found_price = _priced(mho.TwoStage(), network.with_hardware(parallel), data.inputs[:4])
    assert found_price.price_of_exact == 1.5
    own = mho.TwoStage(price_of_chip=7, price_of_exact=3)
    assert _priced(own, network, data.inputs[:4]) == own


def test_nothing_but_the_seed_decides_the_numbers(small):
    network, data = small
    before = torch.get_num_threads()
    first = found(network, data, half_width=0.02, seed=3)
    try:
        torch.set_num_threads(3 - min(before, 2))
        again = found(network, data, half_width=0.02, seed=3)
    finally:
        torch.set_num_threads(before)
    assert first == again


def test_examples_that_are_all_asked_come_out_as_in_the_whole_evaluation(blocks):
    """Order and strata change nothing: a chip asked everything has its whole accuracy."""
    network, data = blocks
    few = data.subset(range(120))
    rule = mho.TwoStage(half_width=1e-6, at_most=6, pilot_images=120)
    sampled = found(network, few, rule=rule, two_levels=False)
    whole = mho.evaluate(network, few, ["10y"], chips=range(5, 11), progress=False)
    assert sampled.mean == pytest.approx(whole.at().mean)
    assert not sampled.sampled.met
    assert "was not reached" in str(sampled)


def test_it_tells_what_was_spent_in_plain_data(small):
    network, data = small
    result = found(network, data, half_width=0.02)
    plain = json.loads(json.dumps(result.to_dict()))
    assert plain["passes"] == result.sampled.exact_passes + len(data)
    assert plain["naive_passes"] == result.naive_passes
    assert plain["interval"]["mean"] == result.mean
    assert f"{result.passes:,} passes" in str(result)


def test_without_the_digital_answers(small):
    network, data = small
    result = found(network, data, half_width=0.02, digital=False)
    assert result.baseline is None
    assert result.passes == result.sampled.exact_passes
    assert len(result.sampled.terms[0].images) == 1


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"half_width": 0}, "'half_width'"),
        ({"half_width": 0.1, "rule": mho.TwoStage()}, "leave one of them out"),
        ({"seed": -1}, "whole number from 0"),
        ({"confidence": 1}, "strictly between 0 and 1"),
    ],
)
def test_refusals(small, settings, says):
    with pytest.raises(ConfigError, match="one chip has no mean over chips"):
        found(mho.program(small[0], 3), small[1])
    with pytest.raises(ConfigError, match=says):
        found(*small, **settings)
