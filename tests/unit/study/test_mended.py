"""What goes wrong half way ends in one sentence, loses nothing, and goes on once it is mended."""

import errno
import multiprocessing
import os
import resource
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from mho.errors import DataError, MhoError
from mho.results import Store
from mho.study.engines import worker
from mho.study.engines.engine import Place
from mho.study.run import run_study
from mho.study.spec import read_study

NET = """
import torch
def build():
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10))
"""

BREAKS = '''

class Breaks(Scale):
    """Spoil a file that workers have not read yet."""

    method = "breaks"

    def fit(self, target, data, **options):
        made = super().fit(target, data, **options)
        here = Path(__file__).parent
        if (here / "spoil").exists():
            exec((here / "spoil").read_text())
            (here / "spoil").unlink()
        return made
'''


def run(study, **options):
    return run_study(study, study.parent / "out", progress=False, **options)


def trials(study):
    with Store(study.parent / "out" / "results.sqlite") as store:
        return store.trials()


@pytest.fixture
def networked(study):
    """The study with a network and weights in files of its own, evaluated as it is so far."""
    (study.parent / "net.py").write_text(NET)
    weights(study, 0)
    own = study.parent / "own.py"
    own.write_text(own.read_text() + BREAKS)
    text = study.read_text().split("[[recover]]")[0].replace("train_images = 100", "")
    network = 'builder = "net.py:build"\nweights = "w.safetensors"'
    study.write_text(text.replace('name = "lenet5-mnist5k"', network))
    run(study)
    return study


def weights(study, seed):
    generator = torch.Generator().manual_seed(seed)
    tensors = {"1.weight": torch.randn(10, 784, generator=generator), "1.bias": torch.zeros(10)}
    save_file(tensors, study.parent / "w.safetensors")


def _limited(study, size, pipe):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    try:
        run(study)
        pipe.send(None)
    except MhoError as error:
        pipe.send(str(error))


@pytest.mark.parametrize("size", [10_000, 60_000])
def test_a_disk_that_takes_no_more(study, size):
    """The limit of the operating system on files stands in for the end of the disk."""
    torch.set_num_threads(1)
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)
    child = context.Process(target=_limited, args=(study, size, send))
    child.start()
    said = receive.recv()
    child.join()
    assert said is not None
    assert str(study.parent / "out") in said
    assert len(said.splitlines()) == 1
    figures = run(study)
    assert [step["times"][0]["chips"] for step in figures["steps"]] == [3, 3, 3, 3]


DISTILLED = """
[[recover]]
name = "distilled"
after = "as it is"
method = "distill"
epochs = 1
"""


@pytest.mark.parametrize(
    ("code", "says"),
    [(errno.ENOSPC, "the disk is full; free some space"), (errno.EROFS, "the disk is read-only")],
)
@pytest.mark.parametrize("what", ["study.toml", ".checkpoint", ".json", "results.json"])
def test_a_disk_that_refuses_half_way(study, monkeypatch, what, code, says):
    """One kind of file cannot be written; once it can, the run goes on and nothing was lost."""
    study.write_text(study.read_text().split("[[recover]]")[0] + DISTILLED)
    replace_file = Path.replace

    def refuse(self, target):
        if str(target).endswith(what):
            raise OSError(code, os.strerror(code))
        return replace_file(self, target)

    with monkeypatch.context() as disk:
        disk.setattr(Path, "replace", refuse)
        with pytest.raises(MhoError, match=says) as refused:
            run(study)
    assert len(str(refused.value).splitlines()) == 1
    store = study.parent / "out" / "results.sqlite"
    kept = trials(study) if store.exists() else []
    figures = run(study)
    assert [step["times"][0]["chips"] for step in figures["steps"]] == [3, 3]
    assert set(kept) <= set(trials(study))
    assert len(trials(study)) == 2 * 2 * 3
    assert not list((study.parent / "out").glob("**/.?*[!k]"))  # the lock alone may stay


def test_data_that_are_gone_half_way(study, data_root, fits):
    """The folder of data vanishes before the workers have read it, and comes back."""
    (study.parent / "data").symlink_to(data_root.resolve())
    own = study.parent / "own.py"
    own.write_text(own.read_text() + BREAKS)
    text = study.read_text().split("[[recover]]")[0].replace("mnist-5k", "mnist")
    study.write_text(text.replace("train_images", 'root = "data"\ntrain_images'))
    run(study)
    spoil(study, "(here / 'data').rename(here / 'gone')")
    with pytest.raises(MhoError, match="data") as refused:
        run(study)
    assert len(str(refused.value).splitlines()) == 1
    kept = trials(study)
    (study.parent / "gone").rename(study.parent / "data")
    figures = run(study)
    assert [step["name"] for step in figures["steps"]] == ["as it is", "broken"]
    assert set(kept) <= set(trials(study))
    assert len(fits()) == 1


def test_a_folder_that_cannot_be_made(study):
    with pytest.raises(MhoError, match="cannot write to folder '/sys/mho/out'"):
        run_study(study, "/sys/mho/out", progress=False)


def spoil(study, code):
    (study.parent / "spoil").write_text(code)
    step = '[[recover]]\nname = "broken"\nmethod = "own.py:Breaks"\nfactor = 0.9\n'
    study.write_text(study.read_text().replace("processes = 1", "processes = 2") + step)


def test_a_file_that_is_gone_half_way(networked, fits):
    spoil(networked, "(here / 'net.py').rename(here / 'gone.py')")
    with pytest.raises(MhoError, match=r"\[network\]: the file '.*net.py' does not exist"):
        run(networked)
    (networked.parent / "gone.py").rename(networked.parent / "net.py")
    figures = run(networked)
    assert [step["name"] for step in figures["steps"]] == ["as it is", "broken"]
    assert len(fits()) == 1


def test_a_network_that_is_edited_while_the_study_runs(networked, fits):
    """The run ends with the network it began with; the next one begins with the edited one."""
    spoil(networked, "(here / 'w2.safetensors').replace(here / 'w.safetensors')")
    save_file(
        {"1.weight": torch.ones(10, 784), "1.bias": torch.zeros(10)},
        networked.parent / "w2.safetensors",
    )
    before = len(trials(networked))
    run(networked)
    assert len(trials(networked)) == 2 * before
    weights(networked, 0)
    run(networked)
    assert len(trials(networked)) == 2 * before
    assert len(fits()) == 1


def test_a_worker_that_finds_another_network_says_so(networked):
    file = read_study(networked)
    place = Place(file.study, file.base, file.where, networked.parent / "artefacts", None)
    with pytest.raises(DataError, match="was changed while it was running; run it again"):
        worker.trials(place, "0" * 64, {0: [1.0]})
    gone = replace(place, before="f" * 64)
    with pytest.raises(DataError, match="an artefact .* was deleted while the study was running"):
        worker.trials(gone, "0" * 64, {0: [1.0]})


def test_a_network_that_is_edited_between_runs(networked):
    first = trials(networked)
    before = run(networked)["steps"][0]["times"]
    weights(networked, 1)
    changed = run(networked)["steps"][0]["times"]
    assert changed != before
    assert len(trials(networked)) == 2 * len(first)
    weights(networked, 0)
    assert run(networked)["steps"][0]["times"] == before
    assert len(trials(networked)) == 2 * len(first)
