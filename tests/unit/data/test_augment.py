"""Augmentation: what may change, what may not, and how often."""

from __future__ import annotations

import math

import torch

from mho.data.augment import flip, flip_and_crop, random_crop, shift
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
