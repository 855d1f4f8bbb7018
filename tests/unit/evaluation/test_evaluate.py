"""Evaluations: the same numbers whatever the order, resumable, strict before any work is done."""

import json
import math

import numpy as np
import pytest
import torch
from torch import nn

import mho
from mho.data import Data
from mho.device.drift import NoDrift
from mho.device.ensemble import Ensemble, Member
from mho.errors import ConfigError, DataError, ModelError, OutOfRangeError
from mho.evaluation import HalfWidth, TopK
from mho.results import Store

TIMES = ["1s", "1d", "10y"]


def evaluate(small, times=TIMES, chips=4, **options):
    return mho.evaluate(*small, times, chips, **options)


@pytest.fixture(scope="module")
def found(small):
    return evaluate(small)


def test_accuracies_agree_with_a_plain_loop(small, found):
    network, data = small
    for row, seed in enumerate(found.chips):
        chip = mho.program(network, seed)
        for column, t_s in enumerate(found.times_s):
            with torch.inference_mode():
                right = (chip.at(t_s)(data.inputs).argmax(1) == data.labels).sum()
            assert found.accuracies[row, column] == int(right) / len(data)


@pytest.mark.parametrize("batch", [1, 7, 64, 1000])
def test_any_batch_gives_the_same_numbers(small, found, batch):
    assert np.array_equal(evaluate(small, batch=batch).accuracies, found.accuracies)


def test_any_order_of_times_gives_the_same_numbers(small, found):
    turned = evaluate(small, times=["10y", "1s", "1d"])
    assert np.array_equal(turned.accuracies, found.accuracies[:, [2, 0, 1]])


def test_any_part_of_the_chips_gives_the_same_numbers(small, found):
    part = evaluate(small, chips=2, seed=2)
    assert part.chips == (2, 3)
    assert np.array_equal(part.accuracies, found.accuracies[2:])
    picked = evaluate(small, chips=[3, 0])
    assert np.array_equal(picked.accuracies, found.accuracies[[3, 0]])


def test_any_number_of_threads_gives_the_same_numbers(small, found):
    threads = torch.get_num_threads()
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            assert np.array_equal(evaluate(small).accuracies, found.accuracies)
    finally:
        torch.set_num_threads(threads)


def test_one_chip_is_a_chip_of_its_network(small, found):
    network, data = small
    alone = mho.evaluate(mho.program(network, 2), data, TIMES)
    assert alone.chips == (2,)
    assert np.array_equal(alone.accuracies, found.accuracies[[2]])
    assert alone.task == found.task
    assert alone.at("1s").half_width == math.inf


def test_the_reference_time_is_the_default(small):
    assert mho.evaluate(*small, chips=1).times_s == (small[0].hardware.device.t0_s,)


def test_repeated_times_are_evaluated_once(small):
    assert evaluate(small, times=["1d", 86400, "24 h"], chips=1).times_s == (86400.0,)


# --- the store -----------------------------------------------------------------------------------


def test_a_store_is_filled_and_then_used(small, found, tmp_path):
    file = tmp_path / "results.sqlite"
    words = []
    first = evaluate(small, store=file, progress=lambda done, total, text: words.append(text))
    assert words == [f"{n} of 4 chips" for n in range(5)]
    again = evaluate(small, store=file, progress=lambda done, total, text: words.append(text))
    assert len(words) == 5
    for result in (first, again):
        assert np.array_equal(result.accuracies, found.accuracies)


def test_more_chips_and_times_run_only_what_is_missing(small, found, tmp_path):
    file = tmp_path / "results.sqlite"
    evaluate(small, chips=2, times=["1s"], store=file)
    with Store(file) as store:
        evaluate(small, store=store)
        assert len(store) == 12
        assert len(store.tasks()) == 1


def test_ctrl_c_keeps_finished_chips(small, found, tmp_path):
    file = tmp_path / "results.sqlite"

    def stop_at_the_third(done, total, text):
        if text == "2 of 4 chips":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(small, store=file, progress=stop_at_the_third)
    words = []
    result = evaluate(small, store=file, progress=lambda done, total, text: words.append(text))
    assert words == ["0 of 2 chips", "1 of 2 chips", "2 of 2 chips"]
    assert np.array_equal(result.accuracies, found.accuracies)


