"""Diagnosis: known causes are found, ratios are those of closed forms, ideal hardware is sound."""

import json
import math

import pytest
import torch
from torch import nn

import mho
from mho.cli.output import plain
from mho.device.faults import Faults
from mho.device.levels import UniformLevels
from mho.device.programming import ConstantSpread
from mho.diagnosis.bench import noise_of_decisions
from mho.diagnosis.effects import effects_of, hardware_with
from mho.diagnosis.remedies import has_outliers, remedies

IDEAL = mho.load_device("ideal")


def digits(hidden=32):
    """A task that a small network does perfectly: which of 6 blocks of inputs is brightest."""
    torch.manual_seed(0)
    labels = torch.arange(240) % 6
    x = 0.3 * torch.rand(240, 24)
    for k in range(6):
        x[labels == k, 4 * k : 4 * k + 4] += 1
    model = nn.Sequential(
        nn.Linear(24, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, 6)
    )
    optimiser = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(60):
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(x), labels).backward()
        optimiser.step()
    return model.eval(), (x, labels)


MODEL, DATA = digits()


def diagnosed(hardware, time=0, calibrate=False, **settings):
    network = mho.map_network(MODEL, hardware)
    if calibrate:
        network = network.calibrate(DATA[0])
    return mho.diagnose(network, DATA, time, progress=False, **settings)


def test_ideal_hardware_has_no_effects_and_nothing_destroys_it():
    found = diagnosed(mho.Hardware(device=IDEAL))
    assert found.effects == ()
    assert found.together.accuracy == found.baseline == 1
    assert found.self_check < 1e-5
    assert "nothing destroys it" in found.verdict


def test_the_one_harmful_effect_among_harmless_ones_is_named():
    device = IDEAL.replace(
        levels=UniformLevels(count=64),
        programming=ConstantSpread(sd_uS=0.01),
        faults=Faults(stuck_at_lrs=0.5),
    )
    found = diagnosed(mho.Hardware(device=device))
    assert found.effects[0].key == "faults"
    assert found.effects[0].alone.drop_pp > 10
    assert found.effects[0].without.drop_pp < 1
    assert "What destroys it is cells stuck: 50.00% at LRS" in found.verdict
    assert "SparseAdaptation" in found.verdict
    assert "Alone harmless: " in found.verdict


def test_effects_that_only_add_up_are_not_blamed_alone(monkeypatch):
    from mho.diagnosis import verdict as module
    from mho.diagnosis.result import EffectResult, Outcome

    def outcome(drop):
        return Outcome(0.9 - drop / 100, (0.9,), drop, 10.0)

    effects = [
        EffectResult(str(k), f"effect {k}", f"remedy {k}", outcome(0.9), outcome(7.5))
        for k in range(3)
    ]
    text = module.verdict(
        baseline=0.9,
        together=outcome(8),
        effects=effects,
        mended=[],
        tried=[],
        layers=[],
        t_s=1,
        images=9,
    )
    assert "No effect alone does it (the worst, effect 0, takes 0.9 points): they add up." in text


def test_the_legacy_rule_is_taken_apart():
    found = diagnosed(mho.Hardware(device="charan2020", mapping=mho.CharanLegacy()))
    effects = {effect.key: effect for effect in found.effects}
    assert set(effects) == {"mapping", "storage", "levels", "programming"}
    assert effects["levels"].alone.drop_pp < 1  # ten levels with a scale harm nothing here
    assert effects["levels"].without is None  # the rule cannot be had without its levels
    assert effects["mapping"].alone.snr_db < effects["levels"].alone.snr_db
    assert effects["storage"].alone.snr_db < math.inf


