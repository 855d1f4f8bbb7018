"""A chip is its seed, and time is an argument."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import mho
from mho.network.applied import Applied, Attachment
from mho.network.snapshot import Snapshot

torch.manual_seed(0)
MODEL = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(108, 4))
X = torch.randn(10, 1, 8, 8)
NETWORK = mho.map_network(MODEL, mho.Hardware(device="falcone2025"))
TIMES = ["1 s", "1 h", "1 d", "1 month", "1 y", "10 y", 5000.0]


def equal(a: Snapshot, b: Snapshot) -> bool:
    return all(torch.equal(a.crossbar[n], b.crossbar[n]) for n in a.crossbar)


def test_asking_again_gives_the_same_chip():
    chip = mho.program(NETWORK, seed=7)
    first, later, again = chip.at("1 h")(X), chip.at("10 y")(X), chip.at("1 h")(X)
    assert torch.equal(first, again)
    assert not torch.equal(first, later)
    assert torch.equal(mho.program(NETWORK, seed=7).at("10 y")(X), later)
    assert not torch.equal(mho.program(NETWORK, seed=8).at("10 y")(X), later)


@given(times=st.lists(st.sampled_from(TIMES), min_size=1, max_size=7, unique=True))
@settings(max_examples=20, deadline=None)
def test_the_times_asked_together_and_their_order_do_not_matter(times):
    chip = mho.program(NETWORK, seed=1)
    for time, snapshot in zip(times, chip.snapshots(times), strict=True):
        assert equal(snapshot, chip.snapshot(time))


def test_a_chip_does_not_depend_on_the_other_layers():
    alone = mho.map_network(MODEL, NETWORK.hardware, digital=["0"])
    whole = mho.program(NETWORK, 5).snapshot("1 d").crossbar["3"]
    assert torch.equal(mho.program(alone, 5).snapshot("1 d").crossbar["3"], whole)


def test_logits_do_not_depend_on_the_batch():
    chip = mho.program(NETWORK, 2).at("1 y")
    parts = torch.cat([chip(part) for part in X.split([1, 4, 5])])
    torch.testing.assert_close(parts, chip(X), rtol=1e-5, atol=1e-6)


def test_paths_share_the_programming_and_differ_in_their_future():
    chip = mho.program(NETWORK, 3)
    assert equal(chip.snapshot(0), chip.snapshot(0, path=4))
    assert not equal(chip.snapshot("1 d"), chip.snapshot("1 d", path=4))


def test_training_ensembles_never_meet_the_chips_that_are_evaluated():
    other = mho.Chip(NETWORK, 3, scope="distill")
    assert not equal(other.snapshot(0), mho.program(NETWORK, 3).snapshot(0))


def test_reads_differ_and_repeat():
    chip = mho.program(NETWORK, 3)
    assert torch.equal(chip.at("1 d", read=1)(X), chip.at("1 d", read=1)(X))
    assert not torch.equal(chip.at("1 d", read=1)(X), chip.at("1 d", read=2)(X))


class Branch(Attachment):
    """A parallel branch, a gain and a bias, so that the order of application shows."""

    kind = "test-branch"

    def __init__(self, value):
        self.value = value

    def prepare(self, chip):
        seen = chip.snapshot(0).crossbar["3"]  # what came before is in force already
        return Branch(self.value + float(chip.snapshot(0).weight("3").sum() - seen.sum()))

    def apply(self, snapshot, chip):
        weight = torch.full((4, 108), self.value)
        snapshot = snapshot.add_digital({"3": weight}).set_gain({"3": torch.full((1, 1), 2.0)})
        return snapshot.set_parameters({"3.bias": torch.arange(4.0)})

    def tensors(self):
        return {"value": torch.tensor(self.value)}

    def settings(self):
        return {}

    @classmethod
    def restore(cls, settings, tensors):
        return cls(float(tensors["value"]))


def test_recoveries_act_in_order_and_merge_into_one_weight():
    network = NETWORK.with_applied(Applied("first", {}, attachment=Branch(0.5)))
    chip = network.program(0)
    raw = NETWORK.program(0).snapshot("1 d").crossbar["3"]
    torch.testing.assert_close(chip.snapshot("1 d").weight("3"), 2 * raw + 0.5)
    assert torch.equal(chip.at("1 d").model.get_parameter("3.bias"), torch.arange(4.0))

    both = chip.with_applied(Applied("second", {}, attachment=Branch(1.0)))
    added = float((chip.snapshot(0).weight("3") - chip.snapshot(0).crossbar["3"]).sum())
    weight = both.snapshot("1 d").weight("3")
    torch.testing.assert_close(weight, 4 * raw + 0.5 + 1.0 + added, rtol=1e-4, atol=1e-3)
    assert [a.method for a in both.applied] == ["first", "second"]
    assert network.digest != NETWORK.digest


def test_students_are_mapped_anew_and_keep_what_was_traced():
    network = mho.map_network(MODEL, NETWORK.hardware, example=X)
    state = {n: t / 3 for n, t in MODEL.state_dict().items()}
    student = network.with_weights(state, Applied("distill", {}))
    assert [layer.macs for layer in student.layers] == [layer.macs for layer in network.layers]
    assert torch.equal(student.model.get_parameter("0.bias"), MODEL[0].bias / 3)
    assert student.applied[0].method == "distill"
    assert torch.equal(network.model.get_parameter("0.bias"), MODEL[0].bias)


def test_other_weights_are_drawn_as_a_chip_of_them_would_be():
    weights = {layer.name: MODEL.get_parameter(layer.parameter) for layer in NETWORK.layers}
    chip = mho.program(NETWORK, 9)
    drawn = NETWORK.draw_weights(weights, 3600.0, chip.streams)
    for name, weight in chip.snapshot(3600.0).crossbar.items():
        assert torch.equal(drawn[name], weight)
