"""Rewriting, tuning again and adapters by level: what they do, what they store, what they cost."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

import mho
import mho.network.applied
from mho.costs.storage import calibration_set_bits
from mho.recover.attachments import restore
from mho.recover.levels.quantised import Quantised

DRIFTING = mho.Hardware(device="falcone2025", mapping=mho.SingleDevice())
YEAR = mho.units.seconds("1 y")


@pytest.fixture(scope="module")
def drifting(normed_net, stripes):
    return mho.map_network(normed_net.model, DRIFTING, example=stripes.inputs[:1])


@pytest.fixture(scope="module")
def fallen(normed_net, stripes):
    """The same with so much drift that it hardly works after ten years."""
    device = DRIFTING.device.with_drift_severity(mean=12.0)
    hardware = DRIFTING.model_copy(update={"device": device})
    return mho.map_network(normed_net.model, hardware, example=stripes.inputs[:1])


def weights(network, time, seed=3):
    return network.program(seed).snapshot(time).weights()


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


def round_trip(network):
    attachment = network.applied[-1].attachment
    plain = json.loads(json.dumps(attachment.settings()))
    return restore(attachment.kind, plain, attachment.tensors())


# rewriting


def test_a_rewritten_array_is_as_old_as_its_last_writing(drifting, stripes):
    """The mean shift of all cells after 10 years is that of 0.4 years where rewritten at 4.8 y."""
    fresh = mho.recover.Refresh(every=2.4 * YEAR).fit(drifting, stripes)
    device = DRIFTING.device
    layer = drifting.layers[-1].name
    wanted = torch.from_numpy(
        drifting.layer(layer).encoded.decode(drifting.layer(layer).encoded.g_target_uS)
    )
    scale = float(drifting.layer(layer).encoded.scale.mean())
    for time, age in ((10 * YEAR, 0.4 * YEAR), (YEAR, YEAR)):
        moved = (weights(fresh, time)[layer] - wanted) / scale
        expected = float(device.mean_shift(50.0, age))
        spread = float(device.spread(50.0, age))
        assert abs(float(moved.mean()) - expected) < 5 * spread / moved.numel() ** 0.5


def test_before_the_first_rewrite_nothing_changes_and_time_stays_pure(drifting, stripes):
    fresh = mho.recover.Refresh(every="1 month").fit(drifting, stripes)
    assert same(weights(fresh, "1 week"), weights(drifting, "1 week"))
    assert not same(weights(fresh, "5 weeks"), weights(fresh, "9.7 weeks"))
    assert same(weights(fresh, "1 y"), weights(fresh, "1 y"))


def test_at_the_end_of_a_period_cells_are_as_old_as_they_get(drifting, stripes):
    fresh = mho.recover.Refresh(every="1 y").fit(drifting, stripes)
    assert same(weights(fresh, "1 y"), weights(drifting, "1 y"))
    before, after = (weights(fresh, 2 * YEAR + shift) for shift in (0, 1))
    shift = {name: float((after[name] - before[name]).mean()) for name in before}
    assert all(change > 0 for change in shift.values())  # written anew: the mean shift is gone


def test_every_write_is_counted(drifting, stripes):
    cells = drifting.weights  # one device a weight
    for every, rewrites in (("1 month", 121), ("1 y", 9), ("10 y", 0)):
        applied = mho.recover.Refresh(every=every).fit(drifting, stripes).applied[-1]
        assert applied.report["rewrites"] == rewrites
        assert applied.adds.rram_writes == cells * rewrites
        assert applied.adds.rom_bits == 8 * cells  # analogue levels, kept in 8 bits
    report = (
        mho.recover.Refresh(every="1 y", endurance=90).fit(drifting, stripes).applied[-1].report
    )
    assert report["share_of_endurance"] == pytest.approx(0.1)
    with pytest.raises(mho.MhoError, match=r"121 rewrites in 10.* than the 100 that a cell"):
        mho.recover.Refresh(every="1 month", endurance=100).fit(drifting, stripes)
    with pytest.raises(mho.MhoError, match="reference time"):
        mho.recover.Refresh(every=0.5).fit(drifting, stripes)


# adapters by level


@pytest.mark.parametrize("kind", [mho.recover.LevelLora, mho.recover.LevelDora])
def test_an_untrained_adapter_changes_nothing(drifting, stripes, kind):
    lasting = kind(levels=2, steps=0, bits=16).fit(drifting, stripes)
    for name, weight in weights(lasting, "1 y").items():
        assert torch.allclose(weight, weights(drifting, "1 y")[name], atol=2e-4, rtol=2e-3)


@pytest.mark.parametrize("kind", [mho.recover.LevelLora, mho.recover.LevelDora])
def test_adapters_bring_accuracy_back(fallen, stripes, kind):
    test = stripes.as_role("test")
    before = mho.evaluate(fallen, test, ["10 y"], chips=5, progress=False).at("10 y").mean
    lasting = kind(levels=2, steps=60, lr=0.01).fit(fallen, stripes)
    after = mho.evaluate(lasting, test, ["10 y"], chips=5, progress=False).at("10 y").mean
    assert after > before + 0.1, (before, after)


def test_what_adapters_store_is_counted(drifting, stripes):
    """Of three layers: A (rows) and B (outputs) a level and layer in 8 bits, plus scales."""
    rows, outputs = [9, 27, 128], [6, 8, 4]
    values = sum(rows) + sum(outputs)
    lora = mho.recover.LevelLora(levels=3, steps=0).fit(drifting, stripes).applied[-1]
    assert lora.report["values_a_level"] == values
    assert lora.adds.rom_bits == 3 * values * 8 + 6 * 16 + 3 * 32
    assert lora.adds.macs_per_inference == 64 * (9 + 6) + 16 * 2 * (27 + 4) + 132
    dora = mho.recover.LevelDora(levels=3, steps=0).fit(drifting, stripes).applied[-1]
    assert dora.report["values_a_level"] == values + sum(outputs)
    assert lora.knows.true_time
    assert not lora.knows.labels


def test_levels_lie_evenly_in_the_logarithm_of_time(drifting, stripes):
    lasting = mho.recover.LevelLora(levels=4, steps=0).fit(drifting, stripes)
    starts = lasting.applied[-1].attachment.schedule.starts_s
    last = mho.units.seconds("10y")
    assert starts == pytest.approx([1, last**0.25, last**0.5, last**0.75])


def test_adapters_resume_to_the_same_values(drifting, stripes, tmp_path):
    method = mho.recover.LevelLora(levels=2, steps=3)
    plain = method.fit(drifting, stripes).applied[-1].attachment.tensors()
    kept = method.fit(drifting, stripes, checkpoint=tmp_path / "state").applied[-1]
    again = method.fit(drifting, stripes, checkpoint=tmp_path / "state").applied[-1]
    assert same(plain, kept.attachment.tensors())
    assert same(plain, again.attachment.tensors())
    assert [file.name for file in tmp_path.iterdir()] == ["state"]


def test_a_device_without_drift_is_refused(normed_net, stripes):
    with pytest.raises(mho.MhoError, match="has none"):
        mho.recover.LevelLora().fit(normed_net, stripes)


# tuning again


def test_a_chip_is_tuned_when_the_time_has_come_and_not_before(fallen, stripes):
    again = mho.recover.Recurring(
        tuning="dora", times=("1 d", "1 y"), settings_of={"samples": 40, "steps": 40}
    ).fit(fallen, stripes)
    assert same(weights(again, "1 h"), weights(fallen, "1 h"))
    assert not same(weights(again, "1 y"), weights(fallen, "1 y"))
    assert same(weights(again, "2 y"), weights(again, "2 y"))
    assert again.applied[-1].adds.data_bits >= calibration_set_bits(40, (1, 8, 8))
    assert again.applied[-1].knows.true_time
    assert not again.applied[-1].knows.labels


def test_ten_samples_repair_what_ten_years_of_drift_did(fallen, stripes):
    """The calibration of the source: DoRA, layer-wise features, 10 samples, no label."""
    test = stripes.as_role("test")
    before = mho.evaluate(fallen, test, ["10 y"], chips=5, progress=False).at("10 y").mean
    again = mho.recover.Recurring(times=("9 y",), settings_of={"steps": 150}).fit(fallen, stripes)
    after = mho.evaluate(again, test, ["10 y"], chips=5, progress=False).at("10 y").mean
    assert after > before + 0.1, (before, after)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"tuning": "dorra"}, "Did you mean 'dora'|nearest"),
        ({"times": ("1 y", "1 d")}, "ascend"),
        ({"settings_of": {"time": "1 d"}}, "times say when"),
        ({"settings_of": {"rnak": 1}}, "rank"),
    ],
)
def test_wrong_settings_are_refused(settings, told):
    with pytest.raises((mho.MhoError, ValueError), match=told):
        mho.recover.Recurring(**settings)


# in bundles


def test_all_come_back_from_a_bundle(drifting, stripes):
    networks = [
        mho.recover.Refresh(every="1 month").fit(drifting, stripes),
        mho.recover.LevelLora(levels=2, steps=2).fit(drifting, stripes),
        mho.recover.LevelDora(levels=2, steps=2).fit(drifting, stripes),
        mho.recover.Recurring(times=("1 d",), settings_of={"steps": 5}).fit(drifting, stripes),
    ]
    for network in networks:
        applied = network.applied[-1]
        back = drifting.with_applied(
            mho.network.applied.Applied(applied.method, {}, attachment=round_trip(network))
        )
        assert same(weights(back, "1 y"), weights(network, "1 y")), applied.method
        again = replace(applied, attachment=round_trip(network))
        assert drifting.with_applied(again).digest == network.digest


@pytest.mark.parametrize("kind", ["refreshed-cells", "adapter-sets", "renewed"])
@pytest.mark.parametrize("settings", [{}, {"every_s": -1, "method": "level-lora", "how": {}}])
def test_damaged_settings_are_refused(kind, settings):
    with pytest.raises(mho.MhoError, match=r"[Ss]ave the bundle again|save"):
        restore(kind, settings, {})


def test_rounded_values_lie_within_half_a_step():
    values = {"A": torch.randn(3, 50, generator=torch.Generator().manual_seed(0))}
    for bits in (4, 8, 16):
        kept = Quantised.of(values, bits)
        step = float(values["A"].abs().max()) / (2 ** (bits - 1) - 1)
        for level in range(3):
            error = (kept.at(level)["A"] - values["A"][level]).abs().max()
            assert float(error) <= step / 2 * 1.001
        assert kept.storage_bits == 150 * bits + 16
