from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import mho
from mho import zoo
from mho.data import Data
from mho.errors import ConfigError, DataError, OutOfRangeError
from mho.network.chip import Chip
from mho.network.mapped import MappedNetwork
from mho.recover.distill import CharanCifar, CharanMnist, Distill, NoiseTraining, charan2020
from mho.recover.optimiser import Adam


def mean_accuracy(network: MappedNetwork, data: Data, chips: int = 12) -> float:
    """Mean over chips that no training saw."""
    right = 0
    with torch.no_grad():
        for k in range(chips):
            right += int((network.program(k).at(0)(data.inputs).argmax(1) == data.labels).sum())
    return right / (chips * len(data))


@pytest.fixture(scope="module")
def noisier(stripe_net: MappedNetwork) -> MappedNetwork:
    """The network on cells that vary more: sd of ln g 0.9."""
    device = mho.load_device("charan2020")
    device = device.replace(programming={"law": "lognormal", "sd_ln": 0.9})
    return stripe_net.with_hardware(mho.Hardware(device=device))


@pytest.fixture(scope="module")
def student(noisier: MappedNetwork, stripes: Data) -> MappedNetwork:
    return Distill(epochs=15).fit(noisier, stripes, seed=1)


def test_a_student_stands_the_variation_better(
    noisier: MappedNetwork, student: MappedNetwork, stripes: Data
) -> None:
    # Paired on 12 chips of 600 images; three seeds gained 3.0, 3.3 and 3.8 points.
    assert mean_accuracy(student, stripes) > mean_accuracy(noisier, stripes) + 0.015


def test_what_a_student_leaves_behind(student: MappedNetwork, noisier: MappedNetwork) -> None:
    [applied] = student.applied
    assert applied.method == "distill"
    assert applied.knows.labels
    assert not applied.knows.own_readout
    assert applied.adds == type(applied.adds)()
    assert applied.settings["epochs"] == 15
    assert len(applied.report["curve"]) >= 20
    changed = student.layers[0].encoded.g_target_uS != noisier.layers[0].encoded.g_target_uS
    assert changed.any()


