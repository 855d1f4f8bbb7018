"""Changes that keep an image's class, drawn from named streams: training sees each image anew."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from mho.rng import Streams

Augmentation: TypeAlias = Literal["none", "shift", "distort", "flip-crop"]
"""Names of what may be done to the images of each batch."""


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


def distort(images: Tensor, streams: Streams) -> Tensor:
    """Turn by up to 15°, scale and shear by up to 15 %, shift by up to 2 pixels: for digits.

    Each image has its own affine map, drawn uniformly; values between pixels are interpolated
    linearly, and what comes from beyond the border has the border's value.

    Args:
        images: (n, channels, height, width).
        streams: Where the draw comes from; one scope a batch.

    Returns:
        Images of the same shape.

    Source:
        Y. LeCun et al., Proceedings of the IEEE 1998, section III-A.

    >>> distort(torch.zeros(2, 1, 28, 28), Streams(0, "train", 1)).shape
    torch.Size([2, 1, 28, 28])
    """
    n, _, height, width = images.shape
    draw = 2 * torch.from_numpy(streams.uniform((6, n), "distort")).to(images.dtype) - 1
    angle = draw[0] * math.radians(15)
    wide, high, shear = 1 + 0.15 * draw[1], 1 + 0.15 * draw[2], 0.15 * draw[3]
    cos, sin = angle.cos(), angle.sin()
    # A turn times a shear and two scales; shifts in units of half an image, as torch counts them.
    across = torch.stack([wide * cos, shear * cos - high * sin, 4 * draw[4] / width], dim=1)
    down = torch.stack([wide * sin, shear * sin + high * cos, 4 * draw[5] / height], dim=1)
    maps = torch.stack([across, down], dim=1)
    grid = functional.affine_grid(maps, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def cut_mix(images: Tensor, share: float, streams: Streams) -> tuple[Tensor, Tensor, Tensor]:
    """Paste a random rectangle of another image of the batch into some of the images.

    The area of the rectangle is uniform between nothing and the whole image; where it sticks out
    over the border it is cut. It keeps a long training from learning its images by heart.

    Args:
        images: (n, channels, height, width).
        share: Share of the images that are changed, 0 to 1.
        streams: Where the draws come from; one scope a batch.

    Returns:
        Images of the same shape; for each the position (n,) of the image that was pasted from;
        and the part (n,) of each image that is its own, 0 to 1.

    Source:
        S. Yun et al., ICCV 2019.

    >>> images, others, own = cut_mix(torch.ones(4, 3, 8, 8), 0.5, Streams(0, "train", 1))
    >>> images.shape, others.shape, bool((own <= 1).all())
    (torch.Size([4, 3, 8, 8]), torch.Size([4]), True)
    """
    n, _, height, width = images.shape
    others = torch.from_numpy(streams.generator("cut-mix-others").permutation(n))
    chosen, area, down, across = torch.from_numpy(streams.uniform((4, n), "cut-mix")).float()
    side = torch.where(chosen < share, area, torch.zeros(())).sqrt()
    inside = _between(down, side, height)[:, :, None] & _between(across, side, width)[:, None, :]
    mixed = torch.where(inside[:, None], images[others], images)
    return mixed, others, 1 - inside.float().mean((1, 2))


def _between(centre: Tensor, side: Tensor, pixels: int) -> Tensor:
    """Return which pixels lie within half a side of a centre, both as parts of the image."""
    places = (torch.arange(pixels) + 0.5) / pixels
    return (places - centre[:, None]).abs() < side[:, None] / 2


AUGMENTATIONS: Final[dict[str, Callable[[Tensor, Streams], Tensor]]] = {
    "shift": shift,
    "distort": distort,
    "flip-crop": flip_and_crop,
}
"""What they do; ``"none"`` does nothing."""
