"""Exported files by their numbers: the generated code runs here against stand-in base classes."""

from __future__ import annotations

import math
import sys
import types

import numpy as np
import pytest
import torch

import mho
from mho.device.export import export_device
from mho.errors import ConfigError, OutOfRangeError

N = 100_000


class NoiseModel:
    """What aihwkit's BaseNoiseModel is to a noise model."""

    def __init__(self, g_converter=None):
        self.g_converter = g_converter


class Converter:
    def __init__(self, g_max=None, g_min=None):
        self.g_max, self.g_min = g_max, g_min


class EmptyDevice:
    """What CrossSim's EmptyDevice is to a device: normalised conductances and a time."""

    def __init__(self, on_off, time):
        self.Gmin_norm, self.Gmax_norm = 1 / on_off, 1.0
        self.Grange_norm = self.Gmax_norm - self.Gmin_norm
        self.time = time


def run(text, monkeypatch, modules):
    for path, names in modules.items():
        parts = path.split(".")
        for k in range(1, len(parts) + 1):
            name = ".".join(parts[:k])
            if name not in sys.modules or k == len(parts):
                monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
        for key, value in names.items():
            setattr(sys.modules[path], key, value)
    scope: dict = {"__name__": "exported"}
    exec(compile(text, "exported.py", "exec"), scope)
    classes = [c for c in scope.values() if isinstance(c, type) and c.__module__ == "exported"]
    assert len(classes) == 1
    return classes[0]


def aihwkit(device, monkeypatch):
    modules = {
        "aihwkit.inference.converter.conductance": {"SinglePairConductanceConverter": Converter},
        "aihwkit.inference.noise.base": {"BaseNoiseModel": NoiseModel},
    }
    return run(export_device(device, "aihwkit").text, monkeypatch, modules)()


def crosssim(device, monkeypatch, time=0.0):
    modules = {
        "simulator.backend": {"ComputeBackend": lambda: np},
        "simulator.devices.idevice": {"EmptyDevice": EmptyDevice},
    }
    cls = run(export_device(device, "crosssim").text, monkeypatch, modules)
    return cls(device.g_max_uS / max(device.g_min_uS, 1e-6), time)


def assert_like(cells, mean, sd):
    """Within four standard errors, and 1 % for the tables."""
    assert abs(cells.mean() - mean) < 4 * sd / math.sqrt(N) + 0.01 * sd
    assert abs(cells.std() - sd) < 4 * sd / math.sqrt(2 * N) + 0.01 * sd


def falcone(g, t):
    read = 0.0277316483 * math.log10(g) * math.sqrt(math.log((t + 1e-6) / 2e-6)) if t else 0.0
    drift = 0.04201137 * math.log(t) + 0.41183342 if t else 0.0
    mean = g - 0.08900206 * math.log(t) if t else g
    return mean, math.hypot(0.01129027 * g + 0.01121854, drift), read


@pytest.mark.parametrize("g", [12.0, 37.0, 80.0])
def test_aihwkit_has_falcone2025_s_mean_and_sd(g, monkeypatch):
    torch.manual_seed(0)
    model = aihwkit(mho.load_device("falcone2025"), monkeypatch)
    assert model.g_converter.g_max == 88.2
    target = torch.full((N,), g)
    programmed = model.apply_programming_noise_to_conductance(target)
    assert_like(programmed, *falcone(g, 0.0)[:2])
    score = model.generate_drift_coefficients(target)
    for t in (1.0, 3600.0, 3.1536e8):
        mean, sd, read = falcone(g, t)
        cells = model.apply_drift_noise_to_conductance(programmed, score, t)
        assert_like(cells, mean, math.hypot(sd, read))
    assert torch.equal(model.apply_drift_noise_to_conductance(programmed, score, 0), programmed)
    with pytest.raises(ValueError, match="valid from 1 s"):
        model.apply_drift_noise_to_conductance(programmed, score, 1e12)


def test_aihwkit_keeps_the_shape_of_a_lognormal(monkeypatch):
    torch.manual_seed(0)
    model = aihwkit(mho.load_device("charan2020"), monkeypatch)
    cells = model.apply_programming_noise_to_conductance(torch.full((N,), 20.0))
    for share, z in ((0.05, -1.6449), (0.5, 0.0), (0.95, 1.6449)):
        error = 4 * math.sqrt(share * (1 - share) / N)
        assert abs((cells < 20 * math.exp(0.5 * z)).float().mean().item() - share) < error + 5e-3
    assert cells.max() <= 100.01


def test_aihwkit_keeps_each_pcm_cell_s_exponent(monkeypatch):
    torch.manual_seed(0)
    device = mho.load_device("nandakumar2019-pcm").replace(read_noise={"law": "none"})
    model = aihwkit(device, monkeypatch)
    g = torch.full((1000,), 12.0)
    score = model.generate_drift_coefficients(g)
    hour, year = (model.apply_drift_noise_to_conductance(g, score, t) for t in (3600.0, 3e7))
    assert np.corrcoef(torch.log(hour / g), torch.log(year / g))[0, 1] > 0.99
    exact = device.drift.change(np.full(1000, 12.0), 3e7, score.numpy().astype(np.float64))
    assert (year - g).numpy() == pytest.approx(exact, abs=0.02 * np.abs(exact).max())


