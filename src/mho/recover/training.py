"""The training loop that recoveries share: deterministic, resumable, blind to test data."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor

from mho.data import Data
from mho.errors import DataError
from mho.network.call import Inputs
from mho.recover.base import Progress
from mho.recover.checkpoint import load_checkpoint, save_checkpoint
from mho.recover.optimiser import Adam, Sgd, set_rate
from mho.rng import Label, Streams

Augment: TypeAlias = Callable[[Tensor, Streams], Tensor]
"""Changes a batch of images without changing their classes, drawing from the batch's streams."""


@dataclass(frozen=True, eq=False)
class Batch:
    """What one training step sees.

    Attributes:
        step: Number of the step, from 0.
        epoch: Number of the pass over the data, from 0.
        indices: Positions of the examples in the data, shape ``(batch,)``.
        inputs: The examples, augmented.
        labels: Their classes, shape ``(batch,)``.
        streams: Random numbers of this step and no other: draw noise and chips from here.
    """

    step: int
    epoch: int
    indices: Tensor
    inputs: Inputs
    labels: Tensor
    streams: Streams


@dataclass(frozen=True, eq=False)
class Trained:
    """What a training ends with.

    Attributes:
        parameters: By name: the chosen values (the running average where ``ema`` is set; the best
            scored where there is a score, else the last).
        buffers: By name: the buffers that belong to them.
        curve: Plain data, one entry a mark: step, mean loss since the last mark, score.
        best_step: Steps done when the chosen values were reached.
    """

    parameters: dict[str, Tensor]
    buffers: dict[str, Tensor]
    curve: list[dict[str, float]]
    best_step: int


@dataclass(eq=False)
class _State:
    """Everything that changes while training; a checkpoint holds all of it."""

    parameters: dict[str, Tensor]
    buffers: dict[str, Tensor]
    optimiser: torch.optim.Optimizer
    average: dict[str, Tensor] = field(default_factory=dict)
    best: dict[str, Tensor] | None = None
    curve: list[dict[str, float]] = field(default_factory=list)
    best_score: float = float("-inf")
    best_step: int = 0
    step: int = 0
    loss_sum: float = 0.0
    loss_steps: int = 0

    @property
    def values(self) -> dict[str, Tensor]:
        """Parameters and buffers as they are now."""
        return {**self.parameters, **self.buffers}

    @property
    def chosen(self) -> dict[str, Tensor]:
        """Parameters and buffers that training would return now."""
        return {**self.values, **self.average}

    def follow(self, decay: float) -> None:
        """Let the running average follow the values, at first faster than ``decay`` says."""
        decay = min(decay, self.step / (self.step + 9))
        for name, mean in self.average.items():
            mean.lerp_(self.values[name].detach(), 1 - decay)

    def save(self, path: Path, identity: str) -> None:
        """Write all of it."""
        tensors = {
            **_prefixed("value", self.values),
            **_prefixed("average", self.average),
            **_prefixed("best", self.best or {}),
        }
        for i, kept in self.optimiser.state_dict()["state"].items():
            present = {k: torch.as_tensor(v) for k, v in kept.items() if v is not None}
            tensors |= _prefixed(f"optimiser/{i}", present)
        plain = {k: getattr(self, k) for k in _PLAIN}
        save_checkpoint(path, tensors, plain, identity=identity)

    def load(self, path: Path, identity: str) -> None:
        """Go on from what :meth:`save` wrote."""
        tensors, plain = load_checkpoint(path, identity=identity)
        with torch.no_grad():
            for name, value in _below("value", tensors).items():
                self.values[name].copy_(value)
        self.average, self.best = _below("average", tensors), _below("best", tensors) or None
        states: dict[int, dict[str, Tensor]] = {}
        for name, value in _below("optimiser", tensors).items():
            index, _, key = name.partition("/")
            states.setdefault(int(index), {})[key] = value
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": states})
        for key in _PLAIN:
            setattr(self, key, plain[key])


