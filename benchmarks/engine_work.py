"""The work that ``engine.py`` times: ours and a plain program for each; growth, memory."""

from __future__ import annotations

import copy
import importlib
import itertools
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import mho
from mho.data import Data
from mho.network.plan import Plan
from mho.zoo.resnet import ResNet
from timing import compare, seconds

DEVICE = "falcone2025"
TIMES = ("1 h", "1 d", "1 month", "1 y", "10 y")
_NUDGES = itertools.count(1)


@dataclass(frozen=True)
class Setting:
    """How to measure.

    Attributes:
        pairs: Pairs of each ratio.
        clock: ``"wall"`` or ``"cpu"``.
        chips: Chips of the job.
        images: Images of the job.
    """

    pairs: int
    clock: str
    chips: int
    images: int


def network_of(name: str) -> nn.Module:
    """Return a network; times do not depend on what it has learned, so it has learned nothing."""
    torch.manual_seed(0)
    return mho.zoo.build(name).eval()


def images_for(model: nn.Module, count: int) -> Tensor:
    """Return normal noise of the shape of the network's images."""
    return torch.randn(count, *model.example_shape, generator=torch.Generator().manual_seed(1))


def plain_loop(model: nn.Module, x: Tensor, batch: int) -> Callable[[], None]:
    """Return what everyone writes: ``model.eval()``, batch by batch, eager."""

    def loop() -> None:
        with torch.inference_mode():
            for part in x.split(batch):
                model(part).argmax(1)

    return loop


def careful_loop(model: nn.Module, x: Tensor, micro_batch: int) -> Callable[[], None]:
    """Return a careful plain program: batch norm folded, channels last, cache-sized batches."""
    from torch.fx.experimental.optimization import fuse

    channels_last = torch.channels_last
    folded = fuse(copy.deepcopy(model)).to(memory_format=channels_last)

    def loop() -> None:
        with torch.inference_mode():
            for part in x.split(micro_batch):
                folded(part.contiguous(memory_format=channels_last)).argmax(1)

    return loop


def forward(name: str, batch: int, setting: Setting, **periphery: int) -> dict[str, Any]:
    """Time the forward pass of one programmed chip, against the plain and the careful program."""
    model = network_of(name)
    x = images_for(model, batch)
    network = mho.map_network(model, mho.Hardware(device=DEVICE, **periphery))
    if periphery:
        network = network.calibrate(x)
    plan = Plan(network)
    plan.load(network.program(0).snapshot("10 y"))

    def ours() -> None:
        plan(x).argmax(1)

    ours()
    careful = min(
        (careful_loop(model, x, size) for size in (32, 64, batch)),
        key=lambda loop: statistics.median(seconds(loop, setting.clock) for _ in range(5)),
    )
    how = {"pairs": setting.pairs, "clock": setting.clock}
    return {
        "ratio": compare(ours, plain_loop(model, x, batch), **how),
        "careful": compare(ours, careful, **how),
    }


def drawing(setting: Setting) -> dict[str, Any]:
    """Time a new chip, and a further time of a chip: drawn and written, over one plain forward."""
    model = network_of("resnet20")
    x = images_for(model, 128)
    network = mho.map_network(model, mho.Hardware(device=DEVICE))
    plan = Plan(network)
    seeds = itertools.count()
    plain = plain_loop(model, x, 128)
    how = {"pairs": setting.pairs, "clock": setting.clock}

    def new_chip(times: tuple[str, ...]) -> Callable[[], None]:
        def work() -> None:
            for snapshot in network.program(next(seeds)).snapshots(times):
                plan.load(snapshot)

        return work

    first = compare(new_chip(TIMES[-1:]), plain, **how)
    five = compare(new_chip(TIMES), plain, **how)
    others = len(TIMES) - 1
    return {
        "chip": first,
        "five_times": five,
        "time": (five.median - first.median) / others,
        "times": TIMES,
    }


