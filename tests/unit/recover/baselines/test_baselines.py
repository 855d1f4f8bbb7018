"""Baselines: what they repair, what they cannot, and what they say of themselves."""

import pytest
import torch
from torch import nn

import mho
from mho.data import Data
from mho.device.drift import PowerLawDrift
from mho.recover.baselines import BatchNormRecalibration, DriftScale, Nothing
from mho.testing import check_attachment

torch.manual_seed(0)
X = torch.rand(300, 3, 6, 6)
DATA = Data(X, torch.zeros(300, dtype=torch.int64), name="patches", role="train")


def model():
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(96, 4)
    )


def mapped(device="falcone2025", mapping=None):
    hardware = mho.Hardware(device=device, mapping=mapping or mho.DifferentialPair())
    return mho.map_network(model(), hardware, example=X[:1])


def test_nothing_changes_nothing_and_is_noted():
    network = mapped()
    after = Nothing().fit(network, DATA)
    assert torch.equal(after.program(0).at("1 y")(X), network.program(0).at("1 y")(X))
    assert after.applied[-1].adds == type(after.adds)()


def shrinking():
    """Every cell loses the same share: exactly what one multiplier undoes."""
    law = PowerLawDrift(t0_s=1.0, mu_intercept=0.05, s_intercept=0.0)
    return mho.load_device("ideal").replace(
        drift=law, t0_s=1.0, valid={"g_uS": (0, 100), "t_s": (1, 4e8)}
    )


@pytest.mark.parametrize("per", ["layer", "column"])
def test_a_scale_undoes_a_common_factor_exactly(per):
    network = mapped(shrinking())
    raw = network.program(0).snapshot("1 y").crossbar["0"]
    expected = model()[0].weight * (365 * 86400) ** -0.05
    torch.testing.assert_close(raw, expected.detach(), rtol=1e-4, atol=1e-6)
    scaled = DriftScale(per=per).fit(network, DATA)
    torch.testing.assert_close(
        scaled.program(0).at("1 y")(X), network.program(0).at("1 s")(X), rtol=1e-4, atol=1e-5
    )


def test_at_the_reference_time_a_scale_is_one():
    chip = DriftScale().fit(mapped("nandakumar2019-pcm"), DATA).program(3)
    gains = chip.snapshot(chip.network.hardware.device.t0_s).gain
    assert all(torch.equal(g, torch.ones_like(g)) for g in gains.values())


def test_a_scale_cannot_undo_a_common_shift():
    network = mapped(mapping=mho.SingleDevice())
    clean = network.baseline(X)
    plain = (network.program(0).at("10 y")(X) - clean).abs().mean()
    scaled = DriftScale().fit(network, DATA).program(0).at("10 y")(X)
    assert (scaled - clean).abs().mean() > 0.5 * plain


def test_a_scale_counts_what_it_adds():
    adds = DriftScale().fit(mapped(), DATA).adds
    assert (adds.sram_bits, adds.macs_per_inference) == (2 * 16, 6 * 16 + 4)
    assert DriftScale(per="column").fit(mapped(), DATA).adds.sram_bits == (6 + 4) * 16


def test_statistics_are_those_of_the_calibration_set_on_this_chip():
    """Against a mean and variance worked out here from the drifted convolution's own outputs."""
    network = mapped(mapping=mho.SingleDevice())
    chip = BatchNormRecalibration(examples=200, batch=100).fit(network, DATA, seed=4).program(2)
    snapshot = chip.snapshot("10 y")
    inputs = DATA.take(200, 4).inputs
    halves = [
        nn.functional.conv2d(part, snapshot.weight("0"), model()[0].bias).transpose(0, 1).flatten(1)
        for part in inputs.split(100)
    ]
    mean = torch.stack([h.mean(1) for h in halves]).mean(0)
    variance = torch.stack([h.var(1) for h in halves]).mean(0)
    torch.testing.assert_close(snapshot.parameters["1.running_mean"], mean, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(snapshot.parameters["1.running_var"], variance, rtol=1e-4, atol=1e-5)
    assert torch.equal(network.model[1].running_mean, torch.zeros(6)), "the network is untouched"


def test_new_statistics_bring_a_shifted_network_back():
    network = mapped(mapping=mho.SingleDevice())
    trained = network.model
    with torch.no_grad():  # sound statistics for the digital network first
        trained[1].momentum = None
        trained[1].train()(nn.functional.conv2d(X, trained[0].weight, trained[0].bias))
        trained.eval()
    network = mho.map_network(trained, network.hardware)
    clean = network.baseline(X)
    recalibrated = BatchNormRecalibration(examples=300).fit(network, DATA)
    errors = [
        float((n.program(0).at("10 y")(X) - clean).pow(2).mean()) for n in (recalibrated, network)
    ]
    assert errors[0] < 0.8 * errors[1]


def test_the_calibration_set_is_counted():
    adds = BatchNormRecalibration(examples=100).fit(mapped(), DATA).adds
    assert adds.data_bits == 100 * 3 * 6 * 6 * 8


def test_a_network_without_batch_norm_is_told_what_else_to_use():
    network = mho.map_network(nn.Linear(4, 2), mho.Hardware(device="falcone2025"))
    with pytest.raises(mho.MhoError, match=r"no batch norm.*'drift-scale' or 'vera-plus'"):
        BatchNormRecalibration().fit(network, DATA)


def test_test_data_and_too_little_data_are_refused():
    test = Data(X, DATA.labels, name="patches", role="test")
    with pytest.raises(mho.MhoError, match="which is test data"):
        BatchNormRecalibration(examples=10).fit(mapped(), test)
    with pytest.raises(mho.MhoError, match=r"has 300\. Set examples=300 or less"):
        BatchNormRecalibration().fit(mapped(), DATA)


@pytest.mark.parametrize(
    "recovery",
    [DriftScale(), DriftScale(per="column"), BatchNormRecalibration(examples=50)],
)
def test_attachments_keep_their_promises(recovery):
    network = mapped()
    attachment = recovery.fit(network, DATA).applied[-1].attachment
    check_attachment(attachment, network.program(1), ["1 s", "1 d", "10 y"])


def test_they_compose_and_fit_one_chip_too():
    chip = mapped().program(3)
    both = BatchNormRecalibration(examples=50).fit(DriftScale().fit(chip, DATA), DATA)
    assert [a.method for a in both.applied] == ["drift-scale", "batch-norm"]
    assert both.snapshot("1 y").gain
    assert both.snapshot("1 y").parameters
