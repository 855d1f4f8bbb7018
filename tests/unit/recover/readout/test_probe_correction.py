"""Probe correction: what reading a few patterns undoes, which patterns are found, what it costs."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import mho
from mho.data import Data
from mho.errors import BundleError, DataError
from mho.recover import DriftShift, ProbeCorrection, SparseAdaptation, VeraPlus
from mho.recover.readout.patterns import error_power, expanded, operations, ranks_within, spectra
from mho.recover.readout.responses import ProbedResponses
from mho.recover.veraplus.geometry import geometries_of
from mho.testing import check_attachment

PAIR = mho.Hardware(device="falcone2025", mapping=mho.DifferentialPair())


def inputs_of(*shape: int) -> Data:
    generator = torch.Generator().manual_seed(0)
    count = shape[0]
    return Data(
        torch.rand(shape, generator=generator), torch.zeros(count, dtype=torch.int64), name="x"
    )


LAYERS = [
    (nn.Linear(12, 5), inputs_of(64, 12)),
    (nn.Conv2d(3, 6, 3, stride=2), inputs_of(32, 3, 7, 7)),
    (nn.Conv2d(4, 8, 3, groups=4), inputs_of(32, 4, 5, 5)),
    (nn.Conv1d(4, 6, 3, groups=2), inputs_of(32, 4, 8)),
    (nn.ConvTranspose2d(4, 6, 2, stride=2, groups=2), inputs_of(32, 4, 3, 3)),
]


def named(values):
    return type(values).__name__ if isinstance(values, nn.Module) else ""


def flat(model: nn.Module) -> nn.Module:
    return nn.Sequential(model, nn.Flatten())


@pytest.mark.parametrize("reach", ["channels", "window"])
@pytest.mark.parametrize(("layer", "data"), LAYERS, ids=named)
def test_no_error_is_left_along_the_patterns_and_the_rest_stays(layer, data, reach):
    network = mho.map_network(flat(layer), PAIR, example=data.inputs[:1])
    method = ProbeCorrection(rank=2, reach=reach, examples=32, pattern_bits=16)
    after = method.fit(network, data)
    [geometry] = geometries_of(network)
    attachment = after.applied[-1].attachment
    patterns = expanded(geometry, attachment.patterns["0"], reach)
    snapshot = after.program(0).snapshot("10 y")

    def error(weight):
        whole = geometry.outputs_first(weight - layer.weight.detach())
        return whole.reshape(geometry.groups, -1, geometry.fan_in)

    before, left = error(snapshot.crossbar["0"]), error(snapshot.weight("0"))
    assert (left @ patterns).abs().max() < 1e-4 * (before @ patterns).abs().max()
    # What the patterns do not see is as it was: the correction lies in their span alone.
    span = patterns @ patterns.transpose(1, 2)
    torch.testing.assert_close(left, before - before @ span, atol=1e-4, rtol=1e-3)
    assert left.std() > 0.3 * before.std()


@pytest.mark.parametrize(("layer", "data"), LAYERS, ids=named)
def test_with_as_many_patterns_as_inputs_nothing_is_left(layer, data):
    network = mho.map_network(flat(layer), PAIR, example=data.inputs[:1])
    method = ProbeCorrection(rank=64, reach="window", examples=32, pattern_bits=16)
    now = method.fit(network, data).program(0).at("10 y")(data.inputs)
    torch.testing.assert_close(now, flat(layer)(data.inputs), atol=2e-4, rtol=1e-3)


def test_the_patterns_are_the_directions_that_inputs_lie_along():
    """Inputs along u and, a third as large, v: found in that order, by a layer of its own."""
    generator = torch.Generator().manual_seed(3)
    u, v = torch.linalg.qr(torch.randn(20, 2, generator=generator))[0].T
    x = torch.randn(400, 1, generator=generator) * u
    x = x + torch.randn(400, 1, generator=generator) * v / 3
    data = Data(x, torch.zeros(400, dtype=torch.int64), name="plane")
    network = mho.map_network(nn.Linear(20, 30), PAIR)
    found = spectra(network, geometries_of(network), data, most=4, reach="channels")["weight"]
    patterns = found.patterns[0]
    assert abs(float(patterns[:, 0] @ u)) > 0.99
    assert abs(float(patterns[:, 1] @ v)) > 0.99
    assert 5 < found.power[0] / found.power[1] < 14  # (1 / (1/3))² = 9, from 1,600 random rows
    assert found.power[2] < 1e-6 * found.power[0]


def test_directions_that_the_logits_do_not_feel_are_passed_over():
    """The larger inputs lead to an output that the next layer ignores."""
    first, second = nn.Linear(2, 2, bias=False), nn.Linear(2, 3, bias=False)
    with torch.no_grad():
        first.weight.copy_(torch.eye(2))
        second.weight.copy_(torch.tensor([[0.0, 1.0], [0.0, -1.0], [0.0, 2.0]]))
    generator = torch.Generator().manual_seed(0)
    sides = torch.randint(0, 2, (200,), generator=generator)
    x = torch.zeros(200, 2)
    x[sides == 0, 0], x[sides == 1, 1] = 5.0, 1.0
    data = Data(x, sides, name="sides")
    network = mho.map_network(nn.Sequential(first, nn.ReLU(), second), PAIR)
    found = spectra(network, geometries_of(network), data, most=1, reach="channels")
    # The first output is not felt; the second is active for the smaller inputs alone.
    assert abs(float(found["0"].patterns[0, 1, 0])) > 0.99
    # Of the second layer all outputs count: its larger input is the first.
    assert abs(float(found["2"].patterns[0, 0, 0])) > 0.99


def test_it_serves_inputs_of_either_sign_where_a_shift_does_nothing():
    """Inputs with one strong direction of mean zero, as in transformers; 20 chips."""
    generator = torch.Generator().manual_seed(5)
    direction = torch.randn(64, generator=generator)
    direction = direction - direction.mean()
    x = torch.randn(256, 1, generator=generator) * direction
    x = x + 0.3 * torch.randn(256, 64, generator=generator)
    data = Data(x, torch.zeros(256, dtype=torch.int64), name="tokens")
    network = mho.map_network(nn.Linear(64, 10), PAIR)
    clean = network.baseline(x)

    def harm(target):
        chips = [target.program(k).at("10 y")(x) - clean for k in range(20)]
        return float(torch.stack(chips).pow(2).mean())

    plain, shifted, probed = map(
        harm, (network, DriftShift().fit(network, data), ProbeCorrection().fit(network, data))
    )
    assert shifted > 0.9 * plain
    assert probed < 0.15 * plain  # the direction carries 1 / 1.09 of the inputs' power


def test_words_and_vectors_that_came_before_are_read_too(stripe_net, stripes):
    adapted = SparseAdaptation(budget=0.1, steps=0).fit(stripe_net, stripes)
    method = ProbeCorrection(rank=2, examples=64, pattern_bits=16)
    after = method.fit(adapted, stripes)
    snapshot = after.program(0).snapshot(0.0)
    patterns = after.applied[-1].attachment.patterns
    for geometry in geometries_of(stripe_net):
        layer = stripe_net.layer(geometry.layer)
        error = snapshot.weight(layer.name) - stripe_net.model.get_parameter(layer.parameter)
        matrix = error.reshape(geometry.groups, -1, geometry.fan_in)
        left = matrix @ expanded(geometry, patterns[layer.name], "channels")
        assert left.abs().max() < 1e-3 * matrix.abs().max() * geometry.fan_in**0.5


def test_it_composes_with_vectors_common_to_all_chips(stripe_net, stripes):
    network = stripe_net.with_hardware(mho.Hardware(device="falcone2025"))
    fitted = VeraPlus(steps=0, grid_per_decade=1, testing_chips=2, verifying_chips=2).fit(
        network, stripes
    )
    both = ProbeCorrection(rank=2, examples=64).fit(fitted, stripes)
    clean = network.baseline(stripes.inputs[:64])
    one, two = (
        float((n.program(4).at("10 y")(stripes.inputs[:64]) - clean).pow(2).mean())
        for n in (fitted, both)
    )
    assert two < one


def test_it_counts_what_it_adds(stripe_net, stripes):
    after = ProbeCorrection(rank=2, examples=64).fit(stripe_net, stripes)
    # conv 1 -> 6: one channel has one pattern; conv 8 outputs in 2 groups of 3; linear 128 -> 4.
    answers, numbers = 6 * 1 + 8 * 2 + 4 * 2, 1 + 2 * 3 * 2 + 128 * 2
    assert after.adds.sram_bits == 16 * answers
    assert after.adds.rom_bits == 16 * answers + 8 * numbers
    first = 64 * (1 * 1 + 9 + 6)
    second = 16 * (6 * 4 + 2 * 9 + 8) * 2
    last = (128 + 4) * 2
    assert after.adds.macs_per_inference == first + second + last
    assert not after.adds.data_bits
    assert after.applied[-1].report["patterns"] == {"0": 1, "2": 2, "5": 2}


def test_a_pattern_over_the_window_costs_each_of_its_taps(stripe_net):
    geometry = geometries_of(stripe_net)[1]
    assert operations(geometry, 16, "window") == 16 * (6 * 9 + 8)


def test_patterns_go_where_they_take_away_most(stripe_net, stripes):
    spent = {}
    for share in (0.02, 0.1, 0.4):
        method = ProbeCorrection(rank=16, operations=share, examples=64)
        after = method.fit(stripe_net, stripes)
        macs = sum(layer.macs for layer in stripe_net.layers)
        assert after.adds.macs_per_inference <= share * macs
        spent[share] = sum(after.applied[-1].report["patterns"].values())
    assert spent[0.02] < spent[0.1] < spent[0.4]


def test_storage_limits_them_too(stripe_net, stripes):
    """The last layer is cheap in operations and dear in storage."""
    ranks = {}
    for storage in (None, 0.3):
        method = ProbeCorrection(rank=16, operations=0.4, storage=storage, examples=64)
        after = method.fit(stripe_net, stripes)
        ranks[storage] = after.applied[-1].report["patterns"]
        numbers = {"0": 1 + 2 * 6, "2": 6 + 2 * 8, "5": 128 + 2 * 4}
        stored = sum(numbers[name] * rank for name, rank in ranks[storage].items())
        assert storage is None or stored <= storage * stripe_net.weights
    assert 0 < ranks[0.3]["5"] < ranks[None]["5"]


@given(
    worth=st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=3), min_size=1, max_size=3),
    cost=st.integers(1, 3),
    budget=st.integers(0, 12),
)
def test_with_equal_costs_the_greedy_choice_is_the_best_one(worth, cost, budget):
    layers = {str(i): sorted(map(float, gains), reverse=True) for i, gains in enumerate(worth)}
    chosen = ranks_within([budget], layers, {name: [cost] for name in layers})
    assert sum(chosen.values()) * cost <= budget
    ranges = [range(len(gains) + 1) for gains in layers.values()]
    best = max(
        sum(sum(gains[:n]) for gains, n in zip(layers.values(), ranks, strict=True))
        for ranks in itertools.product(*ranges)
        if sum(ranks) * cost <= budget
    )
    assert sum(sum(gains[: chosen[name]]) for name, gains in layers.items()) == best


def test_the_power_of_errors_is_that_of_programmed_chips():
    """falcone2025 at 1 s: chips drawn here err as much, each layer on its own scale."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64))
    with torch.no_grad():
        model[2].weight.mul_(5)
    network = mho.map_network(model, PAIR)
    found = error_power(network)
    for layer in network.layers:
        wanted = model.get_parameter(layer.parameter)
        drawn = torch.stack(
            [network.program(k).snapshot("1 s").crossbar[layer.name] - wanted for k in range(4)]
        )
        assert found[layer.name] == pytest.approx(float(drawn.detach().pow(2).mean()), rel=0.1)
    assert found["2"] / found["0"] == pytest.approx(25, rel=0.2)


