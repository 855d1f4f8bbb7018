"""VeRA+ as a recovery."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import mho
from mho.crossbar.mapping import SingleDevice
from mho.data import Data
from mho.errors import BundleError, ConfigError, DataError, OutOfRangeError
from mho.network.applied import Applied
from mho.network.mapped import MappedNetwork
from mho.recover.attachments import restore
from mho.recover.veraplus import VeraBranch, VeraPlus

QUICK = {"steps": 10, "testing_chips": 3, "grid_per_decade": 1, "max_sets": 3, "batch": 32}


X = torch.rand(400, 20, generator=torch.Generator().manual_seed(0))


def _model() -> nn.Module:
    """Four balanced classes from positive inputs, so that a mean shift of all weights matters."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 24), nn.ReLU(), nn.Linear(24, 4))
    with torch.no_grad():
        model[2].bias -= model(X).mean(dim=0)
    return model


@pytest.fixture(scope="module")
def network() -> MappedNetwork:
    hardware = mho.Hardware(device="falcone2025", mapping=SingleDevice())
    return mho.map_network(_model(), hardware)


@pytest.fixture(scope="module")
def data() -> Data:
    return Data(X, _model()(X).argmax(1), name="own answers")


@pytest.mark.parametrize("schedule", ["walk", "fewest", "interpolated"])
def test_keeps_what_drift_would_take(network, data, schedule) -> None:
    """After ten years plain chips lose more than 20 points here, compensated ones less than 10."""
    lasting = VeraPlus(schedule=schedule, **QUICK).fit(network, data)
    start = mho.evaluate(network, data, ["1s"], chips=5, progress=False).at("1s").mean
    plain = mho.evaluate(network, data, ["10y"], chips=5, progress=False).at("10y").mean
    kept = mho.evaluate(lasting, data, ["10y"], chips=5, progress=False).at("10y").mean
    assert plain < start - 0.2
    assert kept > start - 0.1
    assert network.applied == ()


def test_says_what_it_knows_adds_and_reached(network, data) -> None:
    applied = VeraPlus(**QUICK).fit(network, data).applied[-1]
    assert applied.knows.labels
    assert applied.knows.true_time
    assert not applied.knows.data_on_device
    assert not applied.knows.rram_values
    assert applied.adds.rom_bits > 0
    assert applied.adds.macs_per_inference > 0
    assert applied.adds.rram_writes == 0
    rows = applied.report["schedule"]
    assert set(rows[0]) == {"from_s", "to_s", "set", "mean", "sd", "bound"}
    assert rows[0]["from_s"] == 1.0
    assert rows[-1]["to_s"] == mho.units.seconds("10y")
    grid = applied.report["grid"]
    assert applied.report["bound_met"] == all(row["bound_met"] for row in grid)
    assert all(row["bound_met"] == (row["mean"] - 3 * row["sd"] >= row["bound"]) for row in grid)


def test_same_seed_same_vectors(network, data) -> None:
    fits = [VeraPlus(**QUICK).fit(network, data, seed=seed) for seed in (0, 0, 1)]
    one, again, other = (fit.applied[-1].attachment.tensors()["b"] for fit in fits)
    assert torch.equal(one, again)
    assert one.shape != other.shape or not torch.equal(one, other)


class _Stopper:
    """Progress that stops the work after some words."""

    def __init__(self, after: int) -> None:
        self.left = after

    def __call__(self, done, total, text) -> None:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt


def test_goes_on_where_it_was_stopped(network, data, tmp_path) -> None:
    """Stopped at every tenth word of progress, it ends in what an undisturbed run ends in."""
    settings = VeraPlus(schedule="walk", **QUICK)
    whole = settings.fit(network, data)
    stops, resumed = 0, None
    while resumed is None:
        stopper = _Stopper(after=10 * (stops + 1))
        try:
            resumed = settings.fit(network, data, progress=stopper, checkpoint=tmp_path / "state")
        except KeyboardInterrupt:
            stops += 1
    assert stops >= 2
    assert resumed.digest == whole.digest
    assert resumed.applied[-1].report == whole.applied[-1].report


def test_a_checkpoint_of_other_work_is_refused(network, data, tmp_path) -> None:
    quick = {**QUICK, "steps": 1}
    VeraPlus(**quick).fit(network, data, checkpoint=tmp_path / "state")
    with pytest.raises(BundleError, match="other work"):
        VeraPlus(**quick).fit(network, data, seed=1, checkpoint=tmp_path / "state")


