"""Augmentation: what may change, what may not, and how often."""

from __future__ import annotations

import math

import pytest
import torch

from mho.data.augment import cut_mix, distort, flip, flip_and_crop, random_crop, shift
from mho.rng import Streams


def pictures(n=64, channels=3, size=12):
    return torch.rand(n, channels, size, size, generator=torch.Generator().manual_seed(1)) + 1


def test_flip_mirrors_about_half_of_the_images():
    images = pictures(400)
    out = flip(images, Streams(0, "a"))
    mirrored = (out == images.flip(3)).flatten(1).all(1)
    kept = (out == images).flatten(1).all(1)
    assert bool((mirrored ^ kept).all())
    # Binomial(400, 1/2): outside five standard deviations once in about 1.7 million seeds.
    assert abs(int(mirrored.sum()) - 200) < 5 * math.sqrt(100)


def test_each_crop_is_a_shift_with_zeros_outside():
    images = pictures(200)
    out = random_crop(images, Streams(3, "b"), padding=2)
    padded = torch.nn.functional.pad(images, (2, 2, 2, 2))
    seen = set()
    for image, frame in zip(out, padded, strict=True):
        fits = [
            (y, x)
            for y in range(5)
            for x in range(5)
            if torch.equal(image, frame[:, y : y + 12, x : x + 12])
        ]
        assert len(fits) == 1
        seen |= set(fits)
    # All 25 shifts appear among 200 draws but for 25 · (24/25)^200 = 0.7 % of seeds; this one does.
    assert len(seen) == 25


def test_same_streams_same_images_whatever_was_drawn_before():
    images = pictures()
    first = flip_and_crop(images, Streams(0, "train", 5))
    flip_and_crop(images, Streams(0, "train", 6))
    assert torch.equal(first, flip_and_crop(images, Streams(0, "train", 5)))
    assert not torch.equal(first, flip_and_crop(images, Streams(0, "train", 6)))


def test_no_padding_changes_nothing():
    assert torch.equal(random_crop(pictures(), Streams(0), padding=0), pictures())


def test_digits_are_never_mirrored():
    ramp = torch.arange(28.0).expand(50, 1, 28, 28)
    out = shift(ramp, Streams(0))
    assert bool((out[..., 3:-3, 3:-3].diff(dim=3) > 0).all())


def test_distorted_digits_keep_their_ink_and_their_background():
    images = torch.full((300, 1, 28, 28), -0.4)
    images[:, :, 10:18, 10:18] = 2.8
    out = distort(images, Streams(4, "d"))
    assert float((out[..., 0, :] + 0.4).abs().max()) < 1e-6
    assert float(out.min()) == pytest.approx(-0.4)
    assert float(out.max()) == pytest.approx(2.8)
    ink = (out + 0.4).sum((1, 2, 3)) / (images + 0.4).sum((1, 2, 3))
    # An image read at 0.85 to 1.15 of the distances: areas grow by 1/0.85² or shrink by 1/1.15².
    assert 0.7 < float(ink.min()) < 0.85
    assert 1.2 < float(ink.max()) < 1.45


def test_distortions_turn_both_ways_and_scatter_about_the_centre():
    images = torch.zeros(400, 1, 28, 28)
    images[:, :, 13:15, 4:24] = 1.0
    out = distort(images, Streams(5, "d"))
    columns = torch.arange(28.0) - 13.5
    ink = out.sum((1, 2, 3))
    down = (out.sum(3)[:, 0] * columns).sum(1) / ink
    # Shifts are uniform within 2 pixels of the distorted image: sd 1.2 each, so that 400 have a
    # mean within 5 errors, 0.3, but for one seed in 1.7 million.
    assert abs(float(down.mean())) < 0.3
    assert 1.8 < float(down.abs().max()) < 2 * 1.15 / 0.85
    slope = (out * torch.outer(columns, columns)).sum((1, 2, 3))
    assert 150 < int((slope > 0).sum()) < 250  # 200 ± 10: five of them


def test_a_mixed_image_is_its_own_but_for_a_rectangle_of_the_other():
    images = pictures(500, size=16)
    mixed, others, own = cut_mix(images, 0.5, Streams(1, "m"))
    assert sorted(others.tolist()) == list(range(500))
    for image, before, other, part in zip(mixed, images, images[others], own, strict=True):
        pasted = (image != before).any(0)
        assert torch.equal(image, torch.where(pasted, other, before))
        rows, columns = pasted.any(1), pasted.any(0)
        assert torch.equal(pasted, torch.outer(rows, columns))
        assert float(part) == pytest.approx(1 - float(pasted.float().mean()), abs=1e-6) or (
            torch.equal(other, before)
        )
    # Binomial(500, 1/2), sd 11: within five of it but for one seed in 1.7 million; a rectangle
    # that holds no pixel changes nothing.
    assert 190 < int((own < 1).sum()) < 306


def test_no_share_mixes_nothing_and_all_of_it_mixes_all():
    images = pictures(50)
    mixed, _, own = cut_mix(images, 0.0, Streams(1, "m"))
    assert torch.equal(mixed, images)
    assert bool((own == 1).all())
    assert int((cut_mix(images, 1.0, Streams(1, "m"))[2] < 1).sum()) > 40
