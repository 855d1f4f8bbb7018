"""What it costs to run a study by engine instead of by hand, and how far the driver carries.

    python benchmarks/scale.py                      measure everything
    python benchmarks/scale.py overhead memory      measure some of it again
    python benchmarks/scale.py --document           write the pages from what was measured

Figures go to docs/results/scale.json, tables to docs/results/scale.md and docs/scale.md. Run it on
a machine that does nothing else. Work is a network that is large enough for trials of a second or
more; times are medians of alternating rounds.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FIGURES = ROOT / "docs" / "results" / "scale.json"
RESULTS = ROOT / "docs" / "results" / "scale.md"
PAGE = ROOT / "docs" / "scale.md"

STUDY = """
name = "scale"
[data]
name = "mnist-5k"
test_images = 1000
[network]
name = "charan-mnist"
[hardware]
device = "falcone2025"
[evaluate]
times = ["1s", "1h", "1d", "1 month", "1y", "10y"]
chips = 4
[engine]
processes = 2
"""


LARGE = (
    STUDY.replace('"mnist-5k"', '"mnist"')
    .replace("1000", "10000")
    .replace('["1s", "1h", "1d", "1 month", "1y", "10y"]', '["1s"]')
)
"""Trials of more than a second: one time, six thousand images."""


def parts_of(text: str, folder: Path) -> tuple[Any, Any]:
    """Return the only cell of a study and its things."""
    from mho.study.build import Parts
    from mho.study.plan import plan
    from mho.study.spec import read_study

    path = folder / "study.toml"
    path.write_text(text)
    (cell,) = plan(read_study(path))
    return cell, Parts(cell.study, cell.base, cell.where)


def work_of(parts: Any) -> Any:
    """Return the work of evaluating the network as it is."""
    from mho.evaluation.metric import Accuracy
    from mho.evaluation.work import Work

    return Work(parts.network, parts.test, Accuracy(), 256, "cpu")


def seconds(call: Callable[[], object]) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def own_seconds(call: Callable[[], object]) -> float:
    """Return the processor time of a call of one thread: other programs do not disturb it."""
    start = time.process_time()
    call()
    return time.process_time() - start


def process_seconds(pid: int | None) -> float:
    """Return the processor time that another process has used (Linux)."""
    said = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(said[11]) + int(said[12])) / os.sysconf("SC_CLK_TCK")


def timed(call: Callable[[], object], clocks: list[Callable[[], float]]) -> tuple[float, float]:
    """Return how long a call takes, by the clock and in processor time of all who work on it."""
    before, start = sum(clock() for clock in clocks), time.perf_counter()
    call()
    return time.perf_counter() - start, sum(clock() for clock in clocks) - before


def overhead(rounds: int) -> dict[str, float]:
    """Compare a plain loop over chips with an engine of one process that also keeps the trials."""
    from mho.evaluation.work import threads
    from mho.results import Store
    from mho.study.engines.engine import Place
    from mho.study.engines.local import LocalProcesses

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cell, parts = parts_of(LARGE, folder)
        work = work_of(parts)
        place = Place(cell.study, cell.base, cell.where, folder / "artefacts", None)
        chips = dict.fromkeys(range(cell.chips), cell.times_s)
        with LocalProcesses(1, 1) as engine, Store(folder / "results.sqlite") as store:
            store.describe(work.description())

            def loop() -> None:
                with threads(1):
                    for seed, times_s in chips.items():
                        work.trials(seed, times_s)

            def run() -> None:
                for trials in engine.trials(place, work, chips):
                    store.add(trials)

            loop(), run()
            (worker,) = multiprocessing.active_children()
            own = [time.process_time, lambda: process_seconds(worker.pid)]
            pairs = [(timed(loop, own), timed(run, own)) for _ in range(rounds)]
    trials = len(chips) * len(cell.times_s)
    return {
        "trial_s": statistics.median(loop_s for (_, loop_s), _ in pairs) / trials,
        "overhead_share": statistics.median(b[1] / a[1] for a, b in pairs) - 1,
        "overhead_share_by_the_clock": statistics.median(b[0] / a[0] for a, b in pairs) - 1,
    }


def throughput(rounds: int) -> dict[str, float]:
    """Compare two processes of one thread with one process of two threads."""
    from mho.evaluation.work import threads
    from mho.study.engines.choose import measure
    from mho.study.engines.engine import InProcess, Place
    from mho.study.engines.local import LocalProcesses

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cell, parts = parts_of(STUDY, folder)
        work = work_of(parts)
        place = Place(cell.study, cell.base, cell.where, folder / "artefacts", None)
        chips = dict.fromkeys(range(8), cell.times_s)
        with LocalProcesses(2, 1) as two, threads(2):
            one = InProcess(2)

            def with_processes() -> None:
                list(two.trials(place, work, chips))

            def with_threads() -> None:
                list(one.trials(place, work, chips))

            with_processes(), with_threads()
            pairs = [(seconds(with_processes), seconds(with_threads)) for _ in range(rounds)]
        speed = measure(parts)
    return {
        "processes_over_threads": statistics.median(b / a for a, b in pairs),
        "chips_per_second": 8 / statistics.median(a for a, _ in pairs),
        "measured_alone_s": speed.alone_s,
        "measured_shared_s": speed.shared_s,
        "processes_chosen": speed.processes,
    }


def query() -> dict[str, float]:
    """Store a million trials of 1,000 cells and summarise them as the report's tables do."""
    from mho.results import Label, Store, Trial
    from mho.study.folder import Folder
    from mho.study.plan import plan
    from mho.study.spec import read_study
    from mho.study.tables import summary_table, trials_table

    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "study.toml"
        sweep = "[sweep]\nhardware.rows = { range = { from = 1, to = 1000, steps = 1000 } }\n"
        path.write_text(STUDY + sweep)
        file = read_study(path)
        cells, folder = plan(file), Folder(Path(name) / "out")
        times_s = cells[0].times_s[:5]
        with folder.owned_by(file), Store(folder.store) as store:
            for cell in cells:
                task = store.describe({"cell": cell.key})
                store.label(Label(cell.step_keys["as it is"], task, "s", {}, "as it is"))
                trials = [Trial(task, c, t, c, 200) for t in times_s for c in range(200)]
                store.add(trials)
            rows = len(store)
        took = own_seconds(lambda: summary_table(trials_table(folder.path)))
    return {"trials": rows, "query_s": took}


