"""Objects of the user's own: loaded from a file or package, or refused in one sentence."""

import pytest

from mho.errors import ConfigError
from mho.study.objects import load_object


def load(place, base):
    return load_object(place, base, where="study s.toml, [network]")


def test_from_a_file_and_from_a_package(tmp_path):
    (tmp_path / "nets.py").write_text("def build():\n    return 3\n")
    assert load("nets.py:build", tmp_path)() == 3
    assert load("collections.abc:Iterable", tmp_path).__name__ == "Iterable"


def test_an_edited_file_is_read_again(tmp_path):
    file = tmp_path / "nets.py"
    file.write_text("x = 1\n")
    assert load("nets.py:x", tmp_path) == 1
    file.write_text("x = 'two'\n")
    assert load("nets.py:x", tmp_path) == "two"


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("nets.py", "must have the form 'file.py:name'"),
        ("none.py:build", "the file '.*none.py' does not exist"),
        ("nets.py:biuld", "'nets.py' has no 'biuld'. Did you mean 'build'?"),
        ("broken.py:build", "'broken.py' fails when it is loaded: ZeroDivisionError"),
        ("syntax.py:build", "'syntax.py' fails when it is loaded: SyntaxError"),
        ("no_such_package:x", "no module 'no_such_package' is installed"),
        ("needs.py:x", "'needs.py' fails when it is loaded: ModuleNotFoundError"),
    ],
)
def test_refusals(tmp_path, place, says):
    (tmp_path / "nets.py").write_text("def build():\n    return 3\n")
    (tmp_path / "broken.py").write_text("1 / 0\n")
    (tmp_path / "syntax.py").write_text("def\n")
    (tmp_path / "needs.py").write_text("import no_such_package\n")
    with pytest.raises(ConfigError, match=r"study s.toml, \[network\]: ") as refused:
        load(place, tmp_path)
    with pytest.raises(ConfigError, match=says):
        raise refused.value
