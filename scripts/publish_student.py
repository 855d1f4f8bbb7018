"""Put a student that a study distilled into mho's zoo, with its model card.

First ``mho run src/mho/reproduce/charan2020/students/lenet5-charan2020.toml -o runs/student``, then
``python scripts/publish_student.py runs/student distilled``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from mho import zoo
from mho.study.artefacts import Artefacts, key_of
from mho.study.build import Parts
from mho.study.spec import read_study
from mho.zoo.trained import SHIPPED
from mho.zoo.training.publish import made_here
from mho.zoo.training.train import count_correct


def publish(folder: Path, step_name: str, out: Path, stored_as: str) -> None:
    """Write ``NAME.safetensors`` and ``NAME.json``, NAME being that of the study.

    Args:
        folder: Results of the study.
        step_name: The step that distilled.
        out: Where to write.
        stored_as: Type of the stored numbers.
    """
    file = read_study(folder / "study.toml")
    # The card tells the accuracy on the whole test split, however little of it the study took.
    whole = file.study.data.model_copy(update={"test_images": None})
    parts = Parts(file.study.model_copy(update={"data": whole}), file.base, file.where)
    [step] = [step for step in file.study.recover if step.name == step_name]
    recovery, train = parts.recovery(step), parts.examples_for(step)
    threads = file.study.engine.training_threads
    key = key_of(parts.network, recovery, train, step.seed, threads)
    found = Artefacts(folder / "artefacts").get(key, parts.network)
    if found is None:
        raise SystemExit(f"{folder} holds no finished step '{step_name}'; run the study first.")
    teacher = zoo.card(str(file.study.network.name))
    card = zoo.ModelCard(
        name=file.study.name,
        architecture=teacher.architecture,
        options=teacher.options,
        parameters=0,
        stored=stored_as,
        sha256="",
        training=zoo.TrainingData(
            name=train.name,
            note=train.note,
            images=len(train) - round(recovery.held_out * len(train)),
            digest=train.digest,
        ),
        recipe={
            "method": recovery.method,
            **recovery.settings(),
            "teacher": recovery.teacher or teacher.name,
            "hardware": file.study.hardware.model_dump(mode="json"),
        },
        epochs=int(recovery.epochs),
        seed=step.seed,
        test=(),
        **made_here(),
    )
    path = out / f"{file.study.name}.json"
    written = zoo.save(found.network.model, path, card)
    stored, test = zoo.load(path), parts.test
    right = count_correct(stored, test)
    score = zoo.Accuracy(data=test.name, note=test.note, images=len(test), correct=right)
    zoo.save(stored, path, written.model_copy(update={"test": (score,)}))
    print(json.dumps({"written": str(path), "accuracy": score.accuracy}))


def main() -> None:
    """Publish one student."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="results of the study")
    parser.add_argument("step", help="the step that distilled")
    parser.add_argument("--out", type=Path, default=SHIPPED, help="where to write")
    parser.add_argument("--stored", choices=["float32", "float16", "int8"], default="float32")
    arguments = parser.parse_args()
    publish(arguments.folder, arguments.step, arguments.out, arguments.stored)


if __name__ == "__main__":
    main()
