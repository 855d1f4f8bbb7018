"""A results file of synthetic numbers: it looks like a study, and nothing in it was measured."""

from __future__ import annotations

import copy
import itertools
import random
import statistics
from collections.abc import Callable
from typing import Any

import pytest

TIMES = [(1.0, "1 s"), (86_400.0, "1 d"), (2_592_000.0, "1 month"), (31_536_000.0, "1 y"),
         (315_360_000.0, "10 y")]  # fmt: skip
TOML = """# synthetic
[study]
name = "synthetic"

[network]
name = "lenet5-mnist5k"

[target]
accuracy_drop_pp = 1.0
lifetime = "10y"
yield = 0.9
"""


def make_moment(
    mean: float,
    sd: float,
    t_s: float = 1.0,
    label: str = "",
    *,
    chips: int = 20,
    floor: float = 0.966,
    seed: int = 0,
    images: int = 1000,
) -> dict[str, Any]:
    """One time of one step: normal accuracies over chips, counted on ``images``."""
    draw = random.Random(f"{seed}/{t_s}")
    own = random.Random(seed)
    scores = [own.gauss(0, 1) for _ in range(chips)]
    wanted = [mean + sd * (0.9 * s + 0.43 * draw.gauss(0, 1)) for s in scores]
    accuracies = [round(min(max(a, 0.0), 1.0) * images) / images for a in wanted]
    centre = statistics.fmean(accuracies)
    spread = statistics.stdev(accuracies) if chips > 1 else None
    half = None if spread is None else 2.09 * spread / chips**0.5
    passed = sum(a >= floor for a in accuracies)
    return {
        "t_s": t_s, "label": label or f"{t_s:g} s", "mean": centre,
        "ci_low": None if half is None else centre - half,
        "ci_high": None if half is None else centre + half,
        "sd": spread, "q05": sorted(accuracies)[max(0, round(0.05 * chips) - 1)],
        "worst": min(accuracies), "chips": chips, "confidence": 0.95,
        "extrapolated": t_s > 604_800,
        "yield": {"target": floor, "share": passed / chips, "ci_low": 0.5 * passed / chips,
                  "ci_high": min(1.0, passed / chips + 0.1)},
        "accuracies": accuracies,
    }  # fmt: skip


def make_step(
    name: str,
    composed: list[str],
    means: list[float],
    sds: list[float],
    *,
    knows: tuple[bool, ...] = (False,) * 5,
    chips: int = 20,
    seed: int = 0,
    **more: Any,
) -> dict[str, Any]:
    """One step, evaluated at the first ``len(means)`` of TIMES."""
    keys = ("labels", "data_on_device", "true_time", "own_readout", "rram_values")
    return {
        "name": name, "method": composed[-1] if composed else "nothing", "composed": composed,
        "settings": {}, "knows": dict(zip(keys, knows, strict=True)),
        "adds": more.pop("adds", {}), "cost": more.pop("cost", {}),
        "times": [
            make_moment(mean, sd, t_s, label, chips=chips, seed=seed)
            for (t_s, label), mean, sd in zip(TIMES, means, sds, strict=False)
        ],
        "paired": [], "seconds": 12.5, "schedule": None, "notes": [], **more,
    }  # fmt: skip


def add_paired(steps: list[dict[str, Any]]) -> None:
    """Paired differences of each step against the one before it."""
    for before, step in itertools.pairwise(steps):
        for a, b in zip(before["times"], step["times"], strict=True):
            gains = [y - x for x, y in zip(a["accuracies"], b["accuracies"], strict=True)]
            mean = statistics.fmean(gains)
            half = 2.09 * statistics.stdev(gains) / len(gains) ** 0.5
            step["paired"].append(
                {"t_s": b["t_s"], "against": before["name"], "mean": mean,
                 "ci_low": mean - half, "ci_high": mean + half}
            )  # fmt: skip


DEVICE = {
    "name": "charan2020 + drift of falcone2025",
    "description": "65 nm RRAM, ten levels; drift of falcone2025 scaled to this window",
    "g_min_uS": 1.0, "g_max_uS": 100.0, "t0_s": 0.0,
    "levels": {"law": "uniform", "count": 10},
    "programming": {"law": "lognormal", "sd_ln": 0.5, "clip_to_window": True},
    "drift": {"law": "log-time", "mean_slope_uS": -0.111, "sd_slope_uS": 0.0525,
              "sd_intercept_uS": 0.515},
    "memory": {"law": "random-walk", "readout": 0.2, "readout_lifetime": 1.0},
    "read_noise": {"law": "none"},
    "faults": {"stuck_at_lrs": 0.0, "stuck_at_hrs": 0.0},
    "valid": {"g_uS": [1.0, 100.0], "t_s": [1.0, 315_360_000.0],
              "measured_t_s": [1.0, 604_800.0]},
    "source": {"citation": "synthetic example", "doi": "10.0000/none"},
}  # fmt: skip

