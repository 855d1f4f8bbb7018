"""Vectors as they are stored: small integers with scales that all sets share."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mho.recover.veraplus.branches import Branches
from mho.recover.veraplus.geometry import Geometry
from mho.recover.veraplus.projections import draw_projections
from mho.recover.veraplus.vectors import rounded, scales, store, stored_with

LAYERS = (Geometry("a", 4, 30), Geometry("b", 30, 20))


@pytest.fixture
def branches() -> Branches:
    return Branches(LAYERS, draw_projections(LAYERS, 2, projection="random", seed=0))


@pytest.fixture
def trained() -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(0)
    b, d = torch.randn(3, 50, generator=draw), torch.randn(3, 4, generator=draw)
    b[:, 30:] *= 1e-3  # the second layer has its own scale
    return b, d


@pytest.mark.parametrize("bits", [4, 8, 16])
def test_rounding_errs_by_half_a_step_at_most(branches, trained, bits) -> None:
    b, d = trained
    vectors = store(branches, b, d, bits)
    back_b, back_d = vectors.values(branches)
    assert vectors.b_codes.dtype == torch.int16
    assert int(vectors.b_codes.abs().max()) <= 2 ** (bits - 1) - 1
    half = vectors.b_scale.repeat_interleave(torch.tensor([30, 20])) / 2
    assert bool(((back_b - b).abs() <= half * 1.001).all())
    assert bool(((back_d - d).abs() <= vectors.d_scale.repeat_interleave(2) / 2 * 1.001).all())
    assert float(vectors.b_scale[0] / vectors.b_scale[1]) > 300


def test_scales_are_shared_by_all_sets_and_fit_the_largest(branches, trained) -> None:
    b, d = trained
    vectors = store(branches, b, d, 8)
    assert vectors.b_scale.shape == (2,)
    assert float(vectors.b_scale[0] * 127) >= float(b[:, :30].abs().max())
    assert float(vectors.b_scale[0] * 127) < 1.02 * float(b[:, :30].abs().max())


def test_scales_are_16_bit_numbers(branches, trained) -> None:
    b_scale, _ = scales(branches, *trained, 8)
    assert torch.equal(b_scale, b_scale.bfloat16().float())


def test_no_bits_keep_floating_point(branches, trained) -> None:
    back_b, back_d = store(branches, *trained, None).values(branches)
    assert torch.equal(back_b, trained[0])
    assert torch.equal(back_d, trained[1])


def test_training_sees_what_is_stored(branches, trained) -> None:
    b, d = trained
    b_scale, d_scale = scales(branches, b, d, 4)
    stored = stored_with(branches, b, d, b_scale, d_scale, 4).values(branches)[0]
    leaf = b.clone().requires_grad_()
    seen = rounded(leaf, b_scale, branches.b_sizes, 4)
    torch.testing.assert_close(seen.detach(), stored)
    seen.sum().backward()
    assert torch.equal(leaf.grad, torch.ones_like(b))


def test_a_layer_of_zeros_stays_zero(branches) -> None:
    back_b, _ = store(branches, torch.zeros(1, 50), torch.zeros(1, 4), 8).values(branches)
    assert torch.equal(back_b, torch.zeros(1, 50))


def test_values_beyond_a_given_scale_are_clipped(branches, trained) -> None:
    b, d = trained
    b_scale, d_scale = scales(branches, b, d, 8)
    vectors = stored_with(branches, 2 * b, d, b_scale, d_scale, 8)
    assert int(vectors.b_codes.abs().max()) == 127
