from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from mho.data import Data
from mho.errors import BundleError, DataError
from mho.recover import training
from mho.recover.checkpoint import save_checkpoint
from mho.recover.optimiser import Adam, CosineRate, Sgd, StepRate
from mho.recover.training import Batch, Trained, batch_at, train
from mho.rng import Streams

LINE = Data(torch.linspace(-1, 1, 40).unsqueeze(1), torch.zeros(40, dtype=torch.int64), name="line")


@pytest.fixture(autouse=True)
def _saved_at_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "_SAVE_EVERY_S", 0.0)


class Stopped(Exception):
    pass


def fit_line(
    checkpoint: Path | None = None,
    *,
    stop_at: int | None = None,
    optimiser: Sgd | Adam | None = None,
    data: Data = LINE,
    identity: str = "line",
    ema: float | None = 0.9,
) -> Trained:
    """Fit y = 3 x + noise by one weight; a buffer counts the steps."""
    weight = torch.zeros(1, requires_grad=True)
    count = torch.zeros(1)

    def loss(batch: Batch) -> Tensor:
        if stop_at is not None and batch.step == stop_at:
            raise Stopped
        assert isinstance(batch.inputs, Tensor)
        noise = torch.from_numpy(batch.streams.normal(tuple(batch.inputs.shape), "noise"))
        count.add_(1)
        x = torch.nn.functional.dropout(batch.inputs, 0.2)
        return ((x * weight - 3 * batch.inputs - 0.1 * noise) ** 2).mean()

    return train(
        {"weight": weight},
        loss,
        data,
        steps=60,
        batch=8,
        optimiser=optimiser or Adam(lr=0.1, rate=CosineRate(warm_up=0.1)),
        streams=Streams(5, "test"),
        purpose="line fit",
        identity=identity,
        buffers={"count": count},
        ema=ema,
        score=lambda values: -abs(float(values["weight"]) - 3),
        checkpoint=checkpoint,
    )


@pytest.mark.parametrize("optimiser", [Adam(lr=0.1), Sgd(lr=0.3), Sgd(lr=0.1, momentum=0.9)])
def test_an_interrupted_run_ends_as_one_that_was_not(tmp_path: Path, optimiser) -> None:
    whole = fit_line(optimiser=optimiser)
    file = tmp_path / "state.safetensors"
    for stop in (7, 31, 59):
        with pytest.raises(Stopped):
            fit_line(file, stop_at=stop, optimiser=optimiser)
    resumed = fit_line(file, optimiser=optimiser)
    assert torch.equal(resumed.parameters["weight"], whole.parameters["weight"])
    assert torch.equal(resumed.buffers["count"], whole.buffers["count"])
    assert resumed.curve == whole.curve
    assert resumed.best_step == whole.best_step


def test_a_finished_run_is_not_run_again(tmp_path: Path) -> None:
    file = tmp_path / "state.safetensors"
    done = fit_line(file)
    again = fit_line(file, stop_at=0)
    assert torch.equal(done.parameters["weight"], again.parameters["weight"])


def test_training_finds_the_slope_that_dropout_leaves() -> None:
    # Inverted dropout of a share p multiplies E[x²] by 1 / (1 - p): least squares then gives
    # 3 (1 - p) = 2.4. Noise and 60 steps leave about 0.05.
    result = fit_line(optimiser=Sgd(lr=0.5))
    assert float(result.parameters["weight"]) == pytest.approx(2.4, abs=0.2)


def test_the_best_scored_values_are_returned() -> None:
    result = fit_line(optimiser=Sgd(lr=2.5), ema=None)
    scores = [mark["score"] for mark in result.curve]
    assert -abs(float(result.parameters["weight"]) - 3) == max(scores)
    best = max(range(len(scores)), key=scores.__getitem__)
    assert result.best_step == result.curve[best]["step"]
    assert float(result.buffers["count"]) == result.best_step


def test_a_later_score_within_the_margin_is_taken() -> None:
    def scored(scores: list[float], margin: float | None) -> int:
        left = iter(scores)
        weight = torch.zeros(1, requires_grad=True)
        return train(
            {"weight": weight},
            lambda batch: (weight * batch.inputs).sum(),
            LINE,
            steps=len(scores),
            batch=8,
            optimiser=Sgd(lr=0.1),
            streams=Streams(0, "test"),
            purpose="line fit",
            score=lambda values: next(left),
            margin=None if margin is None else lambda best: margin,
            mark_every=1,
        ).best_step

    assert scored([0.5, 0.9, 0.9, 0.85, 0.7], None) == 2
    assert scored([0.5, 0.9, 0.9, 0.85, 0.7], 0.1) == 4
    # The margin is counted from the best of all, not from the one that was taken last.
    assert scored([0.9, 0.85, 0.78, 0.7], 0.1) == 2


def test_the_global_generator_is_left_alone() -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    first = fit_line()
    assert torch.equal(torch.rand(3), expected)
    torch.manual_seed(99)
    assert torch.equal(fit_line().parameters["weight"], first.parameters["weight"])


def test_each_pass_sees_each_example_once_and_in_another_order() -> None:
    streams = Streams(0, "test")
    passes = [
        torch.cat([batch_at(LINE, 8, 5 * p + i, streams).indices for i in range(5)])
        for p in range(2)
    ]
    for seen in passes:
        assert sorted(seen.tolist()) == list(range(40))
    assert passes[0].tolist() != passes[1].tolist()
    batch = batch_at(LINE, 8, 7, streams)
    assert (batch.epoch, batch.step) == (1, 7)
    assert torch.equal(batch.inputs, LINE.inputs[batch.indices])


def test_test_data_are_refused() -> None:
    test = Data(LINE.inputs, LINE.labels, name="held", role="test")
    with pytest.raises(DataError, match=r"line fit expects train or calibration data; got 'held'"):
        fit_line(data=test)


def test_a_loss_that_is_not_finite_is_refused() -> None:
    with pytest.raises(DataError, match=r"the loss became (inf|nan)"):
        fit_line(optimiser=Sgd(lr=1e30))


def test_a_checkpoint_of_other_work_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "state.safetensors"
    fit_line(file)
    with pytest.raises(BundleError, match="state of other work"):
        fit_line(file, identity="another line")


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "state.safetensors"
    fit_line(file)
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(BundleError, match=r"cannot be read .* delete it"):
        fit_line(file)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    file = tmp_path / "weights.safetensors"
    save_file({"a": torch.zeros(1)}, file)
    with pytest.raises(BundleError, match="is not a checkpoint"):
        fit_line(file)


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    file = tmp_path / "state.safetensors"
    save_checkpoint(file, {"a": torch.ones(2)}, {"n": 1}, identity="x")
    before = file.read_bytes()
    with pytest.raises(TypeError):
        save_checkpoint(file, {"a": torch.ones(2)}, {"n": object()}, identity="x")
    assert file.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["state.safetensors"]


def test_rates() -> None:
    cosine = CosineRate(warm_up=0.1)
    assert cosine.factor(0, 100) == pytest.approx(1 / 11)
    assert cosine.factor(10, 100) == 1
    assert cosine.factor(55, 100) == pytest.approx(0.5)
    steps = StepRate(at=(0.5, 0.75), by=0.1)
    assert [round(steps.factor(s, 100), 6) for s in (0, 49, 50, 75)] == [1, 1, 0.1, 0.01]
