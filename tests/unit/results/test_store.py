"""The store keeps each trial once, bears a second writer, and refuses what is not its own."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mho.errors import StoreError
from mho.results import Label, Store, Trial, digest

OLD = Path(__file__).parent / "store-format-1.sqlite"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "results.sqlite"


def some(task, chips=(0, 1, 2), t_s=1.0):
    return [Trial(task, chip, t_s, 90 + chip % 10, 100) for chip in chips]


def test_what_was_added_is_there_after_opening_again(file):
    with Store(file) as store:
        task = store.describe({"network": "n"})
        assert store.add(some(task)) == 3
    with Store(file) as store:
        assert store.trials(task) == some(task)
        assert store.tasks() == {task: {"network": "n"}}
        assert task == digest({"network": "n"})


def test_nothing_is_counted_twice(file):
    with Store(file) as store:
        task = store.describe({"network": "n"})
        assert store.describe({"network": "n"}) == task
        assert store.add(some(task)) == 3
        assert store.add(some(task, chips=(1, 2, 3))) == 1
        assert len(store) == 4


def test_tasks_are_kept_apart(file):
    with Store(file) as store:
        a, b = store.describe({"x": 1}), store.describe({"x": 2})
        store.add(some(a) + some(b, chips=(5,)))
        assert [t.chip for t in store.trials(b)] == [5]
        assert len(store.trials()) == 4


def test_a_second_answer_for_a_trial_is_refused_and_nothing_of_it_kept(file):
    with Store(file) as store:
        task = store.describe({"x": 1})
        store.add(some(task))
        clash = [Trial(task, 9, 1.0, 1, 100), Trial(task, 0, 1.0, 50, 100)]
        with pytest.raises(StoreError, match="stored with 90 of 100 .* came again with 50 of 100"):
            store.add(clash)
        assert store.trials(task) == some(task)


def test_two_answers_for_one_trial_in_one_call_are_refused(file):
    with Store(file) as store:
        task = store.describe({"x": 1})
        with pytest.raises(StoreError, match="came again"):
            store.add([Trial(task, 0, 1.0, 1, 100), Trial(task, 0, 1.0, 2, 100)])
        assert len(store) == 0


def test_a_trial_of_an_unknown_task_is_refused(file):
    with Store(file) as store, pytest.raises(StoreError, match="never described"):
        store.add(some("f" * 64))


def test_times_keep_every_bit(file):
    times = [0.0, 1e-9, 0.1 + 0.2, 315360000.0, 1 / 3]
    with Store(file) as store:
        task = store.describe({})
        store.add(Trial(task, 0, t, 1, 1) for t in times)
        assert [t.t_s for t in store.trials(task)] == sorted(times)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.lists(st.integers(0, 6), max_size=4), max_size=4), st.randoms())
def test_order_of_adding_and_merging_does_not_matter(parts, random):
    """Stores of parts, merged in any order, equal one store that saw everything."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder, Store(":memory:") as whole:
        task = whole.describe({"x": 1})
        files = []
        for number, chips in enumerate(parts):
            whole.add(some(task, chips))
            files.append(Path(folder) / f"{number}.sqlite")
            with Store(files[-1]) as part:
                part.describe({"x": 1})
                part.add(some(task, chips))
        random.shuffle(files)
        with Store(Path(folder) / "merged.sqlite") as merged:
            added = sum(merged.merge(f) for f in [*files, *files])
            assert merged.trials() == whole.trials()
            assert added == len(whole)


def test_labels_find_tasks_and_are_merged(file, tmp_path):
    with Store(file) as a, Store(tmp_path / "b.sqlite") as b:
        task = a.describe({"x": 1})
        a.add(some(task) + some(task, t_s=2.0, chips=(0,)))
        a.label(Label("k1", task, "study", {"rows": 64}, "as it is"))
        a.label(Label("k1", task, "study", {"rows": 64}, "distilled"))
        assert a.labels() == [Label("k1", task, "study", {"rows": 64}, "distilled")]
        assert a.counts() == {"k1": {1.0: 3, 2.0: 1}}
        assert a.counts(first=1, chips=2) == {"k1": {1.0: 2}}
        b.merge(file)
        assert b.labels() == a.labels()
        assert b.counts() == a.counts()


def test_merging_a_clash_adds_nothing(file, tmp_path):
    with Store(file) as a, Store(tmp_path / "b.sqlite") as b:
        task = a.describe({"x": 1})
        a.add(some(task))
        b.describe({"x": 1})
        b.add([Trial(task, 0, 1.0, 1, 100), Trial(task, 8, 1.0, 1, 100)])
        other = b.describe({"x": 2})
        b.add(some(other))
        with pytest.raises(StoreError, match="separate stores"):
            a.merge(tmp_path / "b.sqlite")
        assert a.trials() == some(task)
        assert list(a.tasks()) == [task]


