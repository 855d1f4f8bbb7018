"""ONNX graphs: onnxruntime finds the same logits, whatever the layer, the projection, the time."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

import mho
from mho.network.applied import Applied
from mho.recover.sparse.branch import SparseBranch, Words
from mho.recover.veraplus.attachment import PairSettings, VeraBranch
from mho.recover.veraplus.branches import Branches
from mho.recover.veraplus.geometry import geometries_of
from mho.recover.veraplus.schedule import Schedule
from mho.recover.veraplus.vectors import store

TIMES = [0.0, 1.0, 50.0, 3600.0, 86400.0, 3.2e7, 3.2e8, 1e10]
SINGLE = mho.Hardware(device="falcone2025", mapping=mho.SingleDevice())


class Mixed(nn.Module):
    """Convolutions of every kind that has branches, batch norm, attention, linear."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 6, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(6)
        self.grouped = nn.Conv2d(6, 6, (3, 2), groups=3, padding=0)
        self.depthwise = nn.Conv2d(6, 6, 3, groups=6, padding="same", dilation=2)
        self.up = nn.ConvTranspose2d(6, 4, 2, stride=2)
        self.line = nn.Conv1d(4, 8, 3, padding=1, stride=2)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.fc = nn.Linear(8, 3)

    def forward(self, x):
        x = torch.relu(self.norm(self.conv(x)))
        x = torch.relu(self.depthwise(torch.relu(self.grouped(x))))
        x = self.line(self.up(x).flatten(2)).transpose(1, 2)
        x, _ = self.attention(x, x, x, need_weights=False)
        return self.fc(x).mean(1)


X = torch.randn(3, 2, 10, 9, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def mixed():
    torch.manual_seed(0)
    model = Mixed().eval()
    model.norm.running_mean.uniform_(-1, 1)
    model.norm.running_var.uniform_(0.5, 2)
    return mho.map_network(model, SINGLE, example=X)


def compensated(network, *, rank=2, bits=8, interpolate=False, clock=1.0, **pair):
    """Attach untrained sets whose numbers are large enough to be seen."""
    settings = PairSettings(rank, pair.pop("projection", "random"), seed=3, **pair)
    geometries = geometries_of(network)
    branches = Branches(geometries, settings.draw(geometries))
    draw = torch.Generator().manual_seed(1)
    b = 0.3 * torch.randn(3, sum(branches.b_sizes), generator=draw)
    d = 0.3 * torch.randn(3, sum(branches.d_sizes), generator=draw)
    schedule = Schedule((1.0, 3600.0, 1e8), interpolate)
    branch = VeraBranch(branches, store(branches, b, d, bits), schedule, settings, clock)
    return network.with_applied(Applied("vera-plus", {}, attachment=branch))


def session_of(target, folder, **options):
    return onnxruntime.InferenceSession(mho.export_onnx(target, folder / "graph.onnx", **options))


def agree(session, chip, cells, x=X, times=TIMES):
    """Whether the graph finds what the chip's branches compute around its cells at one time."""
    network, attachments = chip.network, chip.attachments
    for t_s in times:
        snapshot = network.draw([cells], chip.streams, read=0)[0]
        for attachment in attachments:
            if isinstance(attachment, VeraBranch):
                snapshot = snapshot.add_digital(attachment.weights_at(t_s))
            else:
                snapshot = attachment.apply(snapshot, chip)
        expected = network.realise(snapshot)(x).detach().numpy()
        found = session.run(None, {"x": x.numpy(), "t_s": np.array(t_s)})[0]
        assert np.abs(found - expected).max() < 1e-4 * max(1, np.abs(expected).max()), t_s


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"projection": "physical", "interpolate": True},
        {"projection": "physical", "rank": 1, "bits": None, "clock": 0.1},
        {"reach": "window", "interpolate": True, "bits": 4},
    ],
    ids=str,
)
def test_every_kind_of_layer_at_every_time(mixed, tmp_path, how):
    chip = compensated(mixed, **how).program(7)
    session = session_of(chip, tmp_path, cells="1 d", example=X)
    assert [i.name for i in session.get_inputs()] == ["x", "t_s"]
    assert [o.name for o in session.get_outputs()] == ["logits"]
    agree(session, chip, 86400.0)


