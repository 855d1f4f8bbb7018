"""Sweeps: which cells there are, and how every mistake is answered."""

import itertools
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mho.errors import ConfigError
from mho.study.sweep import parse_sweep, with_values

WHERE = "study s.toml, [sweep]"


def sweep(text):
    return parse_sweep(tomllib.loads(text), where=WHERE)


def values(text):
    return [tuple(cell.values()) for cell in sweep(text).cells()]


def test_lists_are_crossed_with_the_last_fastest():
    assert values('hardware.device = ["a", "b"]\nhardware.rows = [1, 2]') == [
        ("a", 1), ("a", 2), ("b", 1), ("b", 2),
    ]  # fmt: skip


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_size_is_the_product_of_the_lengths(lengths):
    tree = {f"k{i}": list(range(n)) for i, n in enumerate(lengths)}
    found = parse_sweep(tree, where=WHERE)
    cells = [tuple(cell.values()) for cell in found.cells()]
    assert found.size == len(cells)
    assert cells == list(itertools.product(*(range(n) for n in lengths)))


def test_zipped_keys_go_together():
    text = """
    hardware.rows = { values = [64, 128], zip = "tile" }
    hardware.mapping = ["x", "y"]
    hardware.cols = { values = [32, 256], zip = "tile" }
    """
    assert values(text) == [(64, 32, "x"), (64, 32, "y"), (128, 256, "x"), (128, 256, "y")]
    assert sweep(text).size == 4


def test_ranges():
    assert values("a = { range = { from = 0, to = 1, steps = 5 } }") == [
        (0.0,), (0.25,), (0.5,), (0.75,), (1.0,),
    ]  # fmt: skip
    assert values("a = { range = { from = 1, to = 100, steps = 3, log = true } }") == [
        (1,), (10,), (100,),
    ]  # fmt: skip
    assert values("a = { range = { from = 0.1, to = 0.3, steps = 3 } }") == [(0.1,), (0.2,), (0.3,)]


def test_exclusions_by_name_and_by_key():
    text = """
    hardware.device = { values = ["a", "b"], name = "device" }
    hardware.rows = [1, 2, 3]
    exclude = [
      { device = "a", "hardware.rows" = [2, 3] },
      { "hardware.device" = "b", "hardware.rows" = 1 },
    ]
    """
    assert values(text) == [("a", 1), ("b", 2), ("b", 3)]


def test_values_are_put_into_the_study():
    study = tomllib.loads(
        'name = "s"\n[hardware]\ndevice = "a"\nrows = 64\n'
        '[[recover]]\nmethod = "distill"\nepochs = 1\n'
        '[[recover]]\nname = "late"\nmethod = "distill"'
    )
    found = sweep(
        "hardware.change.programming.sd_ln = [0.3]\nrecover.late.epochs = [9]\n"
        "recover.distill.loss.alpha = [0.5]"
    )
    cell = next(found.cells())
    changed = with_values(study, cell, where=WHERE)
    assert changed["hardware"] == {
        "device": "a", "rows": 64, "change": {"programming": {"sd_ln": 0.3}},
    }  # fmt: skip
    assert changed["recover"][0] == {"method": "distill", "epochs": 1, "loss": {"alpha": 0.5}}
    assert changed["recover"][1]["epochs"] == 9
    assert study["hardware"] == {"device": "a", "rows": 64}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a.b = []", "'a.b' has no values: there is nothing to run"),
        ("a.b = 3", r"'a.b' needs a list of values; write \[3\]"),
        ("a = { values = [1], range = { from = 0, to = 1, steps = 2 } }", "either values or range"),
        ("a = { name = 'x' }", "either values or range"),
        ("a = { range = { from = 0, to = 1, stps = 2 } }", "Did you mean 'steps'"),
        ("a = { range = { from = 0, to = 1, steps = 3, log = true } }", "ends above 0"),
        ("a = { values = [1], zip = 'z' }\nb = { values = [1, 2], zip = 'z' }", "'a' has 1, 'b'"),
        ("a = { values = [1], name = 'n' }\nb = { values = [2], name = 'n' }", "called 'n'"),
        ("a = [1]\nexclude = [{ b = 1 }]", r"\[sweep\], exclude: unknown name 'b'"),
        ("a = [1]\nexclude = 3", "exclude must be a list of tables"),
    ],
)
def test_mistakes(text, says):
    with pytest.raises(ConfigError, match=says) as refused:
        sweep(text)
    assert str(refused.value).startswith(WHERE)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("recover.distil.epochs = [1]", "unknown step 'distil'. Did you mean 'distill'"),
        ("recover.distill = [1]", "must name a step and a setting"),
        ("name.first = [1]", "'name.first' leads below a key that holds a plain value"),
    ],
)
def test_keys_that_lead_nowhere(text, says):
    study = tomllib.loads('name = "s"\n[[recover]]\nmethod = "distill"')
    with pytest.raises(ConfigError, match=says):
        with_values(study, next(sweep(text).cells()), where=WHERE)
