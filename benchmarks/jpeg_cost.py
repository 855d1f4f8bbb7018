"""What does the JPEG copy of CIFAR-10 cost? A network trained and tested on both kinds of pixels.

The first 4,000 training and 1,000 test images exist with their original pixels and as the JPEG
copy has them. ResNet-20 is trained by the same recipe, with the same seed and batches, on either,
and tested on the test images of its own kind; the shipped networks are tested on both. Finished
trainings are kept in the folder and not run again.

    python benchmarks/jpeg_cost.py runs/jpeg-cost --seeds 2 -o docs/results/jpeg_cost.md
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from mho import zoo
from mho.data import Data, load
from mho.files import atomic_write
from mho.zoo.training import Recipe, count_correct, load_recipe, train
from mho.zoo.training.publish import made_here

KINDS = {"exact pixels": "cifar10-exact", "JPEG": "cifar10"}
EPOCHS = 60
SHIPPED = ("resnet20", "vgg16")


def same_images(split: str) -> dict[str, Data]:
    """Return the images that are there in both kinds, in the same order."""
    both = {kind: load(name, split) for kind, name in KINDS.items()}
    count = len(both["exact pixels"])
    found = {kind: data.subset(range(count)) for kind, data in both.items()}
    labels = [data.labels for data in found.values()]
    assert torch.equal(*labels)
    return found


def recipe(seed: int) -> Recipe:
    """Return ResNet-20's recipe, for few images."""
    usual = load_recipe("resnet20").model_dump()
    few = {"epochs": EPOCHS, "warm_up_epochs": 5, "average": 0.99, "held_out": 0, "seed": seed}
    return Recipe.parse({**usual, **few}, where="jpeg_cost")


def accuracy(model: nn.Module, data: Data) -> float:
    """Return the share of images that a network gets right."""
    return count_correct(model, data) / len(data)


def trained(folder: Path, seed: int) -> dict[str, float]:
    """Train on both kinds, or find what was trained; return the accuracies."""
    path = folder / f"seed-{seed}.json"
    if not path.exists():
        own, tests = same_images("train"), same_images("test")
        found = {}
        for kind in KINDS:
            checkpoint = folder / f"{KINDS[kind]}-{seed}.safetensors"
            state = train(recipe(seed), own[kind], checkpoint)
            found[kind] = accuracy(state.average.eval(), tests[kind])
        atomic_write(path, json.dumps(found))
    return dict(json.loads(path.read_text()))


def table(folder: Path, seeds: Sequence[int]) -> str:
    """Return the figures as a Markdown table."""
    lines = [
        "| network | trained on | exact pixels, % | JPEG, % | difference, points |",
        "|-|-|-|-|-|",
    ]
    runs = [trained(folder, seed) for seed in seeds]
    exact, jpeg = ([100 * run[kind] for run in runs] for kind in KINDS)
    apart = [a - b for a, b in zip(exact, jpeg, strict=True)]
    means = [f"{sum(values) / len(values):.2f}" for values in (exact, jpeg)]
    each = ", ".join(f"{points:.1f}" for points in apart)
    spread = f"{sum(apart) / len(apart):.2f} (by seed: {each})"
    lines.append(
        f"| ResNet-20, {len(seeds)} seeds | 4,000 images, of the kind it is tested on | "
        f"{means[0]} | {means[1]} | {spread} |"
    )
    tests = same_images("test")
    for name in SHIPPED:
        model = zoo.load(name)
        a, b = (100 * accuracy(model, tests[kind]) for kind in KINDS)
        lines.append(
            f"| {name}, as shipped | 49,000 JPEG images | {a:.2f} | {b:.2f} | {a - b:.2f} |"
        )
    return "\n".join(lines) + "\n"


def page(folder: Path, seeds: Sequence[int]) -> str:
    """Return the table with what it was made on."""
    made = made_here()
    versions = ", ".join(f"{name} {version}" for name, version in made["versions"].items())
    return (
        "# What the JPEG copy of CIFAR-10 costs\n\n"
        f"Accuracy on the first 1,000 test images, whose original pixels exist too. "
        f"{made['date']}, commit {made['commit']}, {platform.machine()}, {versions}, seeds "
        f"{', '.join(map(str, seeds))}. Written by `python benchmarks/jpeg_cost.py`.\n\n"
        f"{table(folder, seeds)}"
    )


def main() -> None:
    """Train, test, and print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where trainings are kept")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each kind")
    parser.add_argument("-o", "--out", type=Path, help="file for the page, Markdown")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    found = page(arguments.folder, range(arguments.seeds))
    print(found)
    if arguments.out is not None:
        atomic_write(arguments.out, found)


if __name__ == "__main__":
    main()