def test_the_same_seed_gives_the_same_student(stripe_net: MappedNetwork, stripes: Data) -> None:
    a, b, c = (
        Distill(epochs=1).fit(stripe_net, stripes, seed=seed).model.state_dict()["0.weight"]
        for seed in (1, 1, 2)
    )
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_an_interrupted_distillation_goes_on(
    tmp_path: Path, stripe_net: MappedNetwork, stripes: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mho.recover import training

    whole = Distill(epochs=2).fit(stripe_net, stripes).model.state_dict()
    monkeypatch.setattr(training, "_SAVE_EVERY_S", 0.0)
    monkeypatch.setattr(training, "_SHOW_EVERY_S", 0.0)

    def stop(done: float, total: float, text: str) -> None:
        if done >= total / 2:
            raise KeyboardInterrupt

    file = tmp_path / "distill.safetensors"
    with pytest.raises(KeyboardInterrupt):
        Distill(epochs=2).fit(stripe_net, stripes, checkpoint=file, progress=stop)
    seen: list[float] = []
    resumed = Distill(epochs=2).fit(
        stripe_net, stripes, checkpoint=file, progress=lambda d, t, s: seen.append(d)
    )
    assert min(seen) > 8  # of 16 steps
    for name, tensor in resumed.model.state_dict().items():
        assert torch.equal(tensor, whole[name])


def test_batch_norm_follows_the_variation(normed_net: MappedNetwork, stripes: Data) -> None:
    noisy = Distill(epochs=2).fit(normed_net, stripes).model.state_dict()
    frozen = Distill(epochs=2, batch_norm="frozen").fit(normed_net, stripes).model.state_dict()
    before = normed_net.model.state_dict()
    assert torch.equal(frozen["1.running_mean"], before["1.running_mean"])
    assert not torch.equal(noisy["1.running_mean"], before["1.running_mean"])
    assert not normed_net.model.training


def test_weights_are_kept_in_their_window(stripe_net: MappedNetwork, stripes: Data) -> None:
    student = Distill(epochs=2, clip_sd=1.5, ema=None).fit(stripe_net, stripes)
    for layer in student.layers:
        weight = student.model.get_parameter(layer.parameter)
        # The deviation shrinks a little when the tails are cut, never by a third.
        assert float(weight.abs().max() / weight.std(correction=0)) < 1.5 * 1.5


def test_another_teacher(stripe_net: MappedNetwork, stripes: Data) -> None:
    """A teacher that always says class 2 is believed where nothing is learned from labels."""

    class Stubborn(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.tensor([0.0, 0.0, 40.0, 0.0]).expand(len(x), 4)

    stubborn = Distill(epochs=4, loss={"alpha": 1.0, "law": "soft-targets"}, clip_sd=None)
    data = Data(stripes.inputs, torch.full((600,), 2), name="twos")  # held-out labels select
    student = stubborn.fit(stripe_net, data, teacher=Stubborn())
    assert float((student.model(stripes.inputs).argmax(1) == 2).float().mean()) > 0.9


def test_a_teacher_of_the_zoo_is_named(stripe_net: MappedNetwork, stripes: Data) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'lenet5'"):
        Distill(teacher="lenet-5").fit(stripe_net, stripes)
    with pytest.raises(ConfigError, match="has weights of digest"):
        Distill(teacher="lenet5", teacher_sha256="0" * 64).fit(stripe_net, stripes)


def test_a_named_teacher_is_known_by_its_weights() -> None:
    named = Distill(teacher="lenet5").settings()
    assert named["teacher_sha256"] == zoo.card("lenet5").sha256
    assert Distill(**named).settings() == named
    assert "teacher_sha256" not in Distill().settings()


def test_new_weights_and_one_chip_an_epoch(stripe_net: MappedNetwork, stripes: Data) -> None:
    fresh = Distill(epochs=1, fresh=True, new_chip="epoch", optimiser=Adam(lr=1e-8), ema=None)
    weight = fresh.fit(stripe_net, stripes).model.state_dict()["0.weight"]
    # PyTorch's own start for 9 inputs is uniform within ± 1/3.
    assert float(weight.abs().max()) <= 1 / 3 + 1e-6
    assert not torch.equal(weight, stripe_net.model.state_dict()["0.weight"])


def test_images_can_be_shifted(stripe_net: MappedNetwork, stripes: Data) -> None:
    a, b = (
        Distill(epochs=1, augment=augment).fit(stripe_net, stripes).model.state_dict()["0.weight"]
        for augment in ("none", "shift")
    )
    assert not torch.equal(a, b)


def test_training_at_a_time_when_cells_have_drifted(stripes: Data, stripe_net) -> None:
    device = mho.load_device("charan2020").with_drift_of(mho.load_device("falcone2025"))
    network = stripe_net.with_hardware(mho.Hardware(device=device))
    student = Distill(epochs=1, times=("1s", "10y")).fit(network, stripes)
    assert student.applied[0].settings["times"] == ["1s", "10y"]
    with pytest.raises(OutOfRangeError, match="valid from"):
        Distill(times=("1 ms",)).fit(network, stripes)


def test_a_chip_is_refused(stripe_net: MappedNetwork, stripes: Data) -> None:
    chip: Chip = stripe_net.program(3)
    with pytest.raises(ConfigError, match=r"got chip 3\. Write Distill\(…\)\.fit\(network"):
        Distill().fit(chip, stripes)


@pytest.mark.parametrize("role", ["test", "calibration"])
def test_only_training_data_are_taken(stripe_net: MappedNetwork, stripes: Data, role) -> None:
    data = Data(stripes.inputs, stripes.labels, name="held", role=role)
    with pytest.raises(DataError, match="distill expects train data"):
        Distill().fit(stripe_net, data)


def test_too_few_examples(stripe_net: MappedNetwork, stripes: Data) -> None:
    with pytest.raises(DataError, match="only 3 examples"):
        Distill().fit(stripe_net, stripes.take(3, 0))


def test_noise_training_needs_no_teacher(stripe_net: MappedNetwork, stripes: Data) -> None:
    hardened = NoiseTraining(epochs=10).fit(stripe_net, stripes)
    assert hardened.applied[0].method == "noise-training"
    assert mean_accuracy(hardened, stripes) > mean_accuracy(stripe_net, stripes) + 0.015
    with pytest.raises(ConfigError, match="unknown key 'teacher'"):
        NoiseTraining.parse({"teacher": "lenet5"}, where="study.toml")


def test_noise_training_is_distillation_without_a_teacher(
    stripe_net: MappedNetwork, stripes: Data
) -> None:
    alone = Distill(epochs=1, loss={"law": "soft-targets", "alpha": 0.0})
    hardened = NoiseTraining(epochs=1)
    # Both start their streams under their own name; under one name they are the same method.
    type(hardened).method, before = "distill", type(hardened).method
    try:
        a, b = (m.fit(stripe_net, stripes).model.state_dict() for m in (alone, hardened))
    finally:
        type(hardened).method = before
    torch.testing.assert_close(a["0.weight"], b["0.weight"])


def test_the_published_settings() -> None:
    mnist, cifar = charan2020("mnist"), charan2020("cifar10")
    assert isinstance(mnist.loss, CharanMnist)
    assert isinstance(cifar.loss, CharanCifar)
    assert cifar.new_chip == mnist.new_chip == "epoch"
    rate = cifar.optimiser.rate
    assert [cifar.optimiser.lr * rate.factor(s, 50) for s in (0, 39, 40)] == pytest.approx(
        [0.01, 0.01, 0.001]
    )
    assert Distill.parse(cifar.settings(), where="round trip") == cifar


def test_coarser_products_train_nearly_the_same(normed_net: MappedNetwork, stripes: Data) -> None:
    fine = mho.recover.Distill(epochs=1, clip_sd=None)
    coarse = mho.recover.Distill(epochs=1, clip_sd=None, precision="bfloat16")
    first, second = (method.fit(normed_net, stripes).model for method in (fine, coarse))
    for layer in normed_net.layers:
        own, other = (m.get_parameter(layer.parameter) for m in (first, second))
        moved = (own - normed_net.model.get_parameter(layer.parameter)).norm()
        assert other.dtype == torch.float32
        # bfloat16 has 8 bits of mantissa: the products differ, the way they lead is the same.
        assert 0 < (other - own).norm() <= 0.2 * moved


def test_students_of_before_there_was_a_precision_stay_valid() -> None:
    assert "precision" not in mho.recover.Distill().settings()
    assert mho.recover.Distill(precision="bfloat16").settings()["precision"] == "bfloat16"