def test_storage_alone_changes_digital_parameters_only():
    from mho.data import as_data
    from mho.diagnosis.bench import Bench

    hardware = mho.Hardware(device="charan2020", mapping=mho.CharanLegacy())
    bench = Bench(mho.map_network(MODEL, hardware), as_data(DATA, "test"), (0,), 0.0)
    variant = bench.variant({"storage"})
    (snapshot,) = bench.snapshots(variant, {"storage"})
    state = MODEL.state_dict()
    for name, weight in snapshot.crossbar.items():
        torch.testing.assert_close(weight, state[f"{name}.weight"], rtol=1e-5, atol=1e-6)
    assert set(snapshot.parameters) == {"0.bias", "1.weight", "1.bias", "3.bias"}
    levels = (snapshot.parameters["1.weight"].abs() * 10).round() / 10
    torch.testing.assert_close(snapshot.parameters["1.weight"].abs(), levels, rtol=1e-5, atol=1e-6)
    (without,) = bench.snapshots(bench.variant({"mapping"}), {"mapping"})
    assert without.parameters == {}


def test_ratios_are_those_of_the_closed_form():
    """One linear layer, independent errors of sd s in each weight: SNR = sum (W x)² / s² sum x².

    400 × 64 errors: the estimate of their power has a relative sd of 1 %; 5 of them are allowed.
    """
    torch.manual_seed(0)
    linear = nn.Linear(300, 400, bias=False)
    x = torch.randn(64, 300)
    device = IDEAL.replace(
        g_min_uS=10, g_max_uS=60, valid={"g_uS": (10, 60)}, programming=ConstantSpread(sd_uS=0.5)
    )
    network = mho.map_network(linear, mho.Hardware(device=device))
    scale = float(network.layers[0].encoded.scale.item())
    found = mho.diagnose(network, (x, torch.zeros(64, dtype=torch.int64)), 0, progress=False)
    signal = float((linear(x) ** 2).mean().detach())
    noise = 2 * (0.5 * scale) ** 2 * float((x**2).sum(1).mean())
    expected = 10 * math.log10(signal / noise)
    layer = found.layers[0]
    assert layer.own_snr_db == layer.snr_db
    assert layer.own_snr_db == pytest.approx(expected, abs=10 * math.log10(1.05))


def test_errors_pile_up_from_layer_to_layer():
    device = IDEAL.replace(programming=ConstantSpread(sd_uS=3))
    first, last = diagnosed(mho.Hardware(device=device)).layers
    assert first.snr_db == pytest.approx(first.own_snr_db, abs=1e-4)
    assert last.snr_db < last.own_snr_db


@pytest.mark.parametrize("dac_bits", [None, 4])
def test_converters_that_clip_are_named(dac_bits):
    network = mho.map_network(MODEL, mho.Hardware(device=IDEAL, adc_bits=8, dac_bits=dac_bits))
    network = network.calibrate(DATA[0] / 4)
    found = mho.diagnose(network, DATA, 0, progress=False)
    assert found.layers[0].sums_clipped > 0.01
    assert (found.layers[0].inputs_clipped is None) == (dac_bits is None)
    assert found.layers[0].use_of_range > 0
    fine = mho.diagnose(network.calibrate(DATA[0]), DATA, 0, progress=False)
    assert fine.layers[0].sums_clipped < 0.001
    assert fine.layers[0].use_of_range < found.layers[0].use_of_range


def test_each_effect_has_a_switch():
    device = mho.load_device("nandakumar2019-pcm").replace(
        levels=UniformLevels(count=8), faults=Faults(stuck_at_hrs=0.1)
    )
    hardware = mho.Hardware(
        device=device, dac_bits=6, adc_bits=6, drive=mho.BitSerial(), mapping=mho.SingleDevice(),
        wires=mho.LadderWires(row_ohm=0.1, col_ohm=0.1),
    )  # fmt: skip
    keys = {effect.key for effect in effects_of(hardware, 3600.0)}
    assert keys == {
        "levels", "programming", "drift-mean", "drift-spread", "faults", "read-noise", "DAC",
        "ADC", "wires",
    }  # fmt: skip
    everything = hardware_with(hardware, keys)
    assert everything == hardware.model_copy(
        update={"device": device.replace(fit=None, temperature=None, ensemble=None)}
    )
    variants = [hardware_with(hardware, {key}) for key in keys]
    assert len({v.model_dump_json() for v in variants}) == len(keys)
    assert hardware_with(hardware, set()).ideal_periphery
    assert effects_of(hardware_with(hardware, set()), 3600.0) == []


