from __future__ import annotations

import pytest
import torch

import mho
from mho.data import Data
from mho.errors import BundleError, ModelError
from mho.network.chip import Chip
from mho.network.mapped import MappedNetwork
from mho.recover import BatchNormTuning, BiasTuning, Dora, Lora, Retraining, attachments
from mho.recover.onchip.bench import Bench
from mho.recover.optimiser import Adam
from mho.recover.tuning.tuning import ChipTuning
from mho.rng import Streams
from mho.testing.attachment import check_attachment

QUICK = {"samples": 400, "steps": 40, "check_every": 20, "optimiser": Adam(lr=0.01)}
METHODS = [
    BiasTuning(**QUICK),
    BiasTuning(what="biases", **QUICK),
    BiasTuning(what="scales", **QUICK),
    BatchNormTuning(**QUICK),
    Lora(rank=2, **QUICK),
    Dora(rank=2, **{**QUICK, "optimiser": Adam(lr=3e-3)}),
    Retraining(**QUICK),
]


def accuracy(chip: Chip, data: Data) -> float:
    with torch.no_grad():
        return float((chip.at(0)(data.inputs).argmax(1) == data.labels).float().mean())


@pytest.fixture(scope="module")
def rough(normed_net: MappedNetwork) -> MappedNetwork:
    """A network with batch norm in single devices, far below the digital one."""
    return normed_net.with_hardware(mho.Hardware(device="charan2020", mapping=mho.SingleDevice()))


@pytest.fixture(scope="module")
def calibration(stripes: Data) -> Data:
    return stripes.as_role("calibration")


@pytest.mark.parametrize("method", METHODS, ids=lambda m: repr(m)[:36])
def test_values_start_by_changing_nothing(method: ChipTuning, rough: MappedNetwork) -> None:
    bench = Bench(rough, rough.program(1).snapshot(0))
    values = method.start(rough, bench, Streams(0))
    changed = method.change(rough, bench.snapshot, values)
    for layer in rough.layers:
        torch.testing.assert_close(changed.weight(layer.name), bench.present[layer.name])
    for name, value in changed.parameters.items():
        assert torch.equal(value, dict(rough.model.named_parameters())[name])


@pytest.mark.parametrize("method", METHODS, ids=lambda m: repr(m)[:36])
def test_chips_are_tuned_and_saved(
    method: ChipTuning, rough: MappedNetwork, calibration: Data
) -> None:
    chips = [rough.program(k) for k in (1, 2)]
    network = method.fit(rough, calibration)
    tuned = [network.program(k) for k in (1, 2)]
    before = sum(accuracy(chip, calibration) for chip in chips) / 2
    after = sum(accuracy(chip, calibration) for chip in tuned) / 2
    # The weakest (biases alone) gains more than 5 points in the mean of 2 chips.
    assert after > before + 0.02
    own = method.fit(chips[1], calibration)
    # What a chip stores is rounded to 16 bits, the same on both ways.
    assert torch.equal(own.at(0)(calibration.inputs), tuned[1].at(0)(calibration.inputs))
    for target in (network, own):
        attachment = target.applied[-1].attachment
        assert attachment is not None
        check_attachment(attachment, chips[1], [0])
        again = attachments.restore(attachment.kind, attachment.settings(), attachment.tensors())
        assert type(again) is type(attachment)


def test_what_they_add(rough: MappedNetwork, calibration: Data) -> None:
    few = {"samples": 20, "steps": 1, "optimiser": {"law": "sgd", "lr": 1e-6}}
    adds = {
        m.method: m.fit(rough, calibration).applied[-1].adds
        for m in (BiasTuning(**few), BatchNormTuning(**few), Lora(rank=3, **few), Dora(**few))
    }
    outputs = 6 + 8 + 4
    in_and_out = (9 + 6) + (27 + 8) + (128 + 4)
    products = 6 * 64 + 8 * 16 + 4
    assert adds["bias-tuning"].sram_bits == 2 * outputs * 16
    assert adds["bias-tuning"].macs_per_inference == products
    assert adds["batch-norm-tuning"].sram_bits == 2 * 6 * 16
    assert adds["batch-norm-tuning"].macs_per_inference == 0
    assert adds["lora"].sram_bits == 3 * in_and_out * 16
    low_rank = (9 + 6) * 64 + 2 * (27 + 4) * 16 + (128 + 4)
    assert adds["lora"].macs_per_inference == 3 * low_rank
    assert adds["dora"].sram_bits == (in_and_out + outputs) * 16
    assert adds["dora"].macs_per_inference == low_rank + products


def test_dora_keeps_magnitude_apart_from_direction(rough: MappedNetwork) -> None:
    """Whatever A and B do, the norm of each output's weights is the magnitude."""
    method = Dora(rank=2)
    bench = Bench(rough, rough.program(1).snapshot(0))
    values = method.start(rough, bench, Streams(0))
    generator = torch.Generator().manual_seed(0)
    for name, value in values.items():
        if name.startswith("B/"):
            values[name] = torch.randn(value.shape, generator=generator)
        elif name.startswith("magnitude/"):
            values[name] = 2 * value
    now = method.change(rough, bench.snapshot, values)
    for layer in rough.layers:
        norms = now.weight(layer.name).flatten(1).norm(dim=1)
        torch.testing.assert_close(norms, values[f"magnitude/{layer.name}"].flatten())
    stored = method.change(rough, bench.snapshot, method.stored(bench, values))
    for layer in rough.layers:
        torch.testing.assert_close(stored.weight(layer.name), now.weight(layer.name))


def test_dora_needs_no_labels(rough: MappedNetwork, stripes: Data) -> None:
    wrong = Data(stripes.inputs, (stripes.labels + 1) % 4, name="wrong labels")
    method = Dora(steps=30, optimiser=Adam(lr=3e-3))
    assert not method.knowledge.labels
    assert method.knowledge.rram_values
    chip = rough.program(1)
    a, b = (method.fit(chip, data).at(0)(stripes.inputs) for data in (wrong, stripes))
    assert torch.equal(a, b)


def test_networks_without_what_is_tuned(stripe_net: MappedNetwork, calibration: Data) -> None:
    with pytest.raises(ModelError, match="no batch norm whose weights could be tuned; use another"):
        BatchNormTuning().fit(stripe_net, calibration)
    bare = mho.map_network(torch.nn.Linear(64, 4, bias=False), stripe_net.hardware)
    data = Data(calibration.inputs.flatten(1), calibration.labels, name="flat")
    with pytest.raises(ModelError, match="use what = 'scales'"):
        BiasTuning(what="biases").fit(bare, data)


@pytest.mark.parametrize("break_it", ["tensor", "shape", "method", "values"])
def test_damage_is_refused(rough: MappedNetwork, calibration: Data, break_it: str) -> None:
    attachment = Lora(**QUICK).fit(rough.program(1), calibration).applied[-1].attachment
    settings, tensors = attachment.settings(), dict(attachment.tensors())
    name = sorted(tensors)[0]
    if break_it == "tensor":
        del tensors[name]
    elif break_it == "shape":
        tensors[name] = tensors[name][:, :-1]
    elif break_it == "method":
        settings["method"] = "distill"
    else:
        del settings["values"]
    with pytest.raises(BundleError, match="save the bundle again"):
        type(attachment).restore(settings, tensors)
