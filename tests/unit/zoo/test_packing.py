"""Storing weights in eight bits: how far they move, and that they stay where they are then."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mho import zoo
from mho.zoo.packing import pack, unpack


def state(seed: int = 0) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(8, 4))
    return model.state_dict()


@pytest.mark.parametrize("stored", ["float32", "float16", "int8"])
def test_what_was_stored_and_read_back_is_stored_alike(stored):
    once = unpack(pack(state(), stored))
    assert once.keys() == state().keys()
    twice = unpack(pack(once, stored))
    assert all(torch.equal(twice[name], value) for name, value in once.items())


def test_integers_lie_within_half_a_step_of_an_output():
    before = state()
    after = unpack(pack(before, "int8"))
    for name in ("0.weight", "3.weight"):
        largest = before[name].abs().flatten(1).amax(1)
        step = largest / 127 * (1 + 1 / 512)  # rounded to nine significant bits
        off = (after[name] - before[name]).abs().flatten(1).amax(1)
        assert (off <= step / 2 * 1.001).all()
        assert pack(before, "int8")[name].dtype == torch.int8
    for name in ("0.bias", "1.running_var", "1.num_batches_tracked"):
        assert torch.equal(after[name], before[name])


def test_outputs_without_weights_stay_without():
    weight = torch.tensor([[0.0, 0.0], [3.0, -1.5]])
    after = unpack(pack({"fc.weight": weight}, "int8"))["fc.weight"]
    assert torch.equal(after[0], torch.zeros(2))
    assert after[1, 0] == pytest.approx(3.0, rel=0.01)


def test_a_network_is_a_quarter_as_large_and_loads_by_its_card(tmp_path):
    model = zoo.load("lenet5-mnist5k")
    card = zoo.card("lenet5-mnist5k").model_copy(update={"stored": "int8"})
    zoo.save(model, tmp_path / "small.json", card)
    size = (tmp_path / "small.safetensors").stat().st_size
    assert size < 0.28 * 4 * card.parameters
    x = torch.rand(20, 1, 28, 28)
    near = zoo.load(tmp_path / "small.json")(x)
    assert torch.allclose(near, model(x), atol=0.05 * float(model(x).detach().std()))