LAYERS = [
    ("conv1", "conv2d", "crossbar", 150, 117_600, ""),
    ("conv2", "conv2d", "crossbar", 2_400, 240_000, ""),
    ("fc1", "linear", "crossbar", 48_000, 48_000, ""),
    ("fc2", "linear", "crossbar", 10_080, 10_080, ""),
    ("fc3", "linear", "digital", 840, 840, "asked for by digital=('fc3',)"),
    ("biases", "bias", "digital", 236, 0, "biases are added digitally"),
]


def make_example() -> dict[str, Any]:
    """A whole synthetic study."""
    steps = [
        make_step("as it is", [], [0.741, 0.735, 0.72, 0.70, 0.68], [0.1] * 5, seed=1,
                  notes=["The legacy rule has no scale per layer: its ceil quantiser moves every "
                         "small weight to the first level, and the network collapses."],
                  cost={"area_um2": 9100.0, "area_share": 0.0}),
        make_step("distilled", ["distill"], [0.954, 0.951, 0.946, 0.94, 0.933],
                  [0.007, 0.008, 0.01, 0.012, 0.014], seed=2,
                  knows=(True, False, False, False, False), seconds=41.0,
                  cost={"area_um2": 9100.0, "area_share": 0.0}),
        make_step("distilled + sparse adaptation", ["distill", "sparse-adaptation"],
                  [0.9745, 0.973, 0.9705, 0.9675, 0.961], [0.0025, 0.003, 0.004, 0.005, 0.007],
                  seed=3, knows=(True, True, False, True, False), seconds=95.0,
                  adds={"sram_bits": 24_560, "rom_bits": 0, "macs_per_inference": 9_800,
                        "rram_writes": 0, "data_bits_on_device": 0},
                  cost={"area_um2": 9800.0, "area_share": 0.0786}),
        make_step("distilled + sparse adaptation + VeRA+",
                  ["distill", "sparse-adaptation", "vera-plus"],
                  [0.9745, 0.974, 0.9735, 0.973, 0.9725], [0.0025] * 5,
                  seed=3, knows=(True, True, True, True, False), seconds=120.0,
                  adds={"sram_bits": 24_560, "rom_bits": 8_192, "macs_per_inference": 14_200,
                        "rram_writes": 0, "data_bits_on_device": 0},
                  cost={"area_um2": 9890.0, "area_share": 0.0871},
                  schedule=[
                      {"from_s": 1.0, "to_s": 40_000.0, "set": 0, "mean": 0.9742, "sd": 0.0012,
                       "bound": 0.9696},
                      {"from_s": 40_000.0, "to_s": 9e6, "set": 1, "mean": 0.9738, "sd": 0.0013,
                       "bound": 0.9696},
                      {"from_s": 9e6, "to_s": 315_360_000.0, "set": 2, "mean": 0.9735,
                       "sd": 0.0012, "bound": 0.9696}]),
    ]  # fmt: skip
    add_paired(steps)
    coverage = [
        dict(zip(("layer", "kind", "where", "parameters", "macs", "reason"), row, strict=True))
        for row in LAYERS
    ]
    return {
        "format": 1, "mho": "0.1.0", "study": {"name": "synthetic", "toml": TOML},
        "created": "2026-02-03T10:00:00+00:00",
        "versions": {"mho": "0.1.0", "python": "3.11.2", "torch": "2.13.0", "numpy": "2.4.6"},
        "hashes": {"network": "a" * 64, "hardware": "b" * 64, "data": "c" * 64, "study": "d" * 64},
        "seeds": {"chips": [0, 19], "training": 0},
        "data": {"name": "synthetic digits", "role": "test", "images": 1000,
                 "note": "made up for this example"},
        "network": {"name": "LeNet-5", "parameters": 61_706, "macs": 416_520,
                    "coverage": coverage, "share_parameters": 0.982, "share_macs": 0.997},
        "hardware": {"device": copy.deepcopy(DEVICE),
                     "mapping": {"law": "differential-pair", "scale": "layer"},
                     "rows": 128, "cols": 128, "dac_bits": None, "adc_bits": None,
                     "notes": ["Programming is charan2020's; the drift is falcone2025's, scaled to "
                               "this window."]},
        "baseline": {"accuracy": 0.976, "images": 1000},
        "target": {"accuracy_drop_pp": 1.0, "lifetime_s": 315_360_000.0, "yield": 0.9},
        "steps": steps, "fit": None, "verdict": "", "report": None,
    }  # fmt: skip


@pytest.fixture
def example() -> dict[str, Any]:
    """A fresh copy of the synthetic study; tests may change it."""
    return make_example()


@pytest.fixture
def step_of() -> Callable[..., dict[str, Any]]:
    """The maker of synthetic steps."""
    return make_step