def test_the_same_seed_finds_the_same_patterns(stripe_net, stripes):
    method = ProbeCorrection(rank=2, examples=64)
    torch.manual_seed(11)
    before = torch.random.get_rng_state()
    one = method.fit(stripe_net, stripes, seed=4)
    assert torch.equal(torch.random.get_rng_state(), before), "torch's own generator is left alone"
    torch.manual_seed(12)
    assert method.fit(stripe_net, stripes, seed=4).digest == one.digest
    assert method.fit(stripe_net, stripes, seed=5).digest != one.digest


def test_it_keeps_the_promises_of_attachments(stripe_net, stripes):
    fitted = ProbeCorrection(rank=2, examples=64).fit(stripe_net, stripes)
    check_attachment(fitted.applied[-1].attachment, stripe_net.program(1), [0.0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s, t: s.pop("reach"), "'reach' is missing"),
        (lambda s, t: s.update(reach="taps"), "must be 'channels' or 'window'; got 'taps'"),
        (lambda s, t: t.pop("wanted.2"), "wanted.2"),
        (lambda s, t: t.update({"wanted.2": torch.zeros(3, 2)}), r"of shapes \(2, 3, 2\)"),
        (lambda s, t: t["patterns.0"].fill_(torch.nan), "must be finite"),
    ],
)
def test_a_damaged_bundle_is_refused(stripe_net, stripes, change, message):
    fitted = ProbeCorrection(rank=2, examples=64).fit(stripe_net, stripes)
    attachment = fitted.applied[-1].attachment
    settings = attachment.settings()
    tensors = {name: value.clone() for name, value in attachment.tensors().items()}
    change(settings, tensors)
    with pytest.raises(BundleError, match=message):
        ProbedResponses.restore(settings, tensors)


