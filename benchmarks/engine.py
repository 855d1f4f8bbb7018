"""How fast networks on crossbars run, as ratios to a plain PyTorch program in the same process.

Each ratio is the median of alternating pairs, with the quartiles of the pairs. Parts are measured
one by one, in processes of their own: with the C library's allocator as it is, and with freed
memory kept as ``mho``'s commands do; both sides of a ratio always under the same settings. Figures
are written part by part, and the same command goes on with the parts that are missing.

    python benchmarks/engine.py --json docs/results/engine.json -o docs/results/engine.md
    python benchmarks/engine.py --json … -o … --parts forward drawing     # these alone
    python benchmarks/engine.py --json … -o … --again                     # all of them once more
    python benchmarks/engine.py --quick --threads 1 --clock cpu           # on a busy machine
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ALLOCATORS = {"default": "as it is", "kept": "freed memory kept"}
BOTH = tuple(ALLOCATORS)
PARTS = {
    "forward": BOTH,
    "drawing": BOTH,
    "memory": ("default",),
    "growth": ("kept",),
    "job": BOTH,
}


def main() -> None:
    """Measure what is missing part by part, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--json", type=Path, help="read and write the figures here")
    parser.add_argument("-o", "--out", type=Path, help="write the page to this file")
    parser.add_argument("--parts", nargs="+", choices=tuple(PARTS), default=list(PARTS))
    parser.add_argument("--again", action="store_true", help="measure what is there once more")
    parser.add_argument("--pairs", type=int, default=9, help="pairs of each ratio")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--quick", action="store_true", help="a small job and few pairs")
    parser.add_argument("--allocator", choices=BOTH, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.allocator:
        print(json.dumps(_measure(args), default=lambda value: value.to_dict()))
        return
    if args.quick:
        args.pairs = min(args.pairs, 5)
    found: dict[str, Any] = {}
    if args.json and args.json.is_file():
        found = json.loads(args.json.read_text())["parts"]
    for part in args.parts:
        for allocator in PARTS[part]:
            if args.again or _how(found.get(part, {}).get(allocator)) != _how(vars(args)):
                begin = time.monotonic()
                figures = _in_own_process(part, allocator, args)
                found.setdefault(part, {})[allocator] = figures
                print(f"{part}, {ALLOCATORS[allocator]}: {time.monotonic() - begin:.0f} s",
                      file=sys.stderr)  # fmt: skip
                if args.json:
                    _write(args.json, json.dumps({"parts": found}, indent=2) + "\n")
    page = _page(found)
    if args.out:
        _write(args.out, page)
    print(page)


def _how(settings: dict[str, Any] | None) -> list[Any]:
    """Return what must agree for figures to be the ones asked for."""
    settings = settings or {}
    settings = settings.get("machine", settings)
    return [settings.get(name) for name in ("pairs", "threads", "clock", "quick")]


def _in_own_process(part: str, allocator: str, args: argparse.Namespace) -> dict[str, Any]:
    machine = _machine(args)
    command = [sys.executable, __file__, "--allocator", allocator, "--parts", part]
    for name in ("pairs", "threads", "clock"):
        command += [f"--{name}", str(getattr(args, name))]
    command += ["--quick"] if args.quick else []
    environment = {**os.environ, "OMP_NUM_THREADS": str(args.threads)}
    result = subprocess.run(
        command, env=environment, text=True, stdout=subprocess.PIPE, check=True
    ).stdout
    return {"machine": machine, **json.loads(result.splitlines()[-1])}


def _measure(args: argparse.Namespace) -> dict[str, Any]:
    """Measure one part."""
    import torch

    from engine_work import Setting, drawing, growth, job, memory
    from mho.allocator import keep_memory

    torch.set_num_threads(args.threads)
    if args.allocator == "kept" and not keep_memory():
        return {"missing": "this C library has no mallopt"}
    size = {"chips": 2, "images": 256} if args.quick else {"chips": 10, "images": 1024}
    setting = Setting(pairs=args.pairs, clock=args.clock, **size)
    work = {
        "forward": lambda: _forwards(setting, others=args.allocator == "default"),
        "drawing": lambda: drawing(setting),
        "memory": memory,
        "growth": lambda: {"curves": growth(setting)},
        "job": lambda: job(setting),
    }
    return dict(work[args.parts[0]]())


def _forwards(setting: Any, *, others: bool) -> dict[str, Any]:
    """Measure the forward pass of each network, without and with converters, other tools beside."""
    from engine_others import absent, lightning
    from engine_work import forward

    bits = {"dac_bits": 8, "adc_bits": 8, "rows": 128, "cols": 128}
    found: dict[str, Any] = {"absent": absent()}
    for name, batch in (("resnet20", 128), ("lenet5", 256)):
        for kind, periphery in (("linear", {}), ("converters", bits)):
            key = f"{name} {kind}"
            found[key] = forward(name, batch, setting, **periphery)
            if others:
                converters = kind == "converters"
                found[key]["other"] = lightning(name, batch, setting, converters=converters)
    return found


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
        "pairs": args.pairs,
        "quick": args.quick,
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


def _page(found: dict[str, Any]) -> str:
    measured = [figures["machine"] for part in found.values() for figures in part.values()]
    machine, loads = measured[0], [m["load_before"] for m in measured]
    lines = [
        "# How fast the engine is",
        "",
        "Ratios to a plain eager PyTorch loop (`model.eval()`, inference mode, the same batch) in "
        "the same process: below 1 is faster than the network without any device. Medians of "
        f"{machine['pairs']} alternating pairs, quartiles in brackets; {machine['threads']} "
        f"thread(s), {machine['clock']} time. {machine['cpu']}, {machine['cores']} cores; Python "
        f"{machine['python']}, torch {machine['torch']}, numpy {machine['numpy']}. Untrained "
        "weights and noise as images: times do not depend on them. Device `falcone2025`, "
        "differential pairs.",
        "",
        f"Load of the machine before the parts: {min(loads):.1f} to {max(loads):.1f}. Above about "
        "0.5 something else was running, which slows a plain loop on two threads more than it "
        "slows mho, whose threads wait for each other less often.",
        "",
        "The allocator is glibc's *as it is*, or with *freed memory kept* (`mallopt`, as mho's "
        "commands set it), on both sides of a ratio. Made by `python benchmarks/engine.py`.",
    ]
    sections = {
        "forward": _forward_page, "drawing": _drawing, "job": _job, "memory": _memory,
        "growth": _growth,
    }  # fmt: skip
    for part, section in sections.items():
        if part in found:
            lines += ["", *section(found[part])]
    return "\n".join(lines) + "\n"


def _forward_page(found: dict[str, Any]) -> list[str]:
    lines = [
        "## One programmed chip, forward",
        "",
        "| work | to reach | as it is | memory kept | careful program, as it is | careful program, "
        "memory kept | known of other tools |",
        "|---|---|---|---|---|---|---|",
    ]
    for what, key, target, others in WORKS:
        cells = [_cell(found.get(a), key, r) for r in ("ratio", "careful") for a in ALLOCATORS]
        lines.append(f"| {what} | {target} | " + " | ".join(cells) + f" | {others} |")
    return [
        *lines,
        "",
        "The careful program is plain PyTorch as an expert would write it: batch norm folded, "
        "channels last, the fastest of micro-batches 32, 64 and whole. A programmed chip with "
        "linear periphery must stay ≤ 1.1 of it.",
        "",
        "## Another tool, beside ours",
        "",
        *_others(found["default"]),
    ]


def _cell(found: dict[str, Any] | None, key: str, which: str) -> str:
    if found is None or "missing" in found:
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
        "It draws normal weight noise anew at each forward: no chip, no drift, no levels. Not "
        f"installed for this run: {', '.join(found['absent']) or 'none'}. The figures of CrossSim "
        "and aihwkit in the table above are known from other runs on two cores.",
    ]