_SHOW_EVERY_S = 0.2
_SAVE_EVERY_S = 20.0
_PLAIN = ("curve", "best_score", "best_step", "step", "loss_sum", "loss_steps")


def train(
    parameters: Mapping[str, Tensor],
    loss: Callable[[Batch], Tensor],
    data: Data,
    *,
    steps: int,
    batch: int,
    optimiser: Sgd | Adam,
    streams: Streams,
    purpose: str,
    identity: str = "",
    buffers: Mapping[str, Tensor] | None = None,
    augment: Augment | None = None,
    after_step: Callable[[Batch], None] | None = None,
    ema: float | None = None,
    clip_norm: float | None = None,
    score: Callable[[Mapping[str, Tensor]], float] | None = None,
    margin: Callable[[float], float] | None = None,
    stop: Callable[[list[dict[str, float]]], bool] | None = None,
    mark_every: int | None = None,
    progress: Progress | None = None,
    checkpoint: Path | None = None,
) -> Trained:
    """Minimise a loss over batches of the data. The same arguments give the same values, always.

    The order of the examples, augmentation and all noise come from named streams of the step, so a
    run that was killed and started again ends in the values of a run that was not.

    Args:
        parameters: By name: leaf tensors that require gradients; changed in place.
        loss: Scalar loss of a batch; it uses ``parameters`` and draws noise from
            ``batch.streams``. Dropout and the like are seeded by step too.
        data: Training or calibration data; test data are refused.
        steps: Number of steps.
        batch: Examples a step; each pass sees every example at most once.
        optimiser: Algorithm, learning rate and its schedule.
        streams: Random numbers of the whole training.
        purpose: What this training is, for messages: ``"distillation"``.
        identity: What decides the result (settings, data, network, seed); a checkpoint of another
            identity is refused.
        buffers: By name: tensors that the loss changes in place (batch-norm statistics), saved
            with the state.
        augment: Applied to the inputs of every batch.
        after_step: Called after each step, e.g. to clip weights.
        ema: Decay of a running average of parameters and buffers, which is then what counts.
        clip_norm: Largest norm of the gradient.
        score: Higher is better, of the values (parameters and buffers by name) that would be
            returned; the best are returned.
        margin: By how much a score may lie below the best so far and still be taken, since it is
            later; given the best score. Without it the first of the best is returned.
        stop: Called with the curve at each mark; true ends the training.
        mark_every: Steps between marks, at which the curve grows and the score is taken; by
            default one pass over the data.
        progress: Called as ``progress(done, total, text)``.
        checkpoint: File to keep the state in, and to go on from where it exists.

    Returns:
        The trained values, detached.

    Raises:
        DataError: The data are test data, or the loss became NaN or infinite.
        BundleError: The checkpoint is damaged or of other work.
    """
    data.require(("train", "calibration"), purpose)
    size = min(batch, len(data))
    mark_every = mark_every or max(len(data) // size, 1)
    state = _State(dict(parameters), dict(buffers or {}), optimiser.build(parameters.values()))
    if ema is not None:
        state.average = {n: v for n, v in _copies(state.values).items() if v.is_floating_point()}
    if checkpoint is not None and checkpoint.exists():
        state.load(checkpoint, identity)
    saved_at = shown_at = time.monotonic()
    ended = state.step == steps or (stop is not None and bool(state.curve) and stop(state.curve))
    while not ended:
        now = batch_at(data, size, state.step, streams, augment)
        set_rate(state.optimiser, optimiser, state.step, steps)
        _one_step(state, loss, now, purpose, clip_norm)
        if after_step is not None:
            after_step(now)
        state.step += 1
        if ema is not None:
            state.follow(ema)
        if state.step % mark_every == 0 or state.step == steps:
            _mark(state, score, margin)
            ended = state.step == steps or (stop is not None and stop(state.curve))
        seconds = time.monotonic()
        if checkpoint is not None and (ended or seconds - saved_at >= _SAVE_EVERY_S):
            state.save(checkpoint, identity)
            saved_at = seconds
        if progress is not None and (ended or seconds - shown_at >= _SHOW_EVERY_S):
            progress(state.step, steps, _words(purpose, state.curve))
            shown_at = seconds
    return _result(state)


def batch_at(
    data: Data, size: int, step: int, streams: Streams, augment: Augment | None = None
) -> Batch:
    """Return the batch of a step: passes over the data in an order drawn anew for each.

    Args:
        data: The examples.
        size: Examples a batch, no more than there are.
        step: Number of the step.
        streams: Random numbers of the whole training.
        augment: Applied to the inputs.
    """
    a_pass = len(data) // size
    epoch, position = divmod(step, a_pass)
    order = _order(streams.seed, (*streams.scope, "order", epoch), len(data))
    indices = order[position * size : (position + 1) * size]
    here = streams.child("step", step)
    inputs: Inputs
    if isinstance(data.inputs, dict):
        inputs = {key: tensor[indices] for key, tensor in data.inputs.items()}
    else:
        inputs = data.inputs[indices]
        if augment is not None:
            inputs = augment(inputs, here.child("augment"))
    return Batch(step, epoch, indices, inputs, data.labels[indices], here)


@lru_cache(maxsize=2)
def _order(seed: int, scope: tuple[Label, ...], n: int) -> Tensor:
    """Return the order of one pass; kept, since every step of the pass asks for it."""
    return torch.from_numpy(Streams(seed, *scope).generator().permutation(n))


def _one_step(
    state: _State,
    loss: Callable[[Batch], Tensor],
    now: Batch,
    purpose: str,
    clip_norm: float | None,
) -> None:
    state.optimiser.zero_grad(set_to_none=True)
    with torch.enable_grad(), seeded(now.streams.integer("torch")):
        value = loss(now)
        value.backward()  # type: ignore[no-untyped-call]
    reached = float(value.detach())
    if not math.isfinite(reached):
        raise DataError(
            f"{purpose}: the loss became {reached} at step {now.step}; "
            "lower the learning rate or check the data."
        )
    if clip_norm is not None:
        torch.nn.utils.clip_grad_norm_(state.parameters.values(), clip_norm)
    state.optimiser.step()
    state.loss_sum += reached
    state.loss_steps += 1


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed PyTorch's own generator (dropout, fresh weights) for a block, and put it back after.

    ``torch.manual_seed`` would also queue a call, with a stack trace, for every accelerator that
    is not in use, at each step.

    Args:
        seed: Any integer in [0, 2**63).
    """
    before = torch.get_rng_state()
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(before)


def _mark(
    state: _State,
    score: Callable[[Mapping[str, Tensor]], float] | None,
    margin: Callable[[float], float] | None,
) -> None:
    entry = {"step": float(state.step), "loss": state.loss_sum / max(state.loss_steps, 1)}
    state.loss_sum, state.loss_steps = 0.0, 0
    if score is not None:
        with torch.no_grad():
            entry["score"] = score(_copies(state.chosen))
        slack = 0.0 if margin is None else margin(max(state.best_score, entry["score"]))
        if entry["score"] > state.best_score or entry["score"] > state.best_score - slack:
            state.best_score = max(state.best_score, entry["score"])
            state.best_step, state.best = state.step, _copies(state.chosen)
    state.curve.append(entry)


def _result(state: _State) -> Trained:
    values = state.best or _copies(state.chosen)
    return Trained(
        {name: values[name] for name in state.parameters},
        {name: values[name] for name in state.buffers},
        state.curve,
        state.best_step if state.best else state.step,
    )


def _words(purpose: str, curve: list[dict[str, float]]) -> str:
    if not curve:
        return purpose
    mark = curve[-1]
    score = f", held out {mark['score']:.3f}" if "score" in mark else ""
    return f"{purpose}: loss {mark['loss']:.3f}{score}"


def _copies(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def _prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    start = f"{prefix}/"
    return {name[len(start) :]: t for name, t in tensors.items() if name.startswith(start)}
