from __future__ import annotations

import pytest
import torch

import mho
from mho.data import Data
from mho.errors import BundleError, ConfigError, DataError, OutOfRangeError
from mho.network.applied import Attachment
from mho.network.chip import Chip
from mho.network.mapped import MappedNetwork
from mho.recover import attachments
from mho.recover.onchip.bench import Bench
from mho.recover.onchip.calibration import Calibration
from mho.recover.optimiser import Adam
from mho.recover.sparse import (
    ImportanceSampling,
    PerColumn,
    RandomDiagonals,
    RandomPositions,
    SparseAdaptation,
    TopDiagonals,
    TopK,
)
from mho.recover.sparse.scores import weight_scores
from mho.testing.attachment import check_attachment

QUICK = {"samples": 400, "steps": 40, "check_every": 20}


def accuracy(chip: Chip, data: Data, t: str | float = 0) -> float:
    with torch.no_grad():
        return float((chip.at(t)(data.inputs).argmax(1) == data.labels).float().mean())


@pytest.fixture(scope="module")
def rough(stripe_net: MappedNetwork) -> MappedNetwork:
    """The network in single devices, whose chips are far below the digital network."""
    hardware = mho.Hardware(device="charan2020", mapping=mho.SingleDevice())
    return stripe_net.with_hardware(hardware)


@pytest.fixture(scope="module")
def calibration(stripes: Data) -> Data:
    return stripes.as_role("calibration")


def test_a_chip_is_adapted(rough: MappedNetwork, calibration: Data) -> None:
    chip = rough.program(3)
    adapted = SparseAdaptation(budget=0.2, **QUICK).fit(chip, calibration)
    assert isinstance(adapted, Chip)
    # Measured on other seeds: from about 63 % to about 90 %.
    assert accuracy(adapted, calibration) > accuracy(chip, calibration) + 0.05
    # The chip itself is what it was.
    fresh = rough.program(3)
    assert torch.equal(chip.at(0)(calibration.inputs), fresh.at(0)(calibration.inputs))
    [applied] = adapted.applied
    assert applied.method == "sparse-adaptation"
    assert applied.knows.labels
    assert applied.knows.data_on_device
    assert applied.knows.own_readout
    assert applied.knows.rram_values


def test_every_chip_of_a_network_adapts_itself(rough: MappedNetwork, calibration: Data) -> None:
    method = SparseAdaptation(budget=0.2, **QUICK)
    network = method.fit(rough, calibration)
    for k in (3, 4):
        own = network.program(k)
        single = method.fit(rough.program(k), calibration)
        assert torch.equal(own.at(0)(calibration.inputs), single.at(0)(calibration.inputs))
        assert accuracy(own, calibration) > accuracy(rough.program(k), calibration) + 0.05