def test_the_task_knows_everything_that_decides(small):
    network, data = small
    other = network.with_hardware(
        network.hardware.model_copy(update={"mapping": mho.DifferentialPair()})
    )
    relabelled = Data(data.inputs, data.labels.roll(1), name="small", role="test")
    options = {"times": ["1s"], "chips": 1}
    tasks = [
        mho.evaluate(network, data, **options).task,
        mho.evaluate(other, data, **options).task,
        mho.evaluate(network, relabelled, **options).task,
        mho.evaluate(network, data, metric=TopK(k=2), **options).task,
    ]
    assert len(set(tasks)) == 4
    assert mho.evaluate(network, data, ["1d"], 2, batch=8, target=0.5).task == tasks[0]


# --- what comes out ------------------------------------------------------------------------------


def test_results_are_plain_data(small):
    result = evaluate(small, times=["1s", "10y"], target=0.9)
    plain = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    late = plain["times"][1]
    assert late["label"] == "10 y"
    assert late["extrapolated"] is True
    assert plain["times"][0]["extrapolated"] is False
    assert late["accuracies"] == result.accuracies[:, 1].tolist()
    assert late["mean"] == pytest.approx(np.mean(late["accuracies"]))
    assert late["yield"]["share"] == np.mean(result.accuracies[:, 1] >= 0.9)
    assert evaluate(small, chips=1).to_dict()["times"][0]["yield"] is None


def test_text_for_people(small, found):
    lines = str(found).splitlines()
    assert "200 examples" in lines[0]
    assert lines[3].endswith("(extrapolated)")
    assert "95% interval" in lines[1]


def test_paired_comparisons_need_the_same_chips_and_data(small, found):
    network, data = small
    with pytest.raises(ConfigError, match="same chips on both sides; got chips 0 to 3 and 4 chips"):
        found.paired(evaluate(small, chips=[0, 1, 2, 9]), "1s")
    fewer = mho.evaluate(network, data.subset(range(100)), TIMES, 4)
    with pytest.raises(ConfigError, match="same data on both sides"):
        found.paired(fewer, "1s")
    difference = found.paired(found, "1s")
    assert (difference.mean, difference.sd) == (0, 0)


def test_a_network_may_be_compared_between_two_times(small):
    """Drift of a device per weight costs accuracy: here 2 points, measured on 20 equal chips."""
    early, late = evaluate(small, ["1s"], 20), evaluate(small, ["10y"], 20)
    lost = early.paired(late)
    assert lost.mean == pytest.approx(early.at().mean - late.at().mean)
    assert lost.ci_low > 0


def test_a_stopping_rule_decides_how_many_chips(small):
    rule = HalfWidth(0.01, at_least=4, at_most=40)
    result = mho.evaluate(*small, ["1s"], stop=rule)
    assert result.met
    assert 4 <= len(result.chips) < 40
    assert result.at().half_width == pytest.approx(0.01, rel=0.3)
    same = mho.evaluate(*small, ["1s"], len(result.chips))
    assert np.array_equal(same.accuracies, result.accuracies)
    hard = mho.evaluate(*small, ["1s"], stop=HalfWidth(1e-6, at_least=2, at_most=3))
    assert hard.met is False
    assert len(hard.chips) == 3


# --- what the measurements leave open ---------------------------------------------------------


def test_chip_k_is_made_by_law_k(small):
    """Two laws, drift as it is and none: even chips are the card's own, odd ones do not drift."""
    network, data = small
    device = network.hardware.device
    laws = Ensemble(law="bootstrap-cells", members=(Member(), Member(drift=NoDrift())))
    hardware = network.hardware.model_copy(update={"device": device.replace(ensemble=laws)})
    open_laws = network.with_hardware(hardware)
    known = mho.evaluate(network, data, ["1y"], 4)
    both = mho.evaluate(open_laws, data, ["1y"], 4, law_uncertainty=True)
    still = network.with_hardware(
        hardware.model_copy(update={"device": device.replace(drift=NoDrift())})
    )
    assert np.array_equal(both.accuracies[::2], known.accuracies[::2])
    for chip in (1, 3):
        with torch.inference_mode():
            right = (still.program(chip).at("1y")(data.inputs).argmax(1) == data.labels).sum()
        assert both.accuracies[chip, 0] == int(right) / len(data)
    without = mho.evaluate(open_laws, data, ["1y"], 4)
    assert np.array_equal(without.accuracies, known.accuracies)
    assert without.task != both.task
    assert both.paired(without).sd > 0