def test_a_budget_for_nothing_adds_nothing(stripe_net, stripes):
    after = ProbeCorrection(operations=1e-4, examples=64).fit(stripe_net, stripes)
    assert after.applied[-1].report["patterns"] == {"0": 0, "2": 0, "5": 0}
    assert after.adds == type(after.adds)()
    x = stripes.inputs[:8]
    assert torch.equal(after.program(2).at(0.0)(x), stripe_net.program(2).at(0.0)(x))


def test_it_says_how_far_it_is(stripe_net, stripes):
    heard = []
    ProbeCorrection(examples=40).fit(
        stripe_net, stripes, progress=lambda done, total, text: heard.append((done, total, text))
    )
    assert [done for done, _, _ in heard] == [0, 8, 16, 24, 32]
    assert {(total, text) for _, total, text in heard} == {(40, "patterns to probe with")}


def test_few_examples_are_all_taken_and_test_data_none(stripe_net, stripes):
    few = stripes.subset(range(40))
    assert ProbeCorrection().fit(stripe_net, few).applied
    test = Data(stripes.inputs, stripes.labels, name="stripes", role="test")
    with pytest.raises(DataError, match="which is test data"):
        ProbeCorrection().fit(stripe_net, test)


def outlier() -> nn.Linear:
    layer = nn.Linear(12, 5)
    with torch.no_grad():
        layer.weight[2, 3] = 30.0
    return layer


def test_weights_that_saturate_are_no_error():
    """With patterns for every input the cells' errors are gone; what was clipped stays clipped."""
    layer, data = outlier(), inputs_of(64, 12)
    clipped = mho.Hardware(device="falcone2025", mapping=mho.DifferentialPair(clip_sd=3))
    network = mho.map_network(layer, clipped)
    [mapped] = network.layers
    held = network.held_weight(mapped.name)
    assert held[2, 3] < 29
    method = ProbeCorrection(rank=12, examples=32, pattern_bits=16)
    after = method.fit(network, data).program(0).snapshot("10 y").weight(mapped.name)
    torch.testing.assert_close(after, held, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("method", [ProbeCorrection(examples=32), DriftShift()])
def test_reading_what_words_have_set_right_is_refused_where_weights_saturate(method):
    clipped = mho.Hardware(device="falcone2025", mapping=mho.DifferentialPair(clip_sd=3))
    data = inputs_of(64, 12)
    adapted = SparseAdaptation(budget=0.1, steps=0, score_samples=32).fit(
        mho.map_network(outlier(), clipped), data
    )
    with pytest.raises(mho.MhoError, match="adapt after it, or leave clip_sd out"):
        method.fit(adapted, data)
