"""Shards run in folders of their own, merged, are the study run in one piece."""

import shutil

import pytest

from mho.errors import ConfigError, StoreError
from mho.results import Store
from mho.study.merge import merge_studies
from mho.study.run import run_study
from mho.study.shard import Shard
from mho.study.status import study_status


def trials(folder):
    with Store(folder / "results.sqlite") as store:
        return store.trials()


def without_moment(figures):
    steps = [{**step, "seconds": 0} for step in figures["steps"]]
    return {**figures, "created": "", "report": "", "steps": steps}


def test_shards_of_chips(study, fits, tmp_path):
    whole = run_study(study, tmp_path / "whole", progress=False)
    for number in (1, 2, 3):
        part = tmp_path / str(number)
        done = run_study(study, part, shard=Shard(number, 3), progress=False)
        assert done["shard"] == f"{number}/3"
        assert not (part / "results.json").exists()
        assert study_status(part).done == 8
    partly = merge_studies([tmp_path / "1", tmp_path / "3"], tmp_path / "merged")
    assert (partly.done, partly.planned) == (16, 24)
    status = merge_studies([tmp_path / n for n in "123"], tmp_path / "merged")
    assert (status.done, status.planned) == (24, 24)
    assert trials(tmp_path / "merged") == trials(tmp_path / "whole")
    work = len(fits())
    merged = run_study(tmp_path / "merged" / "study.toml", tmp_path / "merged", progress=False)
    assert without_moment(merged) == without_moment(whole)
    assert len(fits()) == work


def test_shards_of_cells(study, tmp_path):
    study.write_text(study.read_text() + "\n[sweep]\nhardware.rows = [64, 128]\n")
    whole = run_study(study, tmp_path / "whole", progress=False)
    for number in (1, 2):
        run_study(study, tmp_path / str(number), shard=Shard(number, 2), progress=False)
        assert study_status(tmp_path / str(number)).cells_done == 1
    status = merge_studies([tmp_path / "2", tmp_path / "1"], tmp_path / "merged")
    assert status.cells_done == 2
    merged = run_study(tmp_path / "merged" / "study.toml", tmp_path / "merged", progress=False)
    assert [cell["values"] for cell in merged["cells"]] == [
        {"hardware.rows": 64}, {"hardware.rows": 128},
    ]  # fmt: skip
    assert merged["cells"] == whole["cells"]


def test_shards_that_do_not_fit_together(study, edit, tmp_path):
    run_study(study, tmp_path / "a", progress=False)
    run_study(edit("factor = 0.9", "factor = 0.8"), tmp_path / "b", progress=False)
    with pytest.raises(ConfigError, match="do not fit together.*'tiny', but their study.toml"):
        merge_studies([tmp_path / "a", tmp_path / "b"], tmp_path / "c")
    run_study(edit('name = "tiny"', 'name = "other"'), tmp_path / "o", progress=False)
    with pytest.raises(ConfigError, match="they hold results of 'tiny' and 'other'"):
        merge_studies([tmp_path / "a", tmp_path / "o"], tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_what_is_not_there_is_named(study, tmp_path):
    with pytest.raises(StoreError, match="none holds no results of a study"):
        merge_studies([tmp_path / "none"], tmp_path / "c")
    with pytest.raises(StoreError, match="holds no results of a study"):
        study_status(tmp_path / "none")


def test_own_files_travel_with_the_results(study, tmp_path):
    run_study(study, tmp_path / "a", progress=False)
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(tmp_path / "a", elsewhere)
    (study.parent / "own.py").unlink()
    assert study_status(elsewhere).done == 24
    again = run_study(elsewhere / "study.toml", elsewhere, progress=False)
    assert len(again["steps"]) == 4