def job(setting: Setting) -> dict[str, Any]:
    """Time the whole job through ``mho.evaluate``, mapping and self-check included."""
    model = network_of("resnet20")
    x = images_for(model, setting.images)
    data = Data(x, torch.zeros(len(x), dtype=torch.int64), name="noise", role="test", note="")
    plain_pass = plain_loop(model, x, 128)
    passes = setting.chips * len(TIMES)
    every = 10  # plain passes are all alike

    def ours() -> None:
        with torch.no_grad():  # another network each time, so that nothing is known from before
            model.fc.bias[0] += 1e-6 * next(_NUDGES)
        network = mho.map_network(model, mho.Hardware(device=DEVICE))
        mho.evaluate(network, data, TIMES, chips=setting.chips, progress=False)

    def plain() -> None:
        for _ in range(passes // every):
            plain_pass()

    plain()
    pairs = min(setting.pairs, 7)
    ratio = compare(ours, plain, pairs=pairs, clock=setting.clock, at_least_s=0).over(every)
    return {"ratio": ratio, "chips": setting.chips, "times": TIMES, "images": setting.images}


def growth(setting: Setting) -> list[dict[str, Any]]:
    """Time one kind of work at several sizes: cost against chips, images, layers, tile size."""
    model = network_of("resnet20")
    network = mho.map_network(model, mho.Hardware(device=DEVICE))
    plan = Plan(network)
    x = images_for(model, 512)
    plan(x[:128])

    def chips(count: int) -> Callable[[], None]:
        def work() -> None:
            for seed in range(count):
                plan.load(network.program(seed).snapshot("1 y"))
                plan(x[:128])

        return work

    def layers(blocks: int) -> Callable[[], None]:
        torch.manual_seed(0)
        deeper = mho.map_network(ResNet(blocks).eval(), mho.Hardware(device=DEVICE))
        own = Plan(deeper)
        own.load(deeper.program(0).snapshot("1 y"))
        return lambda: own(x[:128])

    def tiles(rows: int) -> Callable[[], None]:
        hardware = mho.Hardware(device=DEVICE, rows=rows, cols=rows, dac_bits=8, adc_bits=8)
        tiled = mho.map_network(model, hardware).calibrate(x[:32])
        own = Plan(tiled)
        own.load(tiled.program(0).snapshot("1 y"))
        return lambda: own(x[:128])

    curves = {
        "chips (128 images each)": (chips, (1, 2, 4, 8)),
        "images": (lambda count: lambda: plan(x[:count]), (64, 128, 256, 512)),
        "blocks a stage (6n + 2 layers)": (layers, (1, 3, 5, 9)),
        "rows of a tile, 8-bit DAC and ADC": (tiles, (32, 64, 128, 256)),
    }
    found = []
    for what, (work, sizes) in curves.items():
        calls = [work(size) for size in sizes]
        for call in calls:
            call()
        rounds = [[seconds(call, setting.clock) for call in calls] for _ in range(setting.pairs)]
        ms = [1e3 * statistics.median(column) for column in zip(*rounds, strict=True)]
        found.append({"what": what, "sizes": sizes, "ms": ms})
    return found


def memory() -> dict[str, float]:
    """Return peak memory in MiB of processes of their own: a plain loop, the same job with mho."""
    here = str(Path(__file__).resolve())
    peaks = {
        which: float(subprocess.check_output([sys.executable, here, which], text=True))
        for which in ("imports", "plain", "linear", "converters")
    }
    plain = peaks["plain"] - peaks["imports"]
    ratios = {f"{w}_ratio": (peaks[w] - peaks["imports"]) / plain for w in peaks}
    return {**peaks, **ratios}


def _peak(which: str) -> float:
    """Do 2 chips × 2 times × 1,024 images of ResNet-20 and return the peak in MiB."""
    if which == "imports":
        importlib.import_module("mho.evaluation.evaluate")
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    model = network_of("resnet20")
    x = images_for(model, 1024)
    if which == "plain":
        for _ in range(4):
            plain_loop(model, x, 128)()
    else:
        bits = 8 if which == "converters" else None
        hardware = mho.Hardware(device=DEVICE, dac_bits=bits, adc_bits=bits)
        network = mho.map_network(model, hardware)
        if bits:
            network = network.calibrate(x[:128])
        data = Data(x, torch.zeros(len(x), dtype=torch.int64), name="noise", role="test", note="")
        mho.evaluate(network, data, ["1 h", "10 y"], chips=2, progress=False)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    print(_peak(sys.argv[1]))
