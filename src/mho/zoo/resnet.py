"""Residual networks for 32 × 32 images."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut without parameters: He et al.'s option A.

    Where the size halves, the shortcut takes every second pixel and fills the new channels with
    zeros, so every weight of the network lies in a convolution or in the last layer.

    Args:
        inputs: Channels in.
        outputs: Channels out.
        stride: 1, or 2 where height and width halve.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu2 = nn.ReLU()
        self.stride = stride
        self.new_channels = outputs - inputs

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, inputs, height, width) to (n, outputs, height / stride, width / stride)."""
        y = self.relu1(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.new_channels:
            before = self.new_channels // 2
            x = x[:, :, :: self.stride, :: self.stride]
            x = functional.pad(x, (0, 0, 0, 0, before, self.new_channels - before))
        out: Tensor = self.relu2(y + x)
        return out


class ResNet(nn.Module):
    """ResNet for CIFAR of 6n + 2 layers: three stages of n blocks with 16, 32 and 64 channels.

    Args:
        blocks: n, blocks in each stage.
        classes: Number of classes.

    Source:
        K. He et al., CVPR 2016, section 4.2.
    """

    def __init__(self, blocks: int, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.relu1 = nn.ReLU()
        self.layer1 = _stage(blocks, 16, 16)
        self.layer2 = _stage(blocks, 16, 32)
        self.layer3 = _stage(blocks, 32, 64)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(64, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (n, 3, 32, 32) to logits (n, classes)."""
        x = self.relu1(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        logits: Tensor = self.fc(self.flatten(self.pool(x)))
        return logits


def _stage(blocks: int, inputs: int, outputs: int) -> nn.Sequential:
    first = BasicBlock(inputs, outputs, stride=1 if inputs == outputs else 2)
    return nn.Sequential(
        first, *(BasicBlock(outputs, outputs, stride=1) for _ in range(blocks - 1))
    )


def resnet20() -> ResNet:
    """Build ResNet-20 for CIFAR-10: 19 convolutions and one linear layer, 269,722 parameters."""
    return ResNet(blocks=3)


def resnet32() -> ResNet:
    """Build ResNet-32 for CIFAR-10: 31 convolutions and one linear layer, 464,154 parameters."""
    return ResNet(blocks=5)