def planning() -> dict[str, float]:
    """Plan a sweep of 10,000 cells, and ask how much of it is done."""
    from mho.study.folder import Folder
    from mho.study.plan import plan
    from mho.study.spec import read_study
    from mho.study.status import status_of

    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "study.toml"
        axis = "{{ range = {{ from = {0}, to = {1}, steps = 100 }} }}"
        rows = axis.format(1, 100)
        keep = axis.format(0.9, 1.0)
        step = '[[recover]]\nname = "lasting"\nmethod = "vera-plus"\n'
        sweep = f"[sweep]\nhardware.rows = {rows}\nrecover.lasting.keep = {keep}\n"
        path.write_text(f"{STUDY}{step}{sweep}")

        def run() -> None:
            file = read_study(path)
            cells = plan(file)
            status = status_of(file, cells, Folder(Path(name) / "out"))
            assert len(cells) == 10_000
            assert status.planned == 10_000 * 2 * 6 * 4

        took = statistics.median(own_seconds(run) for _ in range(3))
    return {"cells": 10_000, "plan_s": took}


def _peak(kind: str, task: str, connection: Any) -> None:
    """Report the peak memory of a process that evaluates: as a worker, or with plain PyTorch."""
    import torch

    from mho.study.engines.machine import peak_memory_bytes

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        if kind == "worker":
            from mho.study.engines import worker
            from mho.study.engines.engine import Place

            cell, _ = parts_of(STUDY, Path(name))
            place = Place(cell.study, cell.base, cell.where, Path(name), None)
            worker.trials(place, task, {0: cell.times_s})
        else:
            from mho import data, zoo

            model, test = zoo.load("charan-mnist"), data.load("mnist-5k", "test")
            with torch.inference_mode():
                for inputs, _ in test.batches(128):
                    model(inputs)
    connection.send(peak_memory_bytes())


def memory() -> dict[str, float]:
    """Compare the peak memory of a worker with that of a plain program with the same network."""
    context = multiprocessing.get_context("spawn")
    peaks = {}
    with tempfile.TemporaryDirectory() as name:
        task = work_of(parts_of(STUDY, Path(name))[1]).task
    for kind in ("plain", "worker"):
        receive, send = context.Pipe(duplex=False)
        process = context.Process(target=_peak, args=(kind, task, send))
        process.start()
        peaks[kind] = receive.recv()
        process.join()
    return {
        "plain_bytes": peaks["plain"],
        "worker_bytes": peaks["worker"],
        "ratio": peaks["worker"] / peaks["plain"],
    }


def driver() -> dict[str, float]:
    """Measure what the driver spends on a trial and on a cell: it is what a cluster waits for."""
    from mho.results import Store, Trial
    from mho.study.run import run_study

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Store(folder / "results.sqlite") as store:
            task = store.describe({"x": 1})
            adds = [[Trial(task, chip, t, 1, 2) for t in range(1, 6)] for chip in range(400)]
            trial_s = seconds(lambda: [store.add(trials) for trials in adds]) / 2000
        path = folder / "study.toml"
        swept = STUDY.replace("charan-mnist", "lenet5-mnist5k").replace("= 2", "= 1")
        path.write_text(f"{swept}[sweep]\nhardware.rows = [32, 64, 96, 128]\n")
        run_study(path, folder / "out", progress=False)

        def again() -> None:
            for kept in (folder / "out" / "cells").glob("*.json"):
                kept.unlink()
            run_study(path, folder / "out", progress=False)

        cell_s = statistics.median(own_seconds(again) for _ in range(5)) / 4
    return {"trial_s": trial_s, "cell_s": cell_s}