def _drawing(found: dict[str, Any]) -> list[str]:
    there = [found.get(a, {"missing": ""}) for a in ALLOCATORS]
    chip = [_cell({"x": f}, "x", "chip") if "chip" in f else "–" for f in there]
    time_ = [f"{f['time']:.2f}" if "time" in f else "–" for f in there]
    return [
        "## A new chip, a new time",
        "",
        "As a share of one plain forward pass of 128 images of ResNet-20:",
        "",
        "| work | to reach | as it is | memory kept |",
        "|---|---|---|---|",
        f"| new chip at 10 years: drawn, written | ≤ 0.4 | {' | '.join(chip)} |",
        f"| each further time of that chip: drawn, written | ≤ 0.2 | {' | '.join(time_)} |",
    ]


def _job(found: dict[str, Any]) -> list[str]:
    there = [found.get(a, {"missing": ""}) for a in ALLOCATORS]
    cells = [_cell({"x": f}, "x", "ratio") if "ratio" in f else "–" for f in there]
    size = next(f for f in there if "ratio" in f)
    return [
        "## A whole job",
        "",
        f"`mho.evaluate`, {size['chips']} chips × {len(size['times'])} times × {size['images']} "
        "images of ResNet-20, mapping, self-check, draws and all, over as many plain passes (of "
        "which every tenth was run):",
        "",
        "| to reach | as it is | memory kept |",
        "|---|---|---|",
        f"| ≤ 0.65 | {' | '.join(cells)} |",
    ]


def _memory(found: dict[str, Any]) -> list[str]:
    peaks = found["default"]
    return [
        "## Memory",
        "",
        "Peak of a process that runs 2 chips × 2 times × 1,024 images of ResNet-20, and what is "
        f"left of it without the {peaks['imports']:.0f} MiB that it has after its imports. To "
        "reach: a peak of at most 1.5 × that of the plain loop.",
        "",
        "| process | peak | over the plain loop | without imports | over the plain loop |",
        "|---|---|---|---|---|",
        *(
            f"| {what} | {peaks[which]:.0f} MiB | {peaks[which] / peaks['plain']:.2f} × | "
            f"{peaks[which] - peaks['imports']:.0f} MiB | {peaks[f'{which}_ratio']:.2f} × |"
            for which, what in (
                ("plain", "plain loop"),
                ("linear", "mho, linear periphery"),
                ("converters", "mho, 8-bit DAC and ADC"),
            )
        ),
    ]


def _growth(found: dict[str, Any]) -> list[str]:
    lines = ["## Growth", "", "Milliseconds against the size of the work, ResNet-20:", ""]
    for curve in found["kept"].get("curves", []):
        points = ", ".join(
            f"{size}: {ms:.1f}" for size, ms in zip(curve["sizes"], curve["ms"], strict=True)
        )
        more = curve["sizes"][-1] / curve["sizes"][0]
        lines.append(
            f"- {curve['what']} – {points}; {more:.1f} × the size takes "
            f"{curve['ms'][-1] / curve['ms'][0]:.1f} × the time"
        )
    return lines


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        file.write(text)
    Path(file.name).replace(path)


if __name__ == "__main__":
    main()
