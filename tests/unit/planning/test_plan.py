"""Plans: the cheapest recipe on a tiny network, judged where it was not chosen."""

from __future__ import annotations

import functools
import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import mho
from mho.errors import ConfigError, StoreError
from mho.planning import judge as judging
from mho.planning import plan as planning
from mho.planning.judge import Judge, Measured, front
from mho.planning.plan import plan
from mho.planning.propose import next_recipe
from mho.planning.space import Recipe, Space, load_space
from mho.recover.registry import by_name
from mho.study.spec import read_study

BUILDER = """
import torch


def tiny():
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10))
"""
STUDY = """
name = "tiny"
[data]
name = "mnist-5k"
train_images = 500
test_images = 100
[network]
builder = "net.py:tiny"
weights = "net.safetensors"
[hardware]
device = "charan2020"
[target]
accuracy_drop_pp = {drop}
yield = 0.5
"""
SPACE = Space(
    mappings=("differential-pair", "sign-magnitude"),
    scales=("column",),
    distill_epochs=(0.0,),
    shares=(0.0, 0.1, 0.3),
    word_bits=(6,),
    structures=("top-k",),
    probes=(0.0,),
    adapt={"samples": 60, "steps": 2},
    trials=5,
    screening_images=100,
    screening_chips=3,
    finalists=2,
    final_chips=4,
)