def test_the_cells_at_the_time_of_use_can_be_fed(mixed, tmp_path):
    """With a chip's own cells at t, the graph is the chip at t: bundle.at(t) in another runtime."""
    chip = compensated(mixed, interpolate=True).program(2)
    session = session_of(chip, tmp_path, example=X)
    replaceable = {i.name for i in session.get_overridable_initializers()}
    assert replaceable == {f"crossbar/{layer.name}" for layer in mixed.layers}
    for time in ("1 h", "10 y"):
        cells = chip.snapshot(time, read=0).crossbar
        fed = {f"crossbar/{name}": weight.numpy() for name, weight in cells.items()}
        t_s = np.array(mho.units.seconds(time))
        found = session.run(None, {"x": X.numpy(), "t_s": t_s, **fed})[0]
        assert np.abs(found - chip.at(time)(X).detach().numpy()).max() < 1e-4


def test_a_network_is_written_with_the_wanted_weights(tmp_path):
    network = compensated(mho.map_network(mho.zoo.build("lenet5"), SINGLE))
    session = session_of(network, tmp_path)
    x = torch.randn(1, 1, 28, 28, generator=torch.Generator().manual_seed(2))
    ideal = network.with_hardware(mho.Hardware(device="ideal"))
    ideal = ideal.with_applied(network.applied[-1])
    agree(session, ideal.program(0), 0.0, x, [0.0, 86400.0])
    facts = {p.key: p.value for p in onnx.load(tmp_path / "graph.onnx").metadata_props}
    assert facts["device"] == "falcone2025"
    assert facts["chip"] == "none: wanted weights"


def test_sram_branches_and_tuned_values_run_beside_the_cells(mixed, tmp_path):
    positions = torch.arange(6, dtype=torch.int32)
    words = Words((3, 8), positions, torch.arange(1, 7, dtype=torch.int16), step=0.1)
    adapted = Applied("sparse-adaptation", {}, attachment=SparseBranch({"fc": words}))
    chip = compensated(mixed).program(1).with_applied(adapted)
    data = mho.data.Data(X.repeat(5, 1, 1, 1), torch.arange(15) % 3, name="x")
    tuned = mho.recover.Dora(steps=5, samples=15).fit(chip, data)
    agree(session_of(tuned, tmp_path, example=X), tuned, 1.0)


def test_a_network_without_recoveries_takes_no_notice_of_the_time(tmp_path):
    network = mho.map_network(nn.Linear(4, 3), SINGLE)
    x = torch.randn(2, 4, generator=torch.Generator().manual_seed(2))
    agree(session_of(network.program(0), tmp_path, example=x), network.program(0), 1.0, x)


def refusal(target, tmp_path, match, **options):
    with pytest.raises(mho.MhoError, match=match):
        mho.export_onnx(target, tmp_path / "graph.onnx", **options)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_is_refused_in_a_sentence(mixed, tmp_path):
    data = mho.data.Data(X, torch.arange(3), name="x")
    refusal(mixed, tmp_path, r"example=x")
    refusal(mixed, tmp_path, "a network has none of its own", cells="1 d", example=X)
    scaled = mho.recover.DriftScale().fit(mixed, data)
    refusal(scaled.program(0), tmp_path, "'drift-scale' works on the chip", example=X)
    converters = mho.map_network(mixed.model, SINGLE.model_copy(update={"adc_bits": 8}))
    refusal(converters, tmp_path, "no converters", example=X)
    twice = compensated(compensated(mixed))
    refusal(twice, tmp_path, "one graph takes one VeRA", example=X)
    fitting = mho.recover.BiasTuning(samples=3, held_out=0.4, steps=1).fit(mixed, data)
    refusal(fitting, tmp_path, r"every chip of this network fits itself", example=X)


def test_a_network_that_onnx_cannot_express_is_refused(tmp_path):
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 3)

        def forward(self, x):
            return self.fc(x) if float(x.sum()) > 0 else self.fc(-x)

    network = mho.map_network(Odd(), SINGLE)
    refusal(network, tmp_path, "ONNX cannot express", example=torch.ones(2, 4))
