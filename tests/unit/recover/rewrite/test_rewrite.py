from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import mho
from mho.data import Data
from mho.errors import BundleError
from mho.network.mapped import MappedNetwork
from mho.recover import Rewrite, attachments
from mho.recover.sparse import RandomPositions
from mho.testing.attachment import check_attachment


@pytest.fixture(scope="module")
def rough(stripe_net: MappedNetwork) -> MappedNetwork:
    return stripe_net.with_hardware(mho.Hardware(device="charan2020", mapping=mho.SingleDevice()))


@pytest.fixture(scope="module")
def calibration(stripes: Data) -> Data:
    return stripes.as_role("calibration")


def error(network: MappedNetwork, chip: mho.Chip, t: str | float = 0) -> float:
    """Mean squared distance of a chip's weights from those at the levels."""
    snapshot, total = chip.snapshot(t), 0.0
    for layer in network.layers:
        wanted = torch.from_numpy(layer.encoded.decode(layer.encoded.g_target_uS))
        total += float(((snapshot.weight(layer.name) - wanted) ** 2).mean())
    return total


def test_cells_come_nearer(rough: MappedNetwork, calibration: Data) -> None:
    chip = rough.program(1)
    errors = [error(rough, chip)]
    for tries in (5, 20, 60):
        method = Rewrite(budget=1.0, tries=tries, tolerance=0.05, positions=RandomPositions())
        errors.append(error(rough, method.fit(chip, calibration)))
    assert errors[0] > errors[1] > errors[2] > errors[3]
    assert errors[3] < 0.1 * errors[0]


def test_writes_are_counted(rough: MappedNetwork, calibration: Data) -> None:
    """Each open cell is written once a try; within ± s of the target it stops.

    With levels of mean 46 µS and sd of ln g 0.5 most cells are off by more than 0.99 µS (1 % of the
    window), so nearly every cell is written, and about every cell at each of two tries.
    """
    method = Rewrite(budget=1.0, tries=2, tolerance=0.01, positions=RandomPositions())
    [applied] = method.fit(rough.program(1), calibration).applied
    cells = rough.weights
    assert 0.85 * cells < applied.report["cells"] < cells
    assert 1.7 * cells < applied.adds.rram_writes < 2 * cells
    assert applied.adds.rram_writes == applied.report["writes"]
    assert applied.adds.sram_bits == 0


def test_only_chosen_cells_are_written(rough: MappedNetwork, calibration: Data) -> None:
    chip = rough.program(1)
    again = Rewrite(budget=0.1).fit(chip, calibration)
    before, after = chip.snapshot(0), again.snapshot(0)
    changed = sum(
        int((before.weight(layer.name) - after.weight(layer.name)).abs().gt(1e-7).sum())
        for layer in rough.layers
    )
    assert 0 < changed <= math.floor(0.1 * rough.weights)


def test_a_distribution_of_tries(rough: MappedNetwork, calibration: Data) -> None:
    """A cell that is not near enough after a try goes on: geometric, with the same chance each."""
    [applied] = (
        Rewrite(budget=1.0, tries=60, tolerance=0.1, positions=RandomPositions())
        .fit(rough.program(1), calibration)
        .applied
    )
    tries = np.concatenate([t.numpy().ravel() for t in applied.attachment.tensors().values()])
    device = rough.hardware.device
    g = np.concatenate([layer.encoded.g_target_uS.ravel() for layer in rough.layers])
    middle = (g > 40) & (g < 60)
    z = math.log(1 + 0.1 * 99 / 50) / 0.5, math.log(1 - 0.1 * 99 / 50) / 0.5
    chance = 0.5 * (math.erf(z[0] / math.sqrt(2)) - math.erf(z[1] / math.sqrt(2)))
    assert device.levels.count == 10
    written = tries[middle & (tries > 0)]
    # The mean of a geometric law is 1 / p, its sd sqrt(1 - p) / p; 5 standard errors, and the
    # levels between 40 and 60 µS differ from 50 by up to 10 %.
    expected = 1 / chance
    error_of_mean = expected * math.sqrt(1 - chance) / math.sqrt(len(written))
    assert abs(written.mean() - expected) < 5 * error_of_mean + 0.15 * expected


def test_stuck_cells_stay_stuck(stripe_net: MappedNetwork, calibration: Data) -> None:
    device = mho.load_device("charan2020").replace(
        faults={"stuck_at_lrs": 0.5, "stuck_at_hrs": 0.5}
    )
    network = stripe_net.with_hardware(mho.Hardware(device=device, mapping=mho.SingleDevice()))
    chip = network.program(0)
    again = Rewrite(budget=1.0, positions=RandomPositions()).fit(chip, calibration)
    for layer in network.layers:
        torch.testing.assert_close(
            again.snapshot(0).weight(layer.name), chip.snapshot(0).weight(layer.name)
        )


def test_rewritten_cells_drift_on(stripe_net: MappedNetwork, calibration: Data) -> None:
    device = mho.load_device("charan2020").with_drift_of(mho.load_device("falcone2025"))
    network = stripe_net.with_hardware(mho.Hardware(device=device, mapping=mho.SingleDevice()))
    chip = Rewrite(budget=1.0, tries=20, positions=RandomPositions()).fit(
        network.program(0), calibration
    )
    assert (
        error(network, chip, "1s") < error(network, chip, "1 month") < error(network, chip, "10y")
    )


def test_a_network_s_chips_write_themselves(rough: MappedNetwork, calibration: Data) -> None:
    method = Rewrite(budget=0.2)
    network = method.fit(rough, calibration)
    single = method.fit(rough.program(3), calibration)
    x = calibration.inputs
    assert torch.equal(network.program(3).at(0)(x), single.at(0)(x))
    for target in (network, single):
        attachment = target.applied[-1].attachment
        check_attachment(attachment, rough.program(3), [0])
        again = attachments.restore(attachment.kind, attachment.settings(), attachment.tensors())
        assert type(again) is type(attachment)


@pytest.mark.parametrize("break_it", ["missing", "type", "settings"])
def test_damage_is_refused(rough: MappedNetwork, calibration: Data, break_it: str) -> None:
    attachment = Rewrite().fit(rough.program(3), calibration).applied[-1].attachment
    settings, tensors = attachment.settings(), dict(attachment.tensors())
    name = sorted(tensors)[0]
    if break_it == "missing":
        del tensors[name]
    elif break_it == "type":
        tensors[name] = tensors[name].float()
    else:
        settings = {}
    with pytest.raises(BundleError, match="save the bundle again"):
        type(attachment).restore(settings, tensors)
