"""Changes that keep an image's class, drawn from named streams: training sees each image anew."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from mho.rng import Streams


def flip(images: Tensor, streams: Streams) -> Tensor:
    """Mirror each image left to right with probability one half.

    Args:
        images: (n, channels, height, width).
        streams: Where the draw comes from; one scope a batch.

    Returns:
        Images of the same shape.
    """
    mirrored = torch.from_numpy(streams.uniform((len(images),), "flip")) < 0.5
    return torch.where(mirrored.view(-1, 1, 1, 1), images.flip(3), images)


def random_crop(images: Tensor, streams: Streams, padding: int = 4) -> Tensor:
    """Shift each image by up to ``padding`` pixels in both directions; the border is zeros.

    Args:
        images: (n, channels, height, width), normalised, so that zero is the mean colour.
        streams: Where the draw comes from; one scope a batch.
        padding: Largest shift, pixels.

    Returns:
        Images of the same shape.

    Source:
        K. He et al., CVPR 2016, section 4.2.
    """
    n, _, height, width = images.shape
    padded = functional.pad(images, (padding, padding, padding, padding))
    # All crops as a view (n, channels, shifts down, shifts across, height, width).
    crops = padded.unfold(2, height, 1).unfold(3, width, 1)
    draw = streams.uniform((2, n), "crop")
    down, across = (torch.from_numpy(draw) * (2 * padding + 1)).to(torch.int64)
    return crops[torch.arange(n), :, down, across]


def flip_and_crop(images: Tensor, streams: Streams) -> Tensor:
    """Mirror at random and shift by up to 4 pixels: the usual augmentation for CIFAR-10.

    >>> flip_and_crop(torch.zeros(2, 3, 32, 32), Streams(0, "train", 1)).shape
    torch.Size([2, 3, 32, 32])
    """
    return random_crop(flip(images, streams), streams)


def shift(images: Tensor, streams: Streams) -> Tensor:
    """Shift by up to 2 pixels: for digits, which must not be mirrored.

    >>> shift(torch.zeros(2, 1, 28, 28), Streams(0, "train", 1)).shape
    torch.Size([2, 1, 28, 28])
    """
    return random_crop(images, streams, padding=2)
