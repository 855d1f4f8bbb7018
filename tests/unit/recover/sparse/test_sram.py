from __future__ import annotations

import math

import pytest
import torch

from mho.network.mapped import MappedNetwork
from mho.recover.sparse.sram import Sram


@pytest.fixture
def wanted(stripe_net: MappedNetwork) -> dict[str, torch.Tensor]:
    state = stripe_net.model.state_dict()
    return {layer.name: state[layer.parameter] for layer in stripe_net.layers}


def make(stripe_net: MappedNetwork, wanted, bits: int = 4) -> Sram:
    chosen = {
        stripe_net.layers[0].name: torch.tensor([2, 50]),
        stripe_net.layers[1].name: torch.tensor([], dtype=torch.int64),
        stripe_net.layers[2].name: torch.arange(5, 400),
    }
    return Sram(stripe_net.layers, chosen, wanted, bits=bits, span=1.0)


def test_words_take_whole_steps_within_their_bits(stripe_net, wanted) -> None:
    sram = make(stripe_net, wanted)
    assert len(sram) == 397
    with torch.no_grad():
        sram.values.copy_(torch.linspace(-30, 30, 397))
    sram.store(0.5)
    words = sram.values.detach() / sram.step
    torch.testing.assert_close(words, words.round(), rtol=1e-6, atol=0)
    assert float(words.round().abs().max()) == 7  # 4 bits, sign included
    for layer, at in ((0, slice(0, 2)), (2, slice(2, None))):
        largest = float(wanted[stripe_net.layers[layer].name].abs().max())
        torch.testing.assert_close(
            sram.step[at], torch.full_like(sram.step[at], largest / 7), rtol=1e-6, atol=0
        )


def test_stochastic_rounding_keeps_the_mean(stripe_net, wanted) -> None:
    """A value of 0.3 steps must come out as 1 in 30 % of the cases.

    395 words × 50 draws: standard error 0.0033; 5 of them are a false alarm in 2 million.
    """
    sram = make(stripe_net, wanted)
    generator = torch.Generator().manual_seed(0)
    ones, draws = 0, 50
    for _ in range(draws):
        with torch.no_grad():
            sram.values.copy_(0.3 * sram.step)
        sram.store(torch.rand(len(sram), generator=generator))
        ones += int((sram.values / sram.step).round().sum())
    share = ones / (draws * len(sram))
    assert abs(share - 0.3) < 5 * math.sqrt(0.3 * 0.7 / (draws * len(sram)))


def test_only_words_that_change_are_written(stripe_net, wanted) -> None:
    sram = make(stripe_net, wanted)
    sram.store(0.5)
    assert sram.writes == 0
    with torch.no_grad():
        sram.values[:10] = 2 * sram.step[:10]
    sram.store(0.5)
    assert sram.writes == 10
    with torch.no_grad():
        sram.values += 0.2 * sram.step
    sram.store(0.5)
    assert sram.writes == 10


def test_branch_and_attachment_agree(stripe_net, wanted) -> None:
    sram = make(stripe_net, wanted, bits=16)
    with torch.no_grad():
        sram.values.copy_(torch.linspace(-0.1, 0.1, 397))
    sram.store(0.5)
    weights = sram.branch(sram.values.detach())
    branch = sram.attachment(sram.values)
    assert set(branch.words) == {stripe_net.layers[0].name, stripe_net.layers[2].name}
    for name, words in branch.words.items():
        torch.testing.assert_close(words.weight(), weights[name], rtol=1e-6, atol=0)
        assert words.values.dtype == torch.int16
        assert words.positions.dtype == torch.int32
    gathered = sram.gather({**wanted, **weights})
    torch.testing.assert_close(gathered, sram.values.detach())


def test_words_put_back_count_as_written(stripe_net, wanted) -> None:
    sram = make(stripe_net, wanted)
    kept = sram.values.detach().clone()
    with torch.no_grad():
        sram.values[:7] = 3 * sram.step[:7]
    sram.store(0.5)
    sram.put(kept)
    assert sram.writes == 14
    assert torch.equal(sram.values.detach(), kept)