@pytest.mark.parametrize("to", ["aihwkit", "crosssim"])
def test_stuck_cells_are_counted(to, monkeypatch):
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002  # the generated code draws from the global generator
    device = mho.load_device("charan2020-jxcdc")
    if to == "aihwkit":
        cells = aihwkit(device, monkeypatch).apply_programming_noise_to_conductance(
            torch.full((N,), 50.0)
        )
        cells = cells.numpy()
    else:
        model = crosssim(device, monkeypatch)
        x = model.programming_error(np.full(N, model._normalised(50.0)))
        cells = model._conductance(x)
    for edge, share in ((100.0, 0.0175), (1.0, 0.0904)):
        counted = (np.abs(cells - edge) < 1e-4).mean()
        assert abs(counted - share) < 4 * math.sqrt(share * (1 - share) / N)


@pytest.mark.parametrize("g", [12.0, 80.0])
def test_crosssim_has_falcone2025_s_mean_and_sd(g, monkeypatch):
    np.random.seed(0)  # noqa: NPY002
    device = mho.load_device("falcone2025")
    model = crosssim(device, monkeypatch, time=3600.0)
    x = np.full(N, 1 / (88.2 / 9) + (1 - 9 / 88.2) * (g - 9) / 79.2)
    assert_like(model._conductance(model.programming_error(x)), *falcone(g, 0.0)[:2])
    for t in (0.0, 1.0, 3600.0, 3.1536e8):
        mean, sd, _ = falcone(g, t)
        assert_like(model._conductance(model.drift_error(x, t)), mean, sd)
    assert_like(model._conductance(model.read_noise(x)), g, falcone(g, 3600.0)[2])
    with pytest.raises(ValueError, match="valid from 1 s"):
        model.drift_error(x, 0.5)


def test_crosssim_has_sonos_spread_at_its_days(monkeypatch):
    np.random.seed(0)  # noqa: NPY002
    model = crosssim(mho.load_device("agrawal2022-sonos"), monkeypatch)
    x = np.full(N, model._normalised(4.0))
    for day, (a, b) in ((0, (19.88665, 176.3115)), (5, (34.57909, 207.34309))):
        sd = a * (1 - math.exp(-400 / b)) / 100
        assert_like(model._conductance(model.drift_error(x, day * 86_400.0)), 4.0, sd)


def states(text):
    rows = [line.split(",") for line in text.splitlines()]
    assert rows[0] == ["states", "mean", "std"]
    return np.array(rows[1:], dtype=float)


def test_neurosim_states_are_mean_and_sd_in_siemens():
    device = mho.load_device("falcone2025")
    table = states(export_device(device, "neurosim", t="1 h", levels=8).text)
    assert table[:, 0].tolist() == list(range(8))
    for g, (_, mean, sd) in zip(np.linspace(9, 88.2, 8), table, strict=True):
        expected, spread, _ = falcone(g, 3600.0)
        read = falcone(expected, 3600.0)[2]
        assert mean == pytest.approx(expected * 1e-6, rel=1e-4)
        assert sd == pytest.approx(math.hypot(spread, read) * 1e-6, rel=5e-3)


def test_neurosim_states_hold_stuck_cells():
    table = states(export_device(mho.load_device("charan2020-jxcdc"), "neurosim").text)
    middle = 1.0 + 99 / 15 * 6
    own_mean, own_square = middle * math.exp(0.005), middle**2 * math.exp(0.02)
    mean = 0.8921 * own_mean + 0.0175 * 100 + 0.0904 * 1
    square = 0.8921 * own_square + 0.0175 * 100**2 + 0.0904
    assert table[6, 1] == pytest.approx(mean * 1e-6, rel=2e-3)
    assert table[6, 2] == pytest.approx(math.sqrt(square - mean**2) * 1e-6, rel=5e-3)


def test_neurosim_wants_powers_of_two():
    with pytest.raises(ConfigError, match="has 10. Give levels = 8 or 16"):
        export_device(mho.load_device("charan2020"), "neurosim")


def test_every_preset_can_be_exported(tmp_path):
    for name in mho.list_devices():
        for to in ("aihwkit", "crosssim"):
            path = tmp_path / f"{name}-{to}.py"
            exported = export_device(mho.load_device(name), to, path)
            assert path.read_text(encoding="utf-8") == exported.text
            compile(exported.text, path, "exec")
            assert mho.load_device(name).source.citation.split(",")[0] in exported.text


def test_what_a_tool_cannot_say_is_said():
    device = mho.load_device("falcone2025")
    assert any("path" in limit for limit in export_device(device, "aihwkit").limits)
    assert any("path" in limit for limit in export_device(device, "crosssim").limits)
    limits = export_device(device, "neurosim", levels=4).limits
    assert any("t = 1 s alone" in limit for limit in limits)
    assert any("normal law" in limit for limit in limits)


def test_mistakes_are_answered():
    with pytest.raises(ConfigError, match=r"'aihwkitt'.*'aihwkit'"):
        export_device(mho.load_device("ideal"), "aihwkitt")
    with pytest.raises(OutOfRangeError):
        export_device(mho.load_device("wan2022"), "neurosim", t="1 y")
