"""Plans: cells, keys that change exactly when something that decides changes, and speed."""

import time
import tomllib

import pytest

from mho import zoo
from mho.errors import ConfigError
from mho.study.plan import own_files, plan
from mho.study.spec import read_study

SWEEP = """
[sweep]
hardware.rows = [64, 128]
recover.scaled.factor = [0.9, 0.8]
"""


@pytest.fixture
def swept(study):
    study.write_text(study.read_text() + SWEEP)
    return study


def cells(study):
    return plan(read_study(study))


def test_a_plain_study_is_one_cell(study):
    (cell,) = cells(study)
    assert cell.label == "tiny"
    assert list(cell.step_keys) == ["as it is", "scaled", "scaled twice", "other branch"]
    assert cell.trials == 4 * 3 * 2


def test_a_sweep_is_every_combination(swept):
    found = cells(swept)
    assert [tuple(cell.values.values()) for cell in found] == [
        (64, 0.9), (64, 0.8), (128, 0.9), (128, 0.8),
    ]  # fmt: skip
    assert found[1].study.hardware.rows == 64
    assert found[1].study.recover[0].settings == {"factor": 0.8}
    assert found[1].label == "hardware.rows = 64, recover.scaled.factor = 0.8"
    assert len({cell.key for cell in found}) == 4


def test_steps_that_a_swept_key_does_not_reach_are_shared(swept):
    first, second, *_ = (cell.step_keys for cell in cells(swept))
    assert first["as it is"] == second["as it is"]
    assert first["other branch"] == second["other branch"]
    assert first["scaled"] != second["scaled"]
    assert first["scaled twice"] != second["scaled twice"]


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ("chips = 3", "chips = 4", []),
        ('name = "tiny"', 'name = "tiny"\ndescription = "other words"', []),
        ("accuracy_drop_pp = 10", "accuracy_drop_pp = 1", []),
        ("factor = 1.1", "factor = 1.2", ["other branch"]),
        ("factor = 0.9", "factor = 0.8", ["scaled", "scaled twice"]),
        ("seed = 3", "seed = 4", ["scaled twice"]),
        ('drift_of = "falcone2025"', 'drift_of = "wan2022"', "all"),
        ("train_images = 100", "train_images = 90", "all"),
        ("processes = 1", "processes = 2", []),
        ("processes = 1", "training_threads = 2", ["scaled", "scaled twice", "other branch"]),
    ],
)  # fmt: skip
def test_keys_change_when_something_that_decides_changes(study, edit, old, new, changes):
    (before,) = cells(study)
    (after,) = cells(edit(old, new))
    differ = [n for n, key in before.step_keys.items() if key != after.step_keys[n]]
    assert differ == (list(before.step_keys) if changes == "all" else changes)


def test_keys_know_the_contents_of_own_files(study):
    (before,) = cells(study)
    assert before.key
    own = study.parent / "own.py"
    own.write_text(own.read_text() + "\n# another comment\n")
    (after,) = cells(study)
    assert before.step_keys["as it is"] == after.step_keys["as it is"]
    assert before.step_keys["scaled"] != after.step_keys["scaled"]
    assert [str(path) for path in own_files([after])] == ["own.py"]


def test_keys_know_the_weights_of_networks_that_are_named(study, monkeypatch):
    study.write_text(
        study.read_text()
        + '\n[[recover]]\nname = "known"\nmethod = "student"\nnetwork = "lenet5"\n'
        + '\n[[recover]]\nname = "taught"\nmethod = "distill"\nteacher = "lenet5"\n'
        + '\n[[recover]]\nname = "mistaken"\nmethod = "student"\nnetwork = "lenet-5"\n'
    )
    (before,) = cells(study)
    assert before.step_keys
    card = zoo.card

    def trained_anew(name):
        return card(name).model_copy(update={"sha256": "0" * 64} if name == "lenet5" else {})

    monkeypatch.setattr(zoo, "card", trained_anew)
    (after,) = cells(study)
    # A step is another one, too, where the one that it comes after is.
    differ = [n for n, key in before.step_keys.items() if key != after.step_keys[n]]
    assert differ == ["known", "taught", "mistaken"]
    assert own_files([after]) == own_files([before])


def test_ten_thousand_cells_in_two_seconds(study):
    """Measured 1.0 s on one core that did nothing else; the CPU's own clock is asked."""
    study.write_text(
        study.read_text()
        + """
[sweep]
hardware.rows = { range = { from = 1, to = 100, steps = 100 } }
hardware.change.programming.sd_ln = { range = { from = 0.1, to = 1.0, steps = 100 } }
"""
    )
    start = time.process_time()
    found = cells(study)
    keys = {key for cell in found for key in cell.step_keys.values()}
    assert time.process_time() - start < 4  # twice the target: a test machine may be slow
    assert len(found) == 10_000
    assert len(keys) == 40_000


def test_mistakes_name_the_cell(study):
    study.write_text(study.read_text() + '\n[sweep]\nhardware.device = ["charan2020", 3]\n')
    with pytest.raises(ConfigError, match=r"'hardware.device'.*cell 2: {'hardware.device': 3}"):
        cells(study)


@pytest.mark.parametrize(
    ("sweep", "says"),
    [
        ("hardware.devise = [1]", "unknown key 'hardware.devise'. Did you mean 'device'"),
        ("recover.scald.factor = [1]", "unknown step 'scald'. Did you mean 'scaled'"),
        ("hardware.rows = []", "there is nothing to run"),
        ("hardware.rows = [1]\nexclude = [{ 'hardware.rows' = 1 }]", "every cell is excluded"),
        ('name = ["a", "b"]', "'name' and 'engine' cannot be swept"),
        (
            "hardware.rows = { range = { from = 1, to = 2000, steps = 2000 } }\n"
            "hardware.cols = { range = { from = 1, to = 501, steps = 501 } }",
            "1,002,000 cells are more than 1,000,000. Take fewer values, or say --yes",
        ),
    ],
)
def test_sweeps_that_make_no_sense(study, sweep, says):
    study.write_text(study.read_text() + f"\n[sweep]\n{sweep}\n")
    assert tomllib.loads(study.read_text())
    with pytest.raises(ConfigError, match=says):
        cells(study)
