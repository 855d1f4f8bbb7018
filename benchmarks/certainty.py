"""How long it takes to know a mean accuracy after ten years to ±0.2 points (95 %).

``mho.mean_accuracy`` against the naive loop: one chip after the other through the plain eager
network, the whole test set each time, until Student's interval is narrow enough.

    python benchmarks/certainty.py                        # ResNet-20 on CIFAR-10, converters ideal
    python benchmarks/certainty.py --converters           # inputs bit by bit, 8-bit ADC, as well

Ours is run and timed from end to end. The naive loop would take the better part of an hour: its
number of chips is worked out from the spread of whole chips, measured by ``mho.evaluate``, and its
time from whole chips that are timed: with the C library's allocator as it is, as everyone runs such
a loop, and once more with freed memory kept, as ours (and ``mho``'s commands) run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import mho
from mho.allocator import keep_memory
from mho.data import Data
from mho.evaluation.two_stage import chips_for
from mho.files import atomic_write
from mho.network.mapped import MappedNetwork
from mho.network.plan import Plan
from timing import CLOCKS

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Measure, print, and write where asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--network", default="resnet20", help="trained network of mho.zoo")
    parser.add_argument("--weights", help="safetensors to use instead of the zoo's")
    parser.add_argument("--data", default="cifar10", help="data set; its test split is used")
    parser.add_argument("--device", default="falcone2025")
    parser.add_argument("--time", default="10y")
    parser.add_argument("--half-width", type=float, default=0.002)
    parser.add_argument("--chips", type=int, default=24, help="whole chips that give the spread")
    parser.add_argument("--timed", type=int, default=3, help="chips of the naive loop to time")
    parser.add_argument("--timed-images", type=int, default=2000, help="examples of each of them")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--clock", choices=sorted(CLOCKS), default="cpu")
    parser.add_argument("--converters", action="store_true", help="add a run through converters")
    parser.add_argument("--out", type=Path, help="write FILE.md and FILE.json")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    test = mho.data.load(args.data, "test")
    networks = [_network(args, test, bits) for bits in _bits(args)]
    plain = [_naive_chip_s(network, test, args) for network in networks]
    keep_memory()
    figures = {
        "machine": {
            "processor": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "threads": args.threads,
            "clock": args.clock,
            "torch": torch.__version__,
            "mho": mho.__version__,
        },
        "device": args.device,
        "time": args.time,
        "half_width": args.half_width,
        "runs": [measure(n, test, args, a_chip) for n, a_chip in zip(networks, plain, strict=True)],
    }
    page = _page(figures)
    print(page)
    if args.out is not None:
        atomic_write(args.out.with_suffix(".json"), json.dumps(figures, indent=2) + "\n")
        atomic_write(args.out.with_suffix(".md"), page)


def _bits(args: argparse.Namespace) -> list[int | None]:
    return [None, 8] if args.converters else [None]


def _network(args: argparse.Namespace, test: Data, bits: int | None) -> MappedNetwork:
    if args.weights is None:
        model = mho.zoo.load(args.network)
    else:
        from safetensors.torch import load_file

        model = mho.zoo.build(args.network)
        model.load_state_dict(load_file(args.weights))
    drive = mho.Bipolar() if bits is None else mho.BitSerial()
    hardware = mho.Hardware(device=args.device, dac_bits=bits, adc_bits=bits, drive=drive)
    network = mho.map_network(model, hardware, name=args.network)
    if bits is None:
        return network
    return network.calibrate(mho.data.load(args.data, "train").take(256, 0).inputs)


def measure(
    network: MappedNetwork, test: Data, args: argparse.Namespace, a_chip: float
) -> dict[str, Any]:
    """Run ours, learn the spread of whole chips, and work out the naive loop.

    Args:
        network: On the hardware.
        test: The examples.
        args: What was asked for.
        a_chip: Seconds that a whole chip of the naive loop takes, freed memory not kept.
    """
    clock = CLOCKS[args.clock]
    rule = mho.TwoStage(half_width=args.half_width)
    begin = clock()
    ours = mho.mean_accuracy(network, test, args.time, rule=rule, seed=1000, progress=False)
    seconds = clock() - begin
    linear = network.hardware.ideal_periphery
    whole = sd = None
    if linear:
        whole = mho.evaluate(network, test, [args.time], chips=args.chips, progress=False).at()
        sd = whole.sd
    sd = ours.sampled.sd_of_chips if sd is None else sd  # whole chips through converters take hours
    wanted = chips_for(sd**2, args.half_width, 0.95, least=2)
    kept = _naive_chip_s(network, test, args)
    return {
        "network": network.name,
        "converters": None if linear else network.hardware.adc_bits,
        "images": len(test),
        "digital": ours.baseline,
        "ours": {**ours.to_dict(), "seconds": seconds},
        "whole_chips": None if whole is None else whole.to_dict(),
        "naive": {
            "sd_of_chips": sd,
            "chips": wanted,
            "passes": wanted * len(test),
            "seconds_a_chip": a_chip,
            "seconds": wanted * a_chip,
            "seconds_a_chip_memory_kept": kept,
        },
        "ratio": seconds / (wanted * a_chip),
        "ratio_memory_kept": seconds / (wanted * kept),
        "ratio_passes": ours.passes / (wanted * len(test)),
    }


def _naive_chip_s(network: MappedNetwork, test: Data, args: argparse.Namespace) -> float:
    """Return the median time of a whole chip of the naive loop: draw, write, all examples."""
    images = args.timed_images if network.hardware.ideal_periphery else args.timed_images // 8
    examples, clock = test.take(images, 1), CLOCKS[args.clock]
    times = []
    for seed in range(args.timed):
        begin = clock()
        forward = _naive_forward(network, seed, args.time)
        drawn = clock()
        with torch.inference_mode():
            for inputs, labels in examples.batches(128):
                int((forward(inputs).argmax(1) == labels).sum())
        a_pass = (clock() - drawn) / len(examples)
        times.append(drawn - begin + a_pass * len(test))
    return statistics.median(times)


def _naive_forward(network: MappedNetwork, seed: int, time: str) -> Callable[[Any], Any]:
    """Return the plain eager network with a chip's weights; with converters, mho's own forward.

    There is no plain network with converters; mho's prepared one is then the kindest comparison.
    """
    chip = mho.program(network, seed)
    if network.hardware.ideal_periphery:
        return chip.at(time)
    plan = Plan(network)
    plan.load(chip.snapshot(time, read=0))
    return plan


def _page(figures: dict[str, Any]) -> str:
    machine = figures["machine"]
    lines = [
        f"# Time to know the mean accuracy after {figures['time']} to "
        f"±{100 * figures['half_width']:.1f} points (95 %)",
        "",
        f"Device {figures['device']}, differential pairs; {machine['processor']}, "
        f"{machine['threads']} thread(s), {machine['clock']} time, torch {machine['torch']}. "
        "Ours is timed from end to end, self-check, digital pass and pilot included. The naive "
        "loop runs whole chips through the plain eager network at batch 128: the number of chips "
        "follows from their measured spread, the time of one is measured. Written by "
        "`python benchmarks/certainty.py`.",
        "",
        "| network | converters | | mean | interval | chips | passes | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for run in figures["runs"]:
        bits = "ideal" if run["converters"] is None else f"{run['converters']} bits, bit-serial"
        start = f"| {run['network']}, {run['images']:,} images | {bits} |"
        lines.append(f"{start} `mho.mean_accuracy` {_row(run['ours'])}")
        naive = run["naive"]
        lines.append(
            f"| | | naive loop | | ±{100 * figures['half_width']:.1f} pp | {naive['chips']} "
            f"| {naive['passes']:,} | {naive['seconds']:.0f} |"
        )
    lines.append("")
    for run in figures["runs"]:
        ours, whole, naive = run["ours"], run["whole_chips"], run["naive"]
        bits = "Ideal converters" if run["converters"] is None else "Bit-serial inputs, 8-bit ADC"
        seen = ""
        if whole is not None:
            seen = (
                f"; {whole['chips']} whole chips gave {whole['mean']:.2%} ({whole['ci_low']:.2%} "
                f"to {whole['ci_high']:.2%})"
            )
        forms = " + ".join(term["name"] for term in ours["terms"])
        prices = ", ".join(f"{form} {price:,.0f}" for form, price in ours["planned"].items())
        lines.append(
            f"- {bits}: **{run['ratio']:.3f} of the naive loop's time** "
            f"({run['ratio_memory_kept']:.3f} where it keeps freed memory too), "
            f"{run['ratio_passes']:.2f} of its passes. Sampled: {forms}; the pilot's prices, in "
            f"passes without converters: {prices}. The digital network has {run['digital']:.2%}"
            f"{seen}. The naive loop's chips scatter by "
            f"{naive['sd_of_chips']:.2%} and take {naive['seconds_a_chip']:.1f} s each "
            f"({naive['seconds_a_chip_memory_kept']:.1f} s with freed memory kept)."
        )
    return "\n".join([*lines, ""])


def _row(found: dict[str, Any]) -> str:
    interval = found["interval"]
    return (
        f"| {interval['mean']:.2%} | {interval['low']:.2%} to {interval['high']:.2%} "
        f"| {found['chips']} | {found['passes']:,} | {found['seconds']:.0f} |"
    )


if __name__ == "__main__":
    sys.exit(main())