def test_a_mean_shift_is_told_from_a_spread():
    device = mho.load_device("falcone2025").with_drift_severity(mean=20, spread=0.01)
    hardware = mho.Hardware(device=device, mapping=mho.SingleDevice())
    found = diagnosed(hardware, "1 y")
    assert found.effects[0].key == "drift-mean"
    assert "differential pairs, in which it cancels" in found.verdict
    paired = diagnosed(hardware.model_copy(update={"mapping": mho.DifferentialPair()}), "1 y")
    assert paired.together.drop_pp < found.together.drop_pp


def test_json_is_plain_and_the_same_again():
    hardware = mho.Hardware(device="charan2020")
    found = diagnosed(hardware, chips=2, images=50)
    assert found == diagnosed(hardware, chips=2, images=50)
    data = json.loads(json.dumps(plain(found), allow_nan=False))
    assert data["images"] == 50
    assert data["chips"] == [0, 1]
    assert data["verdict"] == found.verdict
    assert str(found).count("\n") > 8


def test_changes_of_the_hardware_are_tried_where_they_promise_something():
    network = mho.map_network(MODEL, mho.Hardware(device=IDEAL, adc_bits=2)).calibrate(DATA[0])
    found = mho.diagnose(network, DATA, 0, progress=False)
    assert found.effects[0].key == "ADC"
    outcomes = {tried.what: tried.outcome.accuracy for tried in found.tried}
    assert outcomes["4 bits in the ADC"] > found.together.accuracy + 0.05
    assert len(outcomes) == 3
    assert f"4 bits in the ADC gives {outcomes['4 bits in the ADC']:.1%}" in found.verdict
    more = mho.map_network(MODEL, mho.Hardware(device=IDEAL, adc_bits=4)).calibrate(DATA[0])
    whole = mho.evaluate(more, DATA, [0], chips=3, progress=False)
    assert whole.at().mean == pytest.approx(outcomes["4 bits in the ADC"])


def test_remedies_fit_the_causes():
    single = mho.Hardware(device="falcone2025", mapping=mho.SingleDevice(scale="column"))
    (pair,) = remedies(single, ["drift-mean"])
    assert pair.hardware.mapping == mho.DifferentialPair(scale="column")
    assert pair.hardware.device == single.device
    legacy = mho.Hardware(device="charan2020", mapping=mho.CharanLegacy())
    assert remedies(legacy, ["mapping"])[0].hardware.mapping == mho.DifferentialPair()
    wired = mho.Hardware(device=IDEAL, rows=1, cols=64)
    assert remedies(wired, ["wires"])[0].hardware.cols == 32
    assert remedies(wired, ["programming"]) == []
    (saturating,) = remedies(wired, ["programming"], outliers=True)
    assert saturating.hardware.mapping == mho.DifferentialPair(clip_sd=5)
    assert remedies(wired, ["wires"], outliers=True)[0].key == "wires"


@pytest.mark.parametrize("scale", ["layer", "column"])
def test_levels_are_named_with_the_scale_that_the_mapping_has(scale):
    hardware = mho.Hardware(device="charan2020", mapping=mho.DifferentialPair(scale=scale))
    [levels] = [effect for effect in effects_of(hardware, 0) if effect.key == "levels"]
    assert levels.what == f"10 levels a cell, with a scale per {scale}"
    assert ("a scale per column" in levels.advice) == (scale == "layer")


