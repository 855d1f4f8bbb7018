"""Study files: what they say, and how every mistake is answered with its place."""

import pytest

from mho.crossbar.mapping import DifferentialPair, SingleDevice
from mho.errors import ConfigError
from mho.evaluation import HalfWidth
from mho.study.spec import AS_IS, read_study


def test_everything_is_read(study):
    read = read_study(study).study
    assert read.name == "tiny"
    assert read.evaluate.times == (1.0, 315360000.0)
    assert read.target.lifetime == 315360000.0
    assert read.target.yield_share == 0.5
    assert read.hardware.mapping == DifferentialPair()
    assert [step.name for step in read.recover] == ["scaled", "scaled twice", "other branch"]
    assert [step.after for step in read.recover] == [AS_IS, "scaled", AS_IS]
    assert read.recover[1].settings == {"factor": 0.5}
    assert (read.recover[1].examples, read.recover[1].seed) == (40, 3)


def test_a_step_is_called_as_its_method_unless_named(edit):
    study = edit('name = "scaled"\nmethod', "method")
    study.write_text(study.read_text().replace('"scaled twice"', '"twice"'))
    assert read_study(study).study.recover[0].name == "Scale"


def test_mappings_by_name_or_as_a_table(edit):
    edit('device = "charan2020"', 'device = "charan2020"\nmapping = "single-device"')
    study = read_study(edit("[evaluate]", "[evaluate]")).study
    assert study.hardware.mapping == SingleDevice()
    edit('"single-device"', '{ law = "single-device", scale = "column" }')
    assert read_study(edit("[data]", "[data]")).study.hardware.mapping.scale == "column"


def test_a_stopping_rule_is_a_table(edit):
    study = edit("chips = 3", "stop = { half_width = 0.01, at_most = 30 }")
    assert read_study(study).study.evaluate.stop == HalfWidth(0.01, at_most=30)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[evaluate]", "[evalute]", r"unknown key 'evalute'. Did you mean 'evaluate'\?"),
        ("chips = 3", "chip = 3", r"unknown key 'evaluate.chip'. Did you mean 'chips'\?"),
        ("yield = 0.5", "yeild = 0.5", r"unknown key 'target.yeild'. Did you mean 'yield'\?"),
        ("chips = 3", "chips = 0", r"'evaluate.chips': .*; got 0"),
        ("chips = 3", 'chips = "many"', r"'evaluate.chips': .*; got 'many'"),
        ("chips = 3", "chips = 3\nstop = { half_width = 0.1 }", "both say how many chips"),
        ('"10y"]', '"10 yaers"]', "time '10 yaers' is not understood"),
        ('"10y"]', '"1 s"]', "none of them twice"),
        ('times = ["1s", "10y"]', "times = []", "at least one time"),
        ('device = "charan2020"', "", "key 'hardware.device' is missing; add it"),
        ('name = "tiny"', 'name = "../tiny"', r"'name': .*; got '../tiny'"),
        ('name = "scaled twice"', 'name = "scaled"', "two steps are called 'scaled'"),
        ('after = "as it is"', 'after = "scald"', "after 'scald', which is no earlier step"),
        ('name = "lenet5-mnist5k"', "", "give either name"),
        ('name = "lenet5-mnist5k"', 'name = "x"\nweights = "w"', "weights go with builder"),
        ('method = "own.py:Scale"\nfactor = 0.9', "factor = 0.9", "'recover.0.method'"),
        ("[data]", "[data", "is not TOML: .*line 4.*Correct that place"),
        ('drift_of = "f', 'mapping = "differential-pear"\ndrift_of = "f', "differential-pair'?"),
    ],
)
def test_mistakes_are_named_with_their_place(edit, old, new, says):
    study = edit(old, new)
    with pytest.raises(ConfigError, match=says) as refused:
        read_study(study)
    assert str(refused.value).startswith(f"study {study}")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot read '.*none.toml': it does not exist"):
        read_study(tmp_path / "none.toml")


def test_a_file_that_is_no_text_is_named(study):
    study.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not TOML"):
        read_study(study)
