"""Architectures: their published sizes, shapes, and reproducible initial weights."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from mho import zoo
from mho.errors import ConfigError
from mho.zoo.resnet import BasicBlock


def parameters(model):
    return sum(p.numel() for p in model.parameters())


# LeNet-5: LeCun et al. 1998 with full connections (61,706, as in common implementations). ResNet:
# He et al. give 0.27 M and 0.46 M. VGG-16 with batch norm and one linear layer: weights of the 13
# convolutions 14,710,464 - biases (none here) + batch norm 2 · 4,224 + linear 5,130.
SIZES = {
    "lenet5": (61_706, (1, 28, 28)),
    "charan-mnist": (1_111_946, (1, 28, 28)),
    "resnet20": (269_722, (3, 32, 32)),
    "resnet32": (464_154, (3, 32, 32)),
    "vgg16": (14_710_464 + 2 * 4_224 + 5_130, (3, 32, 32)),
}


@pytest.mark.parametrize("name", SIZES)
def test_sizes(name):
    size, image = SIZES[name]
    model = zoo.build(name).eval()
    assert parameters(model) == size
    with torch.no_grad():
        assert model(torch.zeros(2, *image)).shape == (2, 10)


def test_every_architecture_is_covered():
    assert {*SIZES, zoo.TRANSFORMER} == set(zoo.ARCHITECTURES)  # see test_transformer.py


def test_vgg_width():
    model = zoo.build("vgg16", width=0.25)
    outputs = [m.out_channels for m in model.modules() if isinstance(m, nn.Conv2d)]
    assert outputs == [16, 16, 32, 32, 64, 64, 64, *[128] * 6]
    with pytest.raises(ConfigError, match="above 0"):
        zoo.build("vgg16", width=0)


def test_shortcut_of_option_a_has_no_parameters():
    block = BasicBlock(2, 6, stride=2).eval()
    nn.init.zeros_(block.conv2.weight)
    x = torch.rand(1, 2, 4, 4)
    with torch.no_grad():
        out = block(x)
    assert torch.equal(out[:, 2:4], x[:, :, ::2, ::2])
    assert float(out[:, :2].abs().max() + out[:, 4:].abs().max()) == 0


def test_initial_weights_have_he_variance_and_depend_on_the_seed():
    a, b, c = (zoo.build("charan-mnist", seed=s) for s in (0, 0, 1))
    assert torch.equal(a.fc1.weight, b.fc1.weight)
    assert not torch.equal(a.fc1.weight, c.fc1.weight)
    n = a.fc1.weight.numel()
    expected = 2 / 1024
    # Variance of n normal numbers: five standard errors, once in 1.7 million seeds.
    assert abs(float(a.fc1.weight.detach().var()) - expected) < 5 * expected * math.sqrt(2 / n)
    assert float(a.fc1.bias.detach().abs().max()) == 0


def test_the_global_generator_does_not_matter():
    torch.manual_seed(5)
    first = zoo.build("lenet5")
    torch.manual_seed(6)
    assert torch.equal(first.conv1.weight, zoo.build("lenet5").conv1.weight)


def test_misspelt_names_and_options():
    with pytest.raises(ConfigError, match="Did you mean 'resnet20'"):
        zoo.build("resnet-20")
    with pytest.raises(ConfigError, match="Did you mean 'width'"):
        zoo.build("vgg16", widht=0.5)
    with pytest.raises(ConfigError, match="unknown option 'width'"):
        zoo.build("lenet5", width=0.5)


def test_all_biases_start_where_they_are_told_to():
    model = zoo.build("lenet5", initial_bias=0.1)
    biases = [p for p in model.parameters() if p.ndim == 1]
    assert len(biases) == 5
    assert all(torch.equal(b, torch.full_like(b, 0.1)) for b in biases)
