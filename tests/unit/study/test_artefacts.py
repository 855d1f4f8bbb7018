"""What recoveries have learned lies whole in its folder, and nothing beside it."""

import json

import pytest

from mho.study.artefacts import Artefacts
from mho.study.run import run_study


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_the_state_of_a_fit_goes_when_its_end_was_not_seen(study, tmp_path, kind):
    """A kill between the last note of an artefact and the removal of its state leaves both."""
    run_study(study, tmp_path / "out", progress=False)
    artefacts = Artefacts(tmp_path / "out" / "artefacts")
    note = next(artefacts.folder.glob("*.json"))
    key = json.loads(note.read_text())["key"]
    with artefacts.checkpoint(key) as state:
        if kind == "file":
            state.write_text("state")
        else:
            (state / "inner").mkdir(parents=True)
        run_study(study, tmp_path / "out", progress=False)
        assert not state.exists()
    assert artefacts.has(key)
