"""How fast networks on crossbars run, as ratios to a plain PyTorch program in the same process.

Each ratio is the median of alternating pairs, with the quartiles of the pairs. Everything is
measured twice, in processes of their own: with the C library's allocator as it is, and with freed
memory kept as ``mho``'s commands do; both sides of a ratio always under the same settings.

    python benchmarks/engine.py --json docs/results/engine.json -o docs/results/engine.md
    python benchmarks/engine.py --quick --threads 1 --clock cpu     # on a busy machine
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ALLOCATORS = {"default": "as it is", "kept": "freed memory kept"}


def main() -> None:
    """Measure in two processes, then write the figures and the page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("-o", "--out", type=Path, help="write the page to this file")
    parser.add_argument("--pairs", type=int, default=9, help="pairs of each ratio")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--quick", action="store_true", help="a small job and few pairs")
    parser.add_argument("--no-job", action="store_true", help="leave out the job, the longest part")
    parser.add_argument("--allocator", choices=tuple(ALLOCATORS), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.allocator:
        print(json.dumps(_measure(args), default=lambda value: value.to_dict()))
        return
    found = {which: _in_own_process(which, args) for which in ALLOCATORS}
    figures = {"machine": _machine(args), "allocators": found, **_once(args)}
    text = json.dumps(figures, indent=2, default=lambda value: value.to_dict())
    if args.json:
        _write(args.json, text + "\n")
    page = _page(json.loads(text))
    if args.out:
        _write(args.out, page)
    print(page)


def _in_own_process(which: str, args: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, __file__, "--allocator", which]
    for name in ("pairs", "threads", "clock"):
        command += [f"--{name}", str(getattr(args, name))]
    command += [flag for flag, on in (("--quick", args.quick), ("--no-job", args.no_job)) if on]
    environment = {**os.environ, "OMP_NUM_THREADS": str(args.threads)}
    result = subprocess.run(
        command, env=environment, text=True, stdout=subprocess.PIPE, check=True
    ).stdout
    return dict(json.loads(result.splitlines()[-1]))


def _setting(args: argparse.Namespace) -> Any:
    from engine_work import Setting

    if args.quick:
        return Setting(pairs=min(args.pairs, 5), clock=args.clock, chips=2, images=256)
    return Setting(pairs=args.pairs, clock=args.clock, chips=10, images=1024)


def _measure(args: argparse.Namespace) -> dict[str, Any]:
    """Measure everything that the allocator's settings matter for."""
    import torch

    from engine_others import lightning
    from engine_work import drawing, forward, growth, job
    from mho.allocator import keep_memory

    torch.set_num_threads(args.threads)
    if args.allocator == "kept" and not keep_memory():
        return {"missing": "this C library has no mallopt"}
    setting = _setting(args)
    bits = {"dac_bits": 8, "adc_bits": 8, "rows": 128, "cols": 128}
    found: dict[str, Any] = {}
    for name, batch in (("resnet20", 128), ("lenet5", 256)):
        found[f"{name} linear"] = forward(name, batch, setting)
        found[f"{name} converters"] = forward(name, batch, setting, **bits)
        if args.allocator == "default":
            for converters in (False, True):
                key = f"{name} {'converters' if converters else 'linear'}"
                found[key]["other"] = lightning(name, batch, setting, converters=converters)
    found["drawing"] = drawing(setting)
    if not args.no_job:
        found["job"] = job(setting)
    if args.allocator == "kept":
        found["growth"] = growth(setting)
    return found


def _once(args: argparse.Namespace) -> dict[str, Any]:
    """Measure what has processes of its own anyway."""
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    from engine_work import memory

    return {"memory": memory()}


def _machine(args: argparse.Namespace) -> dict[str, Any]:
    import numpy
    import torch

    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = names[0].partition(":")[2].strip() if names else cpu
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "threads": args.threads,
        "clock": args.clock,
        "pairs": _setting(args).pairs,
        "load_before": os.getloadavg()[0],
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
    }


WORKS = (
    ("ResNet-20, batch 128, linear periphery", "resnet20 linear", "≤ 0.55",
     "1.0 CrossSim (ideal periphery); 9–14 aihwkit"),
    ("LeNet-5, batch 256, linear periphery", "lenet5 linear", "≤ 0.8",
     "1.0 CrossSim; 4.5–6.4 aihwkit"),
    ("ResNet-20, batch 128, 8-bit DAC and ADC, 128 × 128", "resnet20 converters", "≤ 6",
     "14.8 CrossSim (ADC); 27–33 aihwkit"),
    ("LeNet-5, batch 256, 8-bit DAC and ADC, 128 × 128", "lenet5 converters", "≤ 2",
     "2.3 CrossSim (ADC); 14–15 aihwkit"),
)  # fmt: skip