def test_merging_what_is_not_there_makes_no_file(file, tmp_path):
    with Store(file) as store, pytest.raises(StoreError, match="does not exist"):
        store.merge(tmp_path / "no.sqlite")
    assert not (tmp_path / "no.sqlite").exists()


def test_a_writer_waits_for_another(file):
    """The second writer waits while a transaction of 0.4 s is open, then both results are there."""
    with Store(file) as store:
        task = store.describe({"x": 1})
    code = (
        "import sqlite3, sys, time; db = sqlite3.connect(sys.argv[1], isolation_level=None); "
        "db.execute('BEGIN IMMEDIATE'); print('open', flush=True); time.sleep(0.4); "
        "db.execute('INSERT INTO trial VALUES (1, 1.0, 7, 1, 1)'); db.execute('COMMIT')"
    )
    with subprocess.Popen([sys.executable, "-c", code, file], stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"open\n"
        with Store(file) as store:
            store.add(some(task))
        assert other.wait() == 0
    with Store(file) as store:
        assert [t.chip for t in store.trials(task)] == [0, 1, 2, 7]


def test_a_writer_refuses_when_another_does_not_end(file):
    with Store(file) as store:
        task = store.describe({"x": 1})
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with (
        Store(file, wait_s=0.05) as store,
        pytest.raises(StoreError, match=r"another process is writing to it \(waited 0.05 s\)"),
    ):
        store.add(some(task))
    other.execute("ROLLBACK")
    other.close()


def test_reading_goes_on_while_another_writes(file):
    with Store(file) as store:
        task = store.describe({"x": 1})
        store.add(some(task))
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM trial")
        assert len(store.trials(task)) == 3
        other.execute("ROLLBACK")
        other.close()


def test_no_side_file_is_left(file):
    with Store(file) as store:
        store.add(some(store.describe({"x": 1})))
    assert [f.name for f in file.parent.iterdir()] == [file.name]


def test_a_newer_format_is_refused(file):
    Store(file).close()
    db = sqlite3.connect(file)
    db.execute("PRAGMA user_version = 2")
    db.close()
    with pytest.raises(StoreError, match="has store format 2; this mho reads up to 1. Update mho"):
        Store(file)


def test_the_first_format_is_read():
    """A store written when format 1 was new; it stays in the tree for ever."""
    with Store(OLD) as store:
        assert [t.chip for t in store.trials()] == [0, 1, 2, 3]
        assert [t.correct for t in store.trials()] == [970, 955, 981, 962]
        assert [(label.study, label.cell, label.step) for label in store.labels()] == [
            ("old", {"rows": 64}, "as it is")
        ]
        assert list(store.tasks().values()) == [{"data": "d", "metric": "accuracy", "network": "n"}]


def test_another_programs_database_is_refused(file):
    db = sqlite3.connect(file)
    db.execute("CREATE TABLE mine (x)")
    db.close()
    with pytest.raises(StoreError, match="not a store of mho results"):
        Store(file)


def test_a_file_that_is_no_database_is_refused_and_left_alone(file):
    file.write_text("accuracy,chip\n" * 100)
    with pytest.raises(StoreError, match="is not a store of mho results"):
        Store(file)
    assert file.read_text() == "accuracy,chip\n" * 100


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(StoreError, match="folder is missing or not writable"):
        Store(tmp_path / "no" / "results.sqlite")


def test_a_read_only_store_can_be_read_and_says_so_when_written(file, monkeypatch):
    """os.access stands in for the file's mode, which root ignores."""
    with Store(file) as store:
        task = store.describe({"x": 1})
        store.add(some(task))
    monkeypatch.setattr(os, "access", lambda *_: False)
    with Store(file) as store:
        assert len(store.trials(task)) == 3
        with pytest.raises(StoreError, match="it is read-only"):
            store.add(some(task, chips=(7,)))


def test_a_full_disk_loses_nothing(file):
    """SQLite's own page limit gives the same error as a full disk."""
    with Store(file) as store:
        task = store.describe({"x": 1})
        store.add(some(task))
        store._db.execute("PRAGMA max_page_count = 4")
        with pytest.raises(
            StoreError, match="the disk is full. Everything finished so far is kept"
        ):
            store.add(some(task, chips=range(20_000)))
        assert store.trials(task) == some(task)
        store._db.execute("PRAGMA max_page_count = 100000")
        assert store.add(some(task, chips=range(20_000))) == 20_000 - 3


def test_a_damaged_store_is_named(file):
    with Store(file) as store:
        store.add(some(store.describe({"x": 1}), chips=range(3000)))
    content = bytearray(file.read_bytes())
    content[5000:] = b"\x55" * (len(content) - 5000)
    file.write_bytes(content)
    with pytest.raises(StoreError, match="it is damaged. Restore a copy"), Store(file) as store:
        store.trials()