PARTS: dict[str, Callable[[int], dict[str, float]]] = {
    "overhead": overhead,
    "throughput": throughput,
    "query": lambda rounds: query(),
    "planning": lambda rounds: planning(),
    "memory": lambda rounds: memory(),
    "driver": lambda rounds: driver(),
}


def measured(names: list[str], rounds: int) -> dict[str, Any]:
    """Measure the parts of these names, and keep what was measured of the others."""
    figures: dict[str, Any] = {}
    if FIGURES.is_file():
        figures = json.loads(FIGURES.read_text(encoding="utf-8"))
    figures["machine"] = {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }
    for name in names:
        load = os.getloadavg()[0]
        figures[name] = {**PARTS[name](rounds), "load_before": load}
    return figures


TARGETS = (
    ("engine overhead, as a share of the work", "overhead.overhead_share", "≤", 0.03, "{:.1%}"),
    (
        "two processes × one thread over one process × two threads",
        "throughput.processes_over_threads", "≥", 0.95, "{:.2f}",
    ),
    ("a million trials into the report's tables", "query.query_s", "≤", 5.0, "{:.1f} s"),
    ("planning a sweep of 10,000 cells", "planning.plan_s", "≤", 2.0, "{:.1f} s"),
    ("memory of a worker over the plain network's", "memory.ratio", "≤", 1.3, "{:.2f}"),
)  # fmt: skip


def table(figures: dict[str, Any]) -> str:
    """Return the figures beside their targets as a table in Markdown."""
    lines = ["| figure | to reach | measured |", "|---|---|---|"]
    for title, place, sign, target, form in TARGETS:
        part, key = place.split(".")
        value = figures[part][key]
        met = value <= target if sign == "≤" else value >= target
        verdict = "" if met else " (missed)"
        lines.append(f"| {title} | {sign} {form.format(target)} | {form.format(value)}{verdict} |")
    return "\n".join(lines)


def extrapolation(figures: dict[str, Any]) -> str:
    """Return what a study of 1,000 cells takes on more cores, from what was measured on two."""
    cell_chips, times, cells = 20, 6, 1000
    part = figures["driver"]
    work = cells * cell_chips * times * figures["overhead"]["trial_s"]
    drive = cells * (part["cell_s"] + cell_chips * times * part["trial_s"])
    lines = ["| cores | chips | driver | whole study |", "|---|---|---|---|"]
    for cores in (2, 16, 128, 1000):
        chips = work / cores * (1 + figures["overhead"]["overhead_share"])
        lines.append(
            f"| {cores:,} | {_hours(chips)} | {_hours(drive)} | {_hours(max(chips, drive))} |"
        )
    return "\n".join(lines)


def _hours(s: float) -> str:
    return f"{s / 3600:.1f} h" if s >= 3600 else f"{s / 60:.1f} min"


def document(figures: dict[str, Any]) -> None:
    """Write the tables into the page, between their marks, and the page of all figures."""
    text = PAGE.read_text(encoding="utf-8")
    for name, content in (("figures", table(figures)), ("cores", extrapolation(figures))):
        start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, _, rest = text.partition(start)
        _, _, after = rest.partition(end)
        text = f"{before}{start}\n\n{content}\n\n{end}{after}"
    PAGE.write_text(text, encoding="utf-8")
    RESULTS.write_text(page(figures), encoding="utf-8")


def page(figures: dict[str, Any]) -> str:
    """Return the page of results: targets, and every figure with the load it was measured under."""
    lines = [
        "# Scale: what was measured",
        "",
        f"Two cores ({figures['machine']['system']}, Python {figures['machine']['python']}), by "
        "`benchmarks/scale.py`; `scale.json` beside this page holds the figures. `load_before` is "
        "how many programs wanted a core when a part began: above 0 others were running. Overhead, "
        "planning, queries and `cell_s` are therefore processor times. Throughput is by the clock, "
        "both ways in turn: threads of one process wait for each other and suffer more from other "
        "programs than processes do, so on a machine that does nothing else the ratio is nearer 1.",
        "",
        table(figures),
        "",
        "| part | figure | value |",
        "|---|---|---|",
    ]
    for part in PARTS:
        lines += [f"| {part} | {key} | {value:.6g} |" for key, value in figures[part].items()]
    return "\n".join([*lines, ""])


def main() -> None:
    """Measure or document."""
    from mho.allocator import keep_memory

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all by default")
    parser.add_argument("--document", action="store_true", help="write the pages")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    keep_memory()
    if not options.document:
        figures = measured(options.parts or list(PARTS), options.rounds)
        FIGURES.parent.mkdir(parents=True, exist_ok=True)
        FIGURES.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
        sys.stdout.write(json.dumps(figures, indent=1) + "\n")
        return
    figures = json.loads(FIGURES.read_text(encoding="utf-8"))
    document(figures)
    sys.stdout.write(f"{table(figures)}\n\n{extrapolation(figures)}\n")


if __name__ == "__main__":
    main()