def _page(figures: dict[str, Any]) -> str:
    machine, found = figures["machine"], figures["allocators"]
    lines = [
        "# How fast the engine is",
        "",
        "Ratios to a plain eager PyTorch loop (`model.eval()`, inference mode, the same batch) in "
        "the same process: below 1 is faster than the network without any device. Medians of "
        f"{machine['pairs']} alternating pairs, quartiles in brackets; {machine['threads']} "
        f"thread(s), {machine['clock']} time, load before the start {machine['load_before']:.1f}. "
        f"{machine['cpu']}, {machine['cores']} cores; Python {machine['python']}, torch "
        f"{machine['torch']}, numpy {machine['numpy']}. Untrained weights and noise as images: "
        "times do not depend on them. Device `falcone2025`, differential pairs.",
        "",
        "The allocator is glibc's *as it is*, or with *freed memory kept* (`mallopt`, as mho's "
        "commands set it), on both sides of a ratio. Made by `python benchmarks/engine.py`.",
        "",
        "## One programmed chip, forward",
        "",
        "| work | to reach | as it is | memory kept | careful program, as it is | careful program, "
        "memory kept | known of other tools |",
        "|---|---|---|---|---|---|---|",
    ]
    for what, key, target, others in WORKS:
        cells = [_cell(found[a], key, r) for r in ("ratio", "careful") for a in ALLOCATORS]
        lines.append(f"| {what} | {target} | " + " | ".join(cells) + f" | {others} |")
    lines += [
        "",
        "The careful program is plain PyTorch as an expert would write it: batch norm folded, "
        "channels last, the fastest of micro-batches 32, 64 and whole. A programmed chip with "
        "linear periphery must stay ≤ 1.1 of it.",
        "",
        "## Another tool, beside ours",
        "",
    ]
    lines += _others(found["default"])
    lines += ["", "## A new chip, a new time, a whole job", ""]
    lines += _drawing(found) + _memory(figures["memory"]) + _growth(found["kept"])
    return "\n".join(lines) + "\n"


def _cell(found: dict[str, Any], key: str, which: str) -> str:
    if "missing" in found:
        return "–"
    ratio = found[key][which]
    return f"{ratio['median']:.2f} ({ratio['low']:.2f}–{ratio['high']:.2f})"


def _others(found: dict[str, Any]) -> list[str]:
    lines = []
    for what, key, *_ in WORKS:
        other = found[key]["other"]
        if "missing" in other:
            lines.append(f"- {what}: {other['tool']} could not be run here ({other['missing']}).")
        else:
            lines.append(
                f"- {what}: {other['tool']} {other['version']} {_cell({key: other}, key, 'ratio')}"
                f"{'' if other['noise_is_on'] else ' (its noise was off)'}; ours "
                f"{_cell(found, key, 'ratio')}."
            )
    return [
        *lines,
        "",
        "It draws normal weight noise anew at each forward: no chip, no drift, no levels. The "
        "figures of CrossSim and aihwkit above are known from other runs on two cores.",
    ]


def _drawing(found: dict[str, Any]) -> list[str]:
    lines = ["| work | to reach | as it is | memory kept |", "|---|---|---|---|"]
    rows: list[tuple[str, str, list[str]]] = []
    present = [found[a] for a in ALLOCATORS]
    drawn = [f.get("drawing") for f in present]
    cells = ["–" if d is None else _cell({"x": d}, "x", "chip") for d in drawn]
    rows.append(("new chip (draw at one time, write), of a 128-image forward", "≤ 0.4", cells))
    cells = ["–" if d is None else f"{d['time']:.2f}" for d in drawn]
    rows.append(("each further time of that chip (draw, write)", "≤ 0.2", cells))
    jobs = [f.get("job") for f in present]
    if any(jobs):
        size = next(j for j in jobs if j)
        what = (
            f"job: {size['chips']} chips × {len(size['times'])} times × {size['images']} images, "
            "mapping, self-check, draws and all"
        )
        cells = ["–" if j is None else _cell({"x": j}, "x", "ratio") for j in jobs]
        rows.append((what, "≤ 0.65", cells))
    return lines + [f"| {w} | {t} | " + " | ".join(c) + " |" for w, t, c in rows]


def _memory(peaks: dict[str, float]) -> list[str]:
    return [
        "",
        "## Memory",
        "",
        "Peak of a process that runs 2 chips × 2 times × 1,024 images of ResNet-20, everything "
        f"imported: plain loop {peaks['plain']:.0f} MiB; mho with linear periphery "
        f"{peaks['linear']:.0f} MiB ({peaks['linear_ratio']:.2f} ×), with converters "
        f"{peaks['converters']:.0f} MiB ({peaks['converters_ratio']:.2f} ×). To reach: ≤ 1.5 ×.",
    ]


def _growth(found: dict[str, Any]) -> list[str]:
    if "growth" not in found:
        return []
    lines = ["", "## Growth", "", "Milliseconds against the size of the work, ResNet-20:", ""]
    for curve in found["growth"]:
        points = ", ".join(
            f"{size}: {ms:.1f}" for size, ms in zip(curve["sizes"], curve["ms"], strict=True)
        )
        lines.append(f"- {curve['what']} – {points}")
    return lines


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        file.write(text)
    Path(file.name).replace(path)


if __name__ == "__main__":
    main()