def test_a_chip_is_adapted_only_once(
    rough: MappedNetwork, calibration: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = SparseAdaptation(**QUICK).fit(rough, calibration)
    adapted: list[int] = []
    whole = SparseAdaptation.fit_chip

    def counted(self, chip, *rest, **named):
        adapted.append(chip.seed)
        return whole(self, chip, *rest, **named)

    monkeypatch.setattr(SparseAdaptation, "fit_chip", counted)
    for k in (0, 1, 0):
        network.program(k).at(0)
    network.program(0).snapshots([0, 0])
    assert adapted == [0, 1]


def test_works_where_nothing_else_may_be_trained(rough: MappedNetwork, calibration: Data) -> None:
    network = SparseAdaptation(budget=0.2, **QUICK).fit(rough, calibration)
    with torch.inference_mode():
        inside = network.program(3).at(0)(calibration.inputs)
    again = SparseAdaptation(budget=0.2, **QUICK).fit(rough, calibration)
    assert torch.equal(inside, again.program(3).at(0)(calibration.inputs))


@pytest.mark.parametrize(
    "rule",
    [
        ImportanceSampling(),
        ImportanceSampling(score="gradient", layers="uniform"),
        TopK(score="weight-gradient"),
        TopK(score="magnitude"),
        RandomPositions(),
        RandomDiagonals(),
        TopDiagonals(),
        PerColumn(score="gradient"),
    ],
    ids=lambda rule: rule.law,
)
def test_every_rule_repairs(rule, rough: MappedNetwork, calibration: Data) -> None:
    """With every weight in an SRAM word each rule is the digital network, but for rounding."""
    chip = rough.program(5)
    adapted = SparseAdaptation(budget=1.0, positions=rule, word_bits=16, steps=0, span=3.0).fit(
        chip, calibration
    )
    assert adapted.applied[0].adds.share_in_sram == 1
    wanted = rough.model.state_dict()
    weights = adapted.snapshot(0).weights()
    for layer in rough.layers:
        # Half a step of 16-bit words over three times the largest weight.
        largest = float(wanted[layer.parameter].abs().max())
        torch.testing.assert_close(
            weights[layer.name], wanted[layer.parameter], rtol=0, atol=0.51 * 3 * largest / 32767
        )


def test_words_can_start_at_nothing(rough: MappedNetwork, calibration: Data) -> None:
    method = SparseAdaptation(
        budget=0.2, start="zero", positions=TopK(score="gradient"), **{**QUICK, "steps": 120}
    )
    assert not method.knowledge.rram_values
    chip = rough.program(3)
    adapted = method.fit(chip, calibration)
    assert accuracy(adapted, calibration) > accuracy(chip, calibration) + 0.03
    assert adapted.applied[0].adds.sram_writes > 0


def test_a_teacher_replaces_labels(rough: MappedNetwork, stripes: Data) -> None:
    method = SparseAdaptation(budget=0.2, learn_from="teacher", **QUICK)
    assert not method.knowledge.labels
    wrong = Data(stripes.inputs, (stripes.labels + 1) % 4, name="wrong labels")
    chip = rough.program(3)
    assert accuracy(method.fit(chip, wrong), stripes) > accuracy(chip, stripes) + 0.05
    assert torch.equal(
        method.fit(chip, wrong).at(0)(stripes.inputs),
        method.fit(chip, stripes).at(0)(stripes.inputs),
    )


def test_it_never_leaves_a_chip_worse(rough: MappedNetwork, stripes: Data) -> None:
    """Training at a rate that wrecks the words is rolled back."""
    wild = SparseAdaptation(
        budget=0.2,
        start="zero",
        samples=600,
        steps=25,
        optimiser={"law": "sgd", "lr": 50.0},
        positions=RandomPositions(),
    )
    chip = rough.program(3)
    adapted = wild.fit(chip, stripes)
    [applied] = adapted.applied
    assert applied.report["rolled_back"]
    assert applied.report["held_out_after"] == applied.report["held_out_before"]
    assert torch.equal(adapted.at(0)(stripes.inputs), chip.at(0)(stripes.inputs))


def test_training_stops_without_progress(rough: MappedNetwork, calibration: Data) -> None:
    method = SparseAdaptation(
        steps=500, check_every=1, patience=4, samples=200, optimiser={"law": "sgd", "lr": 1e-9}
    )
    [applied] = method.fit(rough.program(1), calibration).applied
    assert applied.report["steps"] < 30


def test_what_it_adds(rough: MappedNetwork, calibration: Data) -> None:
    method = SparseAdaptation(budget=0.1, word_bits=6, positions=RandomDiagonals(), **QUICK)
    [applied] = method.fit(rough, calibration).applied
    # 78 words at most: diagonals of 9, 27 and 128 words; by size 5.4, 21.5 and 51 of them.
    assert applied.report["words_by_layer"].keys() <= {layer.name for layer in rough.layers}
    words = applied.report["words"]
    assert words <= 78
    assert words % 9 == 0
    assert applied.adds.share_in_sram == words / rough.weights
    assert applied.adds.sram_bits <= 6 * words + 3 * (words // 9)
    # 400 examples of 64 values and a label, 8 bits each, pass by and are not kept.
    assert applied.adds.data_bits == 0
    assert applied.report["streamed_bits"] == 400 * (64 + 1) * 8
    assert applied.adds.rram_writes == 0
    assert applied.adds.sram_writes >= words * 0.5
    by_layer = {layer.name: layer.positions for layer in rough.layers}
    assert list(by_layer.values()) == [64, 16, 1]


def test_a_stream_is_seen_once(rough: MappedNetwork, calibration: Data) -> None:
    """300 examples to train on: 9 whole batches of 32, no more; twice that in two passes."""
    for passes, steps in ((1, 9), (2, 18)):
        method = SparseAdaptation(samples=400, steps=500, passes=passes, patience=100)
        [applied] = method.fit(rough.program(1), calibration).applied
        assert applied.report["steps"] == steps
        assert applied.report["examples_seen"] == 32 * steps


@pytest.mark.parametrize("bits", [4, 6, 8, 12, 16])
def test_words_of_every_width(bits: int, rough: MappedNetwork, calibration: Data) -> None:
    method = SparseAdaptation(budget=0.2, word_bits=bits, positions=RandomDiagonals(), **QUICK)
    adapted = method.fit(rough.program(3), calibration)
    branch = attachment_of(adapted)
    largest = 2 ** (bits - 1) - 1
    for words in branch.words.values():
        assert int(words.values.abs().max()) <= largest
    [applied] = adapted.applied
    # Offsets of diagonals: one of 6 columns for 9 words, one of 8 for 27, one of 4 for 128.
    lines = {"0": (9, 3), "2": (27, 3), "5": (128, 2)}
    counts = applied.report["words_by_layer"]
    places = {name: lines[name.partition(".")[0]] for name in counts}
    offsets = sum(n // places[name][0] * places[name][1] for name, n in counts.items())
    assert applied.adds.sram_bits == bits * applied.report["words"] + offsets


def test_updates_are_priced(rough: MappedNetwork, calibration: Data) -> None:
    adapted = SparseAdaptation(budget=0.2, **QUICK).fit(rough.program(3), calibration)
    priced = mho.cost(adapted)
    book = mho.costs.books.load_book(priced.book).components
    writes = adapted.applied[0].report["writes"]
    assert priced.sram_writes == writes
    assert priced.sram_write_s == pytest.approx(writes * book.sram_write_ns.value * 1e-9)
    assert priced.sram_write_pJ == pytest.approx(writes * book.word_access_pJ)
    low, high = priced.speed_against_rewriting
    assert 1 < low < high


def test_an_optimiser_pays_for_its_state(rough: MappedNetwork, calibration: Data) -> None:
    plain, adam = (
        SparseAdaptation(budget=0.1, optimiser=optimiser, positions=RandomPositions(), **QUICK)
        .fit(rough, calibration)
        .applied[0]
        .adds.sram_bits
        for optimiser in ({"law": "sgd"}, Adam())
    )
    assert adam - plain == 78 * 2 * 16


@pytest.mark.parametrize("rule", [RandomPositions(), TopDiagonals(), PerColumn()])
@pytest.mark.parametrize("area", [0.05, 0.2])
def test_a_budget_of_area_is_kept(rule, area, rough: MappedNetwork, calibration: Data) -> None:
    method = SparseAdaptation(budget_area=area, positions=rule, **QUICK)
    found = method.fit(rough, calibration)
    share = mho.cost(found, book=method.book).area_share
    # Whole words and lines leave some of it; bits of gaps and operations are foreseen roughly.
    assert 0.5 * area < share < 1.05 * area


def test_budgets_are_checked(rough: MappedNetwork, calibration: Data) -> None:
    with pytest.raises(ConfigError, match="give one of them"):
        SparseAdaptation(budget=0.05, budget_area=0.0786)
    with pytest.raises(ConfigError, match="buys no word"):
        SparseAdaptation(budget=0.001).fit(rough, calibration)


def test_it_composes_with_what_came_before(rough: MappedNetwork, calibration: Data) -> None:
    scaled = mho.recover.DriftScale().fit(rough, calibration)
    network = SparseAdaptation(budget=0.2, **QUICK).fit(scaled, calibration)
    chip = network.program(2)
    assert [a.method for a in chip.applied] == ["drift-scale", "sparse-adaptation"]
    assert accuracy(chip, calibration) > accuracy(scaled.program(2), calibration)


def test_it_can_be_done_later(rough: MappedNetwork, calibration: Data) -> None:
    device = mho.load_device("charan2020").with_drift_of(mho.load_device("falcone2025"))
    network = rough.with_hardware(mho.Hardware(device=device, mapping=mho.SingleDevice()))
    method = SparseAdaptation(budget=0.2, time="1 month", **QUICK)
    chip = method.fit(network.program(3), calibration)
    assert accuracy(chip, calibration, "1 month") > accuracy(
        network.program(3), calibration, "1 month"
    )
    with pytest.raises(OutOfRangeError):
        SparseAdaptation(time="1 ms").fit(network, calibration)


def test_texts_and_other_named_inputs(calibration: Data) -> None:
    class Named(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(64, 4)

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            return self.layer(pixels)

    data = Data({"pixels": calibration.inputs.flatten(1)}, calibration.labels, name="named")
    torch.manual_seed(0)
    network = mho.map_network(Named(), mho.Hardware(device="charan2020"))
    adapted = SparseAdaptation(budget=0.2, **QUICK).fit(network, data)
    check_attachment(attachment_of(adapted), network.program(1), [0])


def attachment_of(target: MappedNetwork | Chip) -> Attachment:
    attachment = target.applied[-1].attachment
    assert attachment is not None
    return attachment


@pytest.mark.parametrize("learn_from", ["labels", "teacher"])
def test_what_it_learned_can_be_saved(rough, calibration: Data, learn_from) -> None:
    method = SparseAdaptation(learn_from=learn_from, **QUICK)
    chip = rough.program(4)
    for target in (rough, chip):
        attachment = attachment_of(method.fit(target, calibration))
        check_attachment(attachment, chip, [0])
        again = attachments.restore(attachment.kind, attachment.settings(), attachment.tensors())
        assert type(again) is type(attachment)


@pytest.mark.parametrize("break_it", ["tensor", "settings", "shape"])
def test_damage_is_refused(rough: MappedNetwork, calibration: Data, break_it: str) -> None:
    method = SparseAdaptation(**QUICK)
    for target in (rough, rough.program(4)):
        attachment = attachment_of(method.fit(target, calibration))
        settings, tensors = attachment.settings(), dict(attachment.tensors())
        if break_it == "tensor":
            del tensors[sorted(tensors)[0]]
        elif break_it == "settings":
            settings.pop(sorted(settings)[0])
        else:
            name = sorted(tensors)[0]
            tensors[name] = tensors[name][:-1]
        with pytest.raises(BundleError, match="save the bundle again"):
            type(attachment).restore(settings, tensors)


def test_test_data_are_refused(rough: MappedNetwork, stripes: Data) -> None:
    held = Data(stripes.inputs, stripes.labels, name="held", role="test")
    with pytest.raises(DataError, match="sparse-adaptation expects train or calibration data"):
        SparseAdaptation().fit(rough, held)
    with pytest.raises(DataError, match="leaves none on one side"):
        SparseAdaptation(held_out=0.01).fit(rough, stripes.take(5, 0))


def test_gradients_are_those_of_the_chip(rough: MappedNetwork, calibration: Data) -> None:
    """The score of one batch is the gradient that finite differences give."""
    method = SparseAdaptation(samples=64)
    few = Calibration.of(method, rough, calibration, 0, who="test")
    bench = Bench(rough, rough.program(2).snapshot(0))
    scores = weight_scores("gradient", bench, method, few, samples=32)
    layer = rough.layers[2]
    index, size = int(scores[layer.name].argmax()), 1e-2
    losses = []
    for sign in (1, -1):
        branch = torch.zeros(layer.weights, dtype=torch.float32)
        branch[index] = sign * size
        changed = bench.snapshot.add_digital({layer.name: branch.reshape(layer.shape)})
        with torch.no_grad():
            logits = bench.logits(changed, few.own.inputs[:32])
            losses.append(float(few.loss(method, logits, torch.arange(32))))
    slope = abs(losses[0] - losses[1]) / (2 * size)
    assert slope == pytest.approx(float(scores[layer.name][index]), rel=0.02)
    errors = weight_scores("error-gradient", bench, method, few, samples=32)
    gap = (bench.present[layer.name] - bench.wanted[layer.name]).abs().flatten()
    torch.testing.assert_close(errors[layer.name], scores[layer.name] * gap)


@pytest.mark.parametrize("rule", [TopK(), ImportanceSampling(), RandomPositions()])
def test_an_area_is_filled_and_not_exceeded(
    rough: MappedNetwork, calibration: Data, rule: TopK | ImportanceSampling | RandomPositions
) -> None:
    """What positions really take decides: full to two words and two hundredths."""
    for area in (0.08, 0.2, 0.35, 0.6):
        method = SparseAdaptation(
            budget_area=area, word_bits=6, positions=rule, samples=100, steps=0
        )
        target = method.fit(rough, calibration)
        found = mho.cost(target).area_share
        one_word = area / target.applied[-1].report["words"]
        assert found <= area
        assert found >= area * 0.98 - 2 * one_word
        assert target.applied[-1].report["words"] >= method.words(rough)


def test_importance_is_found_again_on_the_repaired_chip(
    rough: MappedNetwork, calibration: Data
) -> None:
    """Gradients are those of the repaired chip, errors those of the cells."""
    method = SparseAdaptation(samples=400)
    own = Calibration.of(method, rough, calibration, 0, who="test")
    [snapshot] = rough.program(3).snapshots([0.0])
    bench = Bench(rough, snapshot)
    errors = {name: bench.wanted[name] - weight for name, weight in bench.present.items()}
    half = {name: e * (torch.arange(e.numel()) % 2).reshape(e.shape) for name, e in errors.items()}
    repaired = snapshot.add_digital(half)
    again = weight_scores("error-gradient", bench, method, own, samples=300, around=repaired)
    there = weight_scores("gradient", Bench(rough, repaired), method, own, samples=300)
    for name, score in again.items():
        assert torch.allclose(score, there[name] * errors[name].abs().flatten(), rtol=1e-4)


def test_rounds_place_words_anew_and_count_what_they_write(
    rough: MappedNetwork, calibration: Data
) -> None:
    once, twice = (
        SparseAdaptation(budget=0.1, steps=0, samples=400, rounds=rounds)
        .fit(rough.program(3), calibration)
        .applied[0]
        for rounds in (1, 2)
    )
    assert once.report["words"] == twice.report["words"]
    assert once.report["words_by_layer"] != twice.report["words_by_layer"]
    # Nearly every repaired word is other than 0, so each round writes nearly all of them.
    assert twice.report["writes"] == pytest.approx(2 * once.report["writes"], rel=0.1)


def test_words_that_start_at_nothing_are_placed_once(
    rough: MappedNetwork, calibration: Data
) -> None:
    once, twice = (
        SparseAdaptation(budget=0.1, start="zero", rounds=rounds, **QUICK)
        .fit(rough.program(2), calibration)
        .at(0)(calibration.inputs)
        for rounds in (1, 2)
    )
    assert torch.equal(once, twice)
