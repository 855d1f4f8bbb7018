"""The folder of results: one writer, one study, and a killed process holds nothing."""

import signal
import subprocess
import sys

import pytest

from mho.errors import StoreError
from mho.study.folder import Folder
from mho.study.spec import read_study


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "out")


def test_a_copy_of_the_study_is_left(study, folder):
    with folder.owned_by(read_study(study)):
        assert (folder.path / "study.toml").read_text() == study.read_text()


def test_a_changed_study_of_the_same_name_goes_on_there(edit, study, folder):
    with folder.owned_by(read_study(study)):
        pass
    edit("chips = 3", "chips = 4")
    with folder.owned_by(read_study(study)):
        assert "chips = 4" in (folder.path / "study.toml").read_text()


def test_the_copy_itself_can_be_run(study, folder):
    with folder.owned_by(read_study(study)):
        pass
    with folder.owned_by(read_study(folder.path / "study.toml")):
        pass


def test_another_study_is_refused(edit, study, folder):
    with folder.owned_by(read_study(study)):
        pass
    edit('name = "tiny"', 'name = "other"')
    with (
        pytest.raises(StoreError, match="holds the results of another study, 'tiny'. Choose"),
        folder.owned_by(read_study(study)),
    ):
        pass
    assert 'name = "tiny"' in (folder.path / "study.toml").read_text()


HOLD = """
import sys, time
from pathlib import Path
from mho.study.folder import Folder
from mho.study.spec import read_study
with Folder(Path(sys.argv[1])).owned_by(read_study(sys.argv[2])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_process_is_refused_until_the_first_is_gone(study, folder):
    command = [sys.executable, "-c", HOLD, folder.path, study]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as first:
        assert first.stdout.readline() == b"held\n"
        says = rf"in use by another mho run \(process {first.pid} on .*\). Wait until"
        with pytest.raises(StoreError, match=says), folder.owned_by(read_study(study)):
            pass
        first.send_signal(signal.SIGKILL)
    with folder.owned_by(read_study(study)):
        pass


def test_a_folder_that_is_a_file_is_refused(study, tmp_path):
    (tmp_path / "out").write_text("mine")
    with (
        pytest.raises(StoreError, match="part of the path is a file"),
        Folder(tmp_path / "out").owned_by(read_study(study)),
    ):
        pass
    assert (tmp_path / "out").read_text() == "mine"
