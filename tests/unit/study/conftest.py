"""A study that runs in seconds: LeNet-5 on a few real digits, with recoveries of the test's own."""

import textwrap

import pytest

OWN = '''
"""Recoveries and networks as a user writes them in a file of their own."""

from pathlib import Path

import torch
from mho.network.applied import Applied, Knowledge
from mho.recover.base import Recovery


class Scale(Recovery):
    """Multiply all weights by a factor; note in a file that work was done."""

    method = "scale"
    knows = Knowledge(labels=True)
    factor: float = 1.0

    def fit(self, target, data, *, seed=0, progress=None, checkpoint=None):
        data.require(("train", "calibration"), "scaling")
        with (Path(__file__).parent / "fits.log").open("a") as log:
            log.write(f"{self.factor} {len(data)} {seed}\\n")
        state = {name: t * self.factor for name, t in target.model.state_dict().items()}
        return target.with_weights(state, Applied(self.method, self.settings(), self.knows))


def tiny():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10))


not_a_network = list
'''

STUDY = """
name = "tiny"

[data]
name = "mnist-5k"
train_images = 100
test_images = 100

[network]
name = "lenet5-mnist5k"

[hardware]
device = "charan2020"
drift_of = "falcone2025"

[evaluate]
times = ["1s", "10y"]
chips = 3

[engine]
processes = 1

[target]
accuracy_drop_pp = 10
lifetime = "10y"
yield = 0.5

[[recover]]
name = "scaled"
method = "own.py:Scale"
factor = 0.9

[[recover]]
name = "scaled twice"
method = "own.py:Scale"
factor = 0.5
examples = 40
seed = 3

[[recover]]
name = "other branch"
after = "as it is"
method = "own.py:Scale"
factor = 1.1
"""


@pytest.fixture(scope="session")
def texts():
    """The texts of ``own.py`` and of the study."""
    return OWN, STUDY


@pytest.fixture
def study(tmp_path):
    """The study file; ``own.py`` with the recoveries lies beside it."""
    (tmp_path / "own.py").write_text(OWN)
    path = tmp_path / "study.toml"
    path.write_text(STUDY)
    return path


@pytest.fixture
def fits(tmp_path):
    """Lines of work that the recoveries did so far."""

    def read():
        log = tmp_path / "fits.log"
        return log.read_text().splitlines() if log.exists() else []

    return read


@pytest.fixture
def edit(study):
    """Replace a part of the study file."""

    def replace(old, new):
        text = study.read_text()
        assert old in text
        study.write_text(text.replace(old, textwrap.dedent(new)))
        return study

    return replace