def test_weights_that_saturate_are_an_effect_of_their_own():
    found = diagnosed(mho.Hardware(device="charan2020", mapping=mho.DifferentialPair(clip_sd=0.5)))
    [effect] = [effect for effect in found.effects if effect.key == "mapping"]
    assert effect.what == "outliers among the weights that saturate"
    assert effect.alone.snr_db < 10
    assert found.self_check < 1e-4  # that of the mapping without


@pytest.mark.parametrize("scale", ["layer", "column"])
def test_outliers_are_seen(scale):
    layer = torch.nn.Linear(400, 4)
    hardware = mho.Hardware(device=IDEAL, mapping=mho.DifferentialPair(scale=scale))
    assert not has_outliers(mho.map_network(layer, hardware))
    with torch.no_grad():
        layer.weight[1, 7] = 3.0  # 104 times what the others have
    assert has_outliers(mho.map_network(layer, hardware))


def test_it_prints_within_100_columns_and_explains_its_columns():
    hardware = mho.Hardware(device="charan2020", mapping=mho.CharanLegacy())
    text = str(diagnosed(hardware))
    assert max(map(len, text.splitlines())) <= 100
    assert "self-check on an ideal device: left out" in text
    assert "sum clip" not in text
    network = mho.map_network(MODEL, mho.Hardware(device=IDEAL, adc_bits=6)).calibrate(DATA[0])
    text = str(mho.diagnose(network, DATA, 0, progress=False))
    assert max(map(len, text.splitlines())) <= 100
    assert "sum clip: partial sums beyond the ADC's range" in " ".join(text.split())
    assert "self-check on an ideal device: passed" in text


def test_an_effect_that_takes_much_is_named_however_much_another_takes():
    from mho.diagnosis.result import EffectResult, Outcome
    from mho.diagnosis.verdict import causes_of

    effects = [
        EffectResult(str(drop), "what", "advice", Outcome(0.9, (0.9,), drop, 10.0), None)
        for drop in (60.0, 8.0, 2.0)
    ]
    assert [cause.key for cause in causes_of(effects, 65.0)] == ["60.0", "8.0"]
    assert [cause.key for cause in causes_of(effects[2:], 4.0)] == ["2.0"]


def test_each_effect_is_seen_at_each_layer():
    """Independent errors add up in power: the first layer's with all is that of each together."""
    device = IDEAL.replace(programming=ConstantSpread(sd_uS=1), levels=UniformLevels(count=8))
    first, _ = diagnosed(mho.Hardware(device=device)).layers
    assert set(first.alone_snr_db) == {"levels", "programming"}
    noise = sum(10 ** (-db / 10) for db in first.alone_snr_db.values())
    assert first.snr_db == pytest.approx(-10 * math.log10(noise), abs=1)
    assert first.worst_effect == min(first.alone_snr_db, key=first.alone_snr_db.get)


def test_defaults_and_refusals():
    hardware = mho.Hardware(device="falcone2025")
    assert diagnosed(hardware, None).t_s == 10 * 365 * 86400
    assert diagnosed(mho.Hardware(device="charan2020"), None).t_s == 0
    with pytest.raises(mho.MhoError, match="valid from 1 s"):
        diagnosed(hardware, "0.1 s")
    with pytest.raises(mho.MhoError, match="chips must be 1 or more"):
        diagnosed(hardware, chips=0)
    chip = mho.program(mho.map_network(MODEL, hardware), seed=7)
    assert mho.diagnose(chip, DATA, "1 d", progress=False).chips == (7,)


def test_noise_of_decisions_is_what_gain_and_offset_leave():
    torch.manual_seed(0)
    clean, noise = torch.randn(500, 10), torch.randn(500, 10)
    assert noise_of_decisions(clean, 2 * clean - 5) < 1e-12
    found = noise_of_decisions(clean, 2 * (clean + 0.1 * noise))
    assert found == pytest.approx(0.01, rel=0.1)
