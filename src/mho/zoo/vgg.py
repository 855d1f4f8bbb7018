"""VGG-16 for 32 × 32 images."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from torch import nn

from mho.errors import ConfigError

CHANNELS: Final = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Channels of the 13 convolutions at width 1; a 2×2 max pooling follows each group."""


def vgg16(width: float = 1.0) -> nn.Sequential:
    """Build VGG-16 for CIFAR-10: 13 convolutions 3×3, each with batch norm, and a linear layer.

    The three fully connected layers of the ImageNet form are one of 512·width × 10 here, as usual
    for CIFAR. At width 1 it has 14,724,042 parameters, about width² as many at other widths.

    Args:
        width: Factor on the channels of each convolution; the result is rounded to a multiple of 8.

    Raises:
        ConfigError: The width is not positive.

    Source:
        K. Simonyan, A. Zisserman, ICLR 2015, configuration D.
    """
    if width <= 0:
        raise ConfigError(f"the width factor of vgg16 must be above 0; got {width}.")
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    inputs = 3
    for group, channels in enumerate(CHANNELS, start=1):
        for place, full in enumerate(channels, start=1):
            outputs = max(8, 8 * round(full * width / 8))
            layers[f"conv{group}_{place}"] = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
            layers[f"bn{group}_{place}"] = nn.BatchNorm2d(outputs)
            layers[f"relu{group}_{place}"] = nn.ReLU()
            inputs = outputs
        layers[f"pool{group}"] = nn.MaxPool2d(2)
    layers["flatten"] = nn.Flatten()
    layers["fc"] = nn.Linear(inputs, 10)
    return nn.Sequential(layers)
