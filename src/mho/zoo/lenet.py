"""Networks for digits: LeNet-5 and the larger network of Charan et al."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn


def lenet5() -> nn.Sequential:
    """Build LeNet-5 for 28 × 28 digits: 5×5 convolutions of 6 and 16 channels, FC 120, 84, 10.

    The usual modern form: ReLU and max pooling, the first convolution padded by 2 so that the
    feature maps have the original sizes. 61,706 parameters.

    Source:
        Y. LeCun et al., Proc. IEEE 86, 2278 (1998), Fig. 2.
    """
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(1, 6, 5, padding=2),
            relu1=nn.ReLU(),
            pool1=nn.MaxPool2d(2),
            conv2=nn.Conv2d(6, 16, 5),
            relu2=nn.ReLU(),
            pool2=nn.MaxPool2d(2),
            flatten=nn.Flatten(),
            fc1=nn.Linear(400, 120),
            relu3=nn.ReLU(),
            fc2=nn.Linear(120, 84),
            relu4=nn.ReLU(),
            fc3=nn.Linear(84, 10),
        )
    )


def charan_mnist() -> nn.Sequential:
    """Build the larger digit network: convolutions 5×5×32 and 5×5×64, FC 1024, 10 classes.

    The source gives the layers, not the padding; here the convolutions are unpadded, which makes
    the first fully connected layer 1024 × 1024. 1,111,946 parameters.

    Source:
        G. Charan et al., DAC 2020, doi 10.1109/DAC18072.2020.9218605.
    """
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(1, 32, 5),
            relu1=nn.ReLU(),
            pool1=nn.MaxPool2d(2),
            conv2=nn.Conv2d(32, 64, 5),
            relu2=nn.ReLU(),
            pool2=nn.MaxPool2d(2),
            flatten=nn.Flatten(),
            fc1=nn.Linear(1024, 1024),
            relu3=nn.ReLU(),
            fc2=nn.Linear(1024, 10),
        )
    )
