"""Parts of a study: made as the file says, refused before any work where they cannot be."""

import pytest
import torch
from safetensors.torch import save_file

import mho
from mho.crossbar.mapping import SingleDevice
from mho.errors import BundleError, ConfigError, DataError, OutOfRangeError
from mho.study.build import Parts
from mho.study.spec import read_study


def parts(study):
    file = read_study(study)
    made = Parts(file.study, file.base, file.where)
    made.check()
    return made


def test_data_network_and_hardware(study):
    made = parts(study)
    assert (len(made.train), len(made.test), made.test.role) == (100, 100, "test")
    expected = mho.load_device("charan2020").with_drift_of(mho.load_device("falcone2025"))
    assert made.hardware.device == expected
    assert made.network.name == "lenet5-mnist5k"
    assert made.network.coverage.share_macs > 0.9


def test_changes_of_a_card(edit):
    study = edit(
        'drift_of = "falcone2025"',
        "change.programming.sd_ln = 0.3\nchange.faults = { stuck_at_lrs = 0.01 }",
    )
    study.write_text(study.read_text().replace('times = ["1s", "10y"]', "times = [0]"))
    device = parts(study).hardware.device
    assert device.programming == mho.load_device("charan2020").programming.model_copy(
        update={"sd_ln": 0.3}
    )
    assert device.faults.stuck_at_lrs == 0.01


def test_a_change_to_another_law_replaces_the_table(edit):
    study = edit('drift_of = "f', 'change.programming = { law = "exact" }\ndrift_of = "f')
    assert parts(study).hardware.device.programming.law == "exact"


def test_an_own_network_with_own_weights(edit, tmp_path):
    weights = {"1.weight": torch.full((10, 784), 0.01), "1.bias": torch.zeros(10)}
    save_file(weights, tmp_path / "w.safetensors")
    study = edit('name = "lenet5-mnist5k"', 'builder = "own.py:tiny"\nweights = "w.safetensors"')
    network = parts(study).network
    assert torch.equal(network.model[1].weight, weights["1.weight"])
    assert network.coverage.share_macs == 1.0


def test_a_card_beside_the_study(edit, tmp_path):
    mho.save_device(mho.load_device("charan2020").replace(name="mine"), tmp_path / "mine.toml")
    edit('device = "charan2020"', 'device = "mine.toml"\nmapping = "single-device"')
    hardware = parts(edit("[data]", "[data]")).hardware
    assert hardware.device.name == "mine+falcone2025-drift"
    assert hardware.mapping == SingleDevice()


@pytest.mark.parametrize(
    ("old", "new", "error", "says"),
    [
        ('"charan2020"', '"charan2002"', ConfigError, "Did you mean 'charan2020'"),
        ('"lenet5-mnist5k"', '"lenet5-mnist5"', ConfigError, "Did you mean 'lenet5-mnist5k'"),
        ('name = "mnist-5k"', 'name = "mnist-5"', DataError, "mnist-5"),
        ('"own.py:Scale"\nfactor = 0.9', '"distil"', ConfigError, "unknown method 'distil'"),
        ("factor = 0.9", "facto = 0.9", ConfigError, "'scaled': unknown key 'facto'.*'factor'"),
        ('"own.py:Scale"\nfactor = 0.9', '"own.py:tiny"', ConfigError, "is not a class of"),
        ('times = ["1s", "10y"]', 'times = ["100y"]', OutOfRangeError, "got t = 100 y"),
        ("examples = 40", "examples = 400", DataError, "has 100 examples; got n = 400"),
        ('drift_of = "f', 'change.levels.cout = 3\ndrift_of = "f', ConfigError, "'count'"),
        ('name = "lenet5-mnist5k"', 'builder = "own.py:not_a_network"', ConfigError, "list"),
        (
            'name = "lenet5-mnist5k"', 'builder = "own.py:tiny"\nweights = "no.safetensors"',
            ConfigError, "cannot read '.*no.safetensors': it does not exist",
        ),
        (
            'name = "lenet5-mnist5k"', 'builder = "own.py:tiny"\nweights = "bad.safetensors"',
            BundleError, "no safetensors file",
        ),
        (
            'name = "lenet5-mnist5k"', 'builder = "own.py:tiny"\nweights = "other.safetensors"',
            BundleError, "do not fit the network: .*1.weight",
        ),
        ('name = "lenet5-mnist5k"', 'name = "lenet5-mnist5k"\ndigital = ["x"]', ConfigError, "'x'"),
    ],
)  # fmt: skip
def test_refused_before_any_work(edit, tmp_path, fits, old, new, error, says):
    (tmp_path / "bad.safetensors").write_text("nonsense")
    save_file({"0.weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    study = edit(old, new)
    with pytest.raises(error, match=says):
        parts(study)
    assert fits() == []