def test_progress_only_grows_to_one(network, data) -> None:
    shares: list[float] = []
    VeraPlus(**QUICK).fit(
        network, data, progress=lambda done, total, text: shares.append(done / total)
    )
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_one_chip_s_futures(network, data) -> None:
    chip = network.program(3)
    lasting = VeraPlus(**QUICK).fit(chip, data)
    assert lasting.seed == 3
    assert lasting.applied[-1].knows.rram_values
    assert "0" in lasting.snapshot("10y").digital


def test_composes_with_recoveries_on_the_chip(network, data) -> None:
    """A network whose chips carry branches already: the new ones are added to them."""
    first = VeraPlus(**QUICK).fit(network, data)
    second = VeraPlus(**{**QUICK, "pool": 2}).fit(first, data)
    assert [a.method for a in second.applied] == ["vera-plus", "vera-plus"]
    snapshot = second.program(0).snapshot("1y")
    parts = [a.attachment.weights_at(snapshot.t_s)["0"] for a in second.applied]
    torch.testing.assert_close(snapshot.digital["0"], parts[0] + parts[1])


@pytest.mark.parametrize("bits", [4, 16, None])
def test_stored_bits(network, data, bits) -> None:
    branch = VeraPlus(bits=bits, **QUICK).fit(network, data).applied[-1].attachment
    assert isinstance(branch, VeraBranch)
    if bits is not None:
        assert int(branch.vectors.b_codes.abs().max()) <= 2 ** (bits - 1) - 1


def test_the_attachment_is_found_again_by_its_kind(network, data) -> None:
    lasting = VeraPlus(**QUICK).fit(network, data)
    applied = lasting.applied[-1]
    again = restore(
        applied.attachment.kind, applied.attachment.settings(), applied.attachment.tensors()
    )
    copy = network.with_applied(Applied("vera-plus", applied.settings, attachment=again))
    x = data.inputs[:5]
    assert torch.equal(copy.program(1).at("1y")(x), lasting.program(1).at("1y")(x))


def test_as_published_is_random_walking_and_by_labels() -> None:
    published = VeraPlus.as_published(rank=4)
    assert (published.projection, published.schedule, published.loss, published.rank) == (
        "random", "walk", "labels", 4,
    )  # fmt: skip


def test_test_data_are_refused(network, data) -> None:
    with pytest.raises(DataError, match="test data"):
        VeraPlus(**QUICK).fit(network, Data(X, data.labels, name="unseen", role="test"))


def test_too_few_examples_are_refused(network, data) -> None:
    with pytest.raises(DataError, match="holds 25% of"):
        VeraPlus(**QUICK).fit(network, data.subset([0]))


def test_a_device_without_drift_is_refused(data) -> None:
    network = mho.map_network(_model(), mho.Hardware(device="charan2020"))
    with pytest.raises(ConfigError, match="no drift law"):
        VeraPlus(**QUICK).fit(network, data)


def test_a_life_beyond_the_law_is_refused(network, data) -> None:
    with pytest.raises(OutOfRangeError, match="valid from"):
        VeraPlus(lifetime="20y", **QUICK).fit(network, data)


def test_a_life_that_ends_before_it_begins_is_refused(network, data) -> None:
    with pytest.raises(ConfigError, match="must end after"):
        VeraPlus(lifetime="1s", **QUICK).fit(network, data)


@pytest.mark.parametrize("wrong", [{"rank": 0}, {"rank": 65}, {"keep": 1.1}, {"bits": 1},
                                   {"lifetime": "soon"}, {"projektion": "random"}])  # fmt: skip
def test_settings_that_make_no_sense_are_refused(wrong) -> None:
    with pytest.raises(ConfigError):
        VeraPlus.parse(wrong, where="study.toml")


def test_coarser_products_train_other_vectors_of_the_same_kind(network, data) -> None:
    quick = {"steps": 3, "testing_chips": 2, "grid_per_decade": 1, "max_sets": 1}
    fine = VeraPlus(**quick).fit(network, data).applied[-1]
    coarse = VeraPlus(**quick, precision="bfloat16").fit(network, data).applied[-1]
    assert "precision" not in fine.settings
    assert coarse.settings["precision"] == "bfloat16"
    assert fine.attachment.vectors.b_codes.shape == coarse.attachment.vectors.b_codes.shape
    assert fine.report["least_sets"] == coarse.report["least_sets"] == 1