@pytest.fixture(scope="module")
def weights():
    """One linear layer, trained for a moment on real digits."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10))
    data = mho.data.load("mnist-5k", "train")
    optimiser = torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(30):
        loss = torch.nn.functional.cross_entropy(model(data.inputs[:1000]), data.labels[:1000])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model.state_dict()


def write_study(folder, weights, drop=10.0):
    (folder / "net.py").write_text(BUILDER)
    save_file(weights, folder / "net.safetensors")
    path = folder / "study.toml"
    path.write_text(STUDY.format(drop=drop))
    return path


@pytest.fixture
def study(tmp_path, weights):
    return functools.partial(write_study, tmp_path, weights)


def run(path, folder, **changes):
    return plan(path, folder, space=changes.pop("space", SPACE), progress=False, **changes)


@pytest.fixture(scope="module")
def planned(tmp_path_factory, weights):
    """A folder with a finished plan; tests work on copies of it."""
    folder = tmp_path_factory.mktemp("planned")
    return folder, run(write_study(folder, weights), folder / "out")


@pytest.fixture
def found(planned, tmp_path):
    shutil.copytree(planned[0] / "out", tmp_path / "out")
    return planned[1]


def test_the_cheapest_that_holds_is_named(found, tmp_path):
    chosen = found["recipe"]
    assert chosen["yield"]["share"] >= 0.5
    cheaper = [one for one in found["finalists"] if one["area_um2"] < chosen["area_um2"]]
    assert all(one["yield"]["share"] < 0.5 for one in cheaper)
    assert len(found["screened"]) == 5
    assert found["space"] == 6
    assert json.loads((tmp_path / "out" / "plan.json").read_text()) == found
    assert found["verdict"] in (tmp_path / "out" / "plan.md").read_text()


def test_finalists_are_judged_on_other_chips_and_images(found, study, tmp_path, monkeypatch):
    seen = []
    whole = judging.evaluate

    def spied(network, data, times, chips, *, seed, **rest):
        seen.append((data.role, data.digest, range(seed, seed + chips)))
        return whole(network, data, times, chips, seed=seed, **rest)

    monkeypatch.setattr(judging, "evaluate", spied)
    (tmp_path / "other").mkdir()
    judge = Judge(read_study(study()), SPACE, planning.Folder(tmp_path / "other"))
    recipe = Recipe.parse(found["recipe"]["recipe"], where="test")
    again = judge.judge(recipe, lambda *_: None)
    judge.screen(recipe, lambda *_: None)
    assert list(again.accuracies) == found["recipe"]["accuracies"]
    (role, images, chips), (other_role, other_images, other_chips) = seen
    assert (role, other_role) == ("test", "train")
    assert images != other_images
    assert set(chips).isdisjoint(other_chips)
    assert (len(chips), len(other_chips)) == (4, 3)


def test_the_recipe_can_be_run_as_it_stands(found, tmp_path):
    figures = mho.run_study(tmp_path / "out" / "recipe.toml", tmp_path / "run", progress=False)
    [at] = figures["steps"][-1]["times"]
    assert at["chips"] == 4
    # The study learns from all training images, the plan from those that it did not hold out.
    planned = found["recipe"]["accuracies"]
    assert at["mean"] == pytest.approx(sum(planned) / 4, abs=0.05)


def test_a_front_has_nothing_that_is_beaten(found):
    best = found["front"]
    areas, drops = ([one[key] for one in best] for key in ("area_um2", "drop_pp_at_yield"))
    assert areas == sorted(areas)
    assert drops == sorted(drops, reverse=True)
    for one in found["screened"]:
        beaten = [
            b for b in best
            if b["area_um2"] <= one["area_um2"]
            and b["drop_pp_at_yield"] <= one["drop_pp_at_yield"]
        ]  # fmt: skip
        assert beaten  # by itself where it is on the front


def test_a_search_that_was_stopped_goes_on_as_if_it_had_not_been(found, study, tmp_path):
    class Stop(Exception):
        pass

    calls = []

    def stopper(done, total, text):
        calls.append(done)
        if done >= 2.5:
            raise Stop

    with pytest.raises(Stop):
        plan(study(), tmp_path / "two", space=SPACE, progress=stopper)
    kept = json.loads((tmp_path / "two" / "screened.json").read_text())["screened"]
    assert len(kept) == 2
    again = run(study(), tmp_path / "two")
    for key in ("front", "finalists", "screened"):
        for one, other in zip(again[key], found[key], strict=True):
            assert one["recipe"] == other["recipe"]
            assert one["accuracies"] == other["accuracies"]


def test_more_trials_search_on(found, study, tmp_path):
    more = run(study(), tmp_path / "out", trials=6)
    assert [one["recipe"] for one in more["screened"][:5]] == [
        one["recipe"] for one in found["screened"]
    ]
    assert len({json.dumps(one["recipe"]) for one in more["screened"]}) == 6
    everything = run(study(), tmp_path / "out", trials=50)
    assert len(everything["screened"]) == 6  # all there are


def test_a_target_out_of_reach_is_said(study, tmp_path):
    found = run(study(0.0), tmp_path / "out", space=SPACE.model_copy(update={"shares": (0.0,)}))
    assert found["recipe"] is None
    assert found["verdict"].startswith("No recipe that was tried meets the target")
    assert not (tmp_path / "out" / "recipe.toml").exists()


def test_another_target_uses_what_was_screened(found, study, tmp_path, monkeypatch):
    def never(*args):
        raise AssertionError("screened again")

    monkeypatch.setattr(Judge, "screen", never)
    assert run(study(90.0), tmp_path / "out")["recipe"] is not None


def test_what_cannot_be_planned_is_refused(study, tmp_path):
    path = study()
    plain = path.read_text()
    path.write_text(plain.replace("accuracy_drop_pp = 10.0", ""))
    with pytest.raises(ConfigError, match="a plan needs a target"):
        run(path, tmp_path / "out")
    path.write_text(plain + "[sweep.hardware]\nrows = [64, 128]\n")
    with pytest.raises(ConfigError, match=r"take \[sweep\] out"):
        run(path, tmp_path / "out")
    path.write_text(plain)
    wrong = SPACE.model_copy(update={"adapt": {"stepz": 1}})
    with pytest.raises(ConfigError, match="unknown key 'stepz'"):
        run(path, tmp_path / "out", space=wrong)
    with pytest.raises(mho.MhoError, match="set screening_images to fewer"):
        run(path, tmp_path / "out", space=SPACE.model_copy(update={"screening_images": 500}))
    assert not (tmp_path / "out").exists()


def test_a_folder_holds_one_plan(found, study, tmp_path):
    with pytest.raises(StoreError, match="another study, space or seed"):
        run(study(), tmp_path / "out", seed=1)
    (tmp_path / "out" / "screened.json").write_text("{")
    with pytest.raises(StoreError, match="cannot be read"):
        run(study(), tmp_path / "out")


def measured(number, area, drop):
    recipe = Recipe(mapping="m", scale="layer", share=number / 1000)
    return Measured(recipe, (0.99 - drop, 0.99 - drop), 0.99, area, 0.0, None, 0, 0.0)


def test_fronts_by_hand():
    given = [measured(1, 5, 0.01), measured(2, 3, 0.02), measured(3, 4, 0.03), measured(4, 3, 0.05)]
    assert [m.area_um2 for m in front(given, 0.5, "area")] == [3, 5]


def test_points_lost_at_a_yield():
    """Mean 0.9, sd 0.01: 90 % of normal chips lie above 0.9 - 1.2816 × 0.01."""
    values = np.array([-1.0, 0.0, 1.0]) * 0.01 + 0.9
    one = Measured(measured(1, 1, 0).recipe, tuple(values), 0.95, 1.0, 0.0, None, 0, 0.0)
    assert one.drop_at(0.9) == pytest.approx(100 * (0.05 + 1.281552 * 0.01), rel=1e-6)
    assert one.drop_at(0.5) == pytest.approx(5.0)


def test_proposals_depend_on_what_is_known_alone():
    space = Space()
    recipes = list(space.recipes())
    assert len(recipes) == len(set(recipes)) == 3 * 2 * 2 * 3 * (1 + 9 * 3 * 3)
    known: list[Measured] = []
    for _ in range(14):
        recipe = next_recipe(space, known, 0.9, seed=3)
        assert recipe == next_recipe(space, list(known), 0.9, seed=3)
        assert recipe in recipes
        assert recipe not in {m.recipe for m in known}
        cost = 1 + recipe.share + (recipe.mapping == "differential-pair")
        known.append(Measured(recipe, (0.9 + recipe.share / 9, 0.9), 1, cost, 0, None, 0, 0))
    assert {m.recipe.mapping for m in known[:6]} == set(space.mappings)  # anchors first


def test_probes_come_after_words_and_stand_in_the_name():
    words = {"share": 0.02, "word_bits": 6, "structure": "top-k"}
    recipe = Recipe(mapping="differential-pair", scale="column", **words, probes=0.005)
    steps = Space().steps(recipe)
    assert [step["method"] for step in steps] == ["sparse-adaptation", "probe-correction"]
    assert steps[1]["storage"] == 0.005
    assert str(recipe).endswith("(top-k), probe correction storing 0.50%")
    by_name("probe-correction").parse(
        {key: value for key, value in steps[1].items() if key not in ("name", "method")}, where="it"
    )


def test_where_outliers_saturate_a_chip_reads_itself_before_words():
    """Words set right what a read-out would take for an error, which is refused the other way."""
    words = {"share": 0.02, "word_bits": 6, "structure": "top-k"}
    common = {"mapping": "differential-pair", "scale": "column", "clip_sd": 5.0, "probes": 0.005}
    recipe, space = Recipe(**common, **words), Space(clips=(0.0, 5.0))
    methods = [step["method"] for step in space.steps(recipe)]
    assert methods == ["probe-correction", "sparse-adaptation"]
    assert recipe.mapping_table == {"law": "differential-pair", "scale": "column", "clip_sd": 5}
    assert "clip_sd" not in Recipe(mapping="single-device", scale="layer").mapping_table
    assert str(recipe).startswith("differential-pair, scale per column, clipped at 5 sd, 2.00%")
    found = list(space.recipes())
    assert len(found) == 2 * len(list(Space().recipes()))
    assert recipe in found


def test_clipping_is_searched_where_it_is_asked_for():
    space = Space(shares=(0.0, 0.05), clips=(0.0, 5.0), distill_epochs=(0.0,))
    known: list[Measured] = []
    for _ in range(25):
        recipe = next_recipe(space, known, 0.9, seed=3)
        assert recipe in set(space.recipes())
        known.append(Measured(recipe, (0.9, 0.9), 1, 1, 0, None, 0, 0))
    assert {m.recipe.clip_sd for m in known} == {0.0, 5.0}


def test_a_space_can_be_a_file(tmp_path):
    path = tmp_path / "space.toml"
    path.write_text("shares = [0.0, 0.05]\nminimise = 'energy'\n")
    assert load_space(path).shares == (0.0, 0.05)
    path.write_text("sharez = [0.0]\n")
    with pytest.raises(ConfigError, match="unknown key 'sharez'"):
        load_space(path)
    with pytest.raises(ConfigError, match="nothing.toml"):
        load_space(tmp_path / "nothing.toml")


def test_a_recipe_must_hold_until_the_end_of_life(study, tmp_path):
    """Its accuracy is that of the worst time: the study's up to the lifetime, and the lifetime."""
    path = study()
    text = path.read_text().replace("charan2020", "falcone2025")
    text = text.replace("yield = 0.5", 'yield = 0.5\nlifetime = "1 d"')
    path.write_text(text + '[evaluate]\ntimes = ["1 h", "10 y"]\n')
    (tmp_path / "other").mkdir()
    space = SPACE.model_copy(update={"mappings": ("single-device",), "final_chips": 2})
    judge = Judge(read_study(path), space, planning.Folder(tmp_path / "other"))
    assert judge.times_s == (1.0, 3600.0, 86400.0)
    recipe = Recipe(mapping="single-device", scale="layer")
    found = judge.judge(recipe, lambda *_: None)
    network = mho.map_network(
        judge.parts.network.model,
        mho.Hardware(device="falcone2025", mapping=mho.SingleDevice()),
    )
    whole = mho.evaluate(network, judge.parts.test, judge.times_s, 2, progress=False)
    assert list(found.accuracies) == list(whole.accuracies.min(axis=1))
