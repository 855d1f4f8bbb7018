"""Students that were trained before."""

from __future__ import annotations

import pytest
import torch

import mho
from mho import zoo
from mho.data import Data
from mho.errors import ConfigError
from mho.recover import KnownStudent

DATA = Data(torch.zeros(2, 1, 28, 28), torch.tensor([0, 1]), name="digits", role="train")


@pytest.fixture(scope="module")
def network():
    return mho.map_network(zoo.load("lenet5"), mho.Hardware(device="charan2020"))


def test_the_students_weights_are_mapped(network) -> None:
    student = KnownStudent(network="lenet5-mnist5k").fit(network, DATA)
    wanted = zoo.load("lenet5-mnist5k").state_dict()
    found = student.model.state_dict()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    assert student.digest != network.digest
    [applied] = student.applied
    assert applied.settings["sha256"] == zoo.card("lenet5-mnist5k").sha256
    assert applied.report["trained_on"] == "mnist-5k"


def test_other_architectures_and_weights_are_refused(network) -> None:
    with pytest.raises(ConfigError, match="is not of the architecture"):
        KnownStudent(network="charan-mnist").fit(network, DATA)
    with pytest.raises(ConfigError, match="was asked for"):
        KnownStudent(network="lenet5", sha256="0" * 64).fit(network, DATA)
    with pytest.raises(ConfigError, match="before it is programmed; got chip 3"):
        KnownStudent(network="lenet5").fit(network.program(3), DATA)