def test_a_device_without_an_ensemble_is_refused(small):
    network, data = small
    with pytest.raises(ConfigError, match="has no ensemble of laws; fit it"):
        mho.evaluate(network, data, chips=1, law_uncertainty=True)
    with pytest.raises(ConfigError, match="one chip is made by one law"):
        mho.evaluate(network.program(0), data, law_uncertainty=True)


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"times": "10y"}, ConfigError, r"write \['10y'\]"),
        ({"times": []}, ConfigError, "times is empty"),
        ({"times": ["1s", "100y"]}, OutOfRangeError, "got t = 100 y"),
        ({"chips": 0}, ConfigError, "chips must be 1 or more"),
        ({"chips": [1, 1]}, ConfigError, "none of them twice"),
        ({"chips": [-1]}, ConfigError, "from 0; got -1"),
        ({"seed": 0.5}, ConfigError, "whole number from 0; got 0.5"),
        ({"stop": HalfWidth(0.1)}, ConfigError, "both say how many chips"),
        ({"target": 95}, ConfigError, "Write 0.95"),
        ({"confidence": 95}, ConfigError, "Write 0.95"),
    ],
)
def test_refused_before_any_work(small, tmp_path, options, error, says):
    file = tmp_path / "results.sqlite"
    with pytest.raises(error, match=says):
        evaluate(small, **{"store": file} | options)
    assert not file.exists()


def test_a_chip_is_not_asked_for_more_chips(small):
    network, data = small
    with pytest.raises(ConfigError, match=r"pass the network \(chip.network\)"):
        mho.evaluate(network.program(1), data, chips=20)


def test_times_that_were_not_evaluated_are_named(found):
    with pytest.raises(ConfigError, match="t = 1 y was not evaluated; known: 1 s, 1 d, 10 y"):
        found.at("1y")
    with pytest.raises(ConfigError, match="say at which time"):
        found.at()
    with pytest.raises(ConfigError, match="a yield needs a target"):
        found.yield_at(time="1s")


def test_nan_logits_are_refused_with_chip_and_time():
    class Log(nn.Module):
        def forward(self, x):
            return torch.log(x)

    torch.manual_seed(1)
    linear = nn.Linear(6, 3, bias=False)
    nn.init.uniform_(linear.weight, 0.9, 1.0)
    with torch.no_grad():
        linear.weight[0] = 1e-3
    hardware = mho.Hardware(device="falcone2025", mapping=mho.SingleDevice())
    network = mho.map_network(nn.Sequential(linear, Log()), hardware)
    data = (torch.ones(4, 6), torch.tensor([0, 1, 2, 0]))
    with pytest.raises(ModelError, match=r"chip 0 of 'Sequential' at t = 10 y returns NaN"):
        mho.evaluate(network, data, ["10y"])


def test_the_self_check_runs_before_noise_once_for_a_network(small, monkeypatch, tmp_path):
    monkeypatch.setattr("mho.evaluation.work._CHECKED", set())
    monkeypatch.setattr("mho.network.self_check._TOLERANCE", -1.0)
    with pytest.raises(ModelError, match="self-check: on an ideal device .* layer '[02]'"):
        evaluate(small, store=tmp_path / "results.sqlite")
    with Store(tmp_path / "results.sqlite") as store:
        assert len(store) == 0
    monkeypatch.setattr("mho.network.self_check._TOLERANCE", 1e-4)
    evaluate(small, chips=1)
    monkeypatch.setattr("mho.network.self_check._TOLERANCE", -1.0)
    evaluate(small, chips=1)


def test_labels_beyond_the_networks_classes_are_refused(small):
    network, data = small
    with pytest.raises(DataError, match="label 7 has no logit: chip 0 of 'Sequential'"):
        mho.evaluate(network, (data.inputs[:1], torch.tensor([7])), chips=1)
