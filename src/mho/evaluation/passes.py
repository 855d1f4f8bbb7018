"""Forward passes over data: how many examples a network gets right.

Float sums depend on their order, and the order on the number of examples in a pass. On the CPU all
passes therefore have one size, whatever batch was asked for, so that not even a near-tie between
two logits can come out differently.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor, nn

from mho.data import Data, Inputs
from mho.errors import DataError, ModelError
from mho.evaluation.metric import Accuracy, Metric
from mho.network.call import call
from mho.network.mapped import MappedNetwork
from mho.network.plan import Plan
from mho.network.programmed import ProgrammedNetwork

_PASS = 64
"""Examples in a pass on the CPU: few enough for the cache, and the fastest measured."""
_PLANNED = 2048
"""Examples handed to a plan at once: a multiple of every micro-batch that it cuts them into."""
_MULTIPLE = 32
"""The last pass is filled up to a multiple of this; below it, threads change the order of sums."""


class _Callable(Protocol):
    def __call__(self, inputs: Inputs) -> Tensor: ...


def count_right(
    network: nn.Module | MappedNetwork | Plan,
    data: Data,
    *,
    metric: Metric | None = None,
    batch: int = 256,
    torch_device: str = "cpu",
    who: str = "the network",
) -> int:
    """Count the examples that a network gets right.

    Args:
        network: A plan with a chip loaded, a programmed network, or a mapped network for its
            digital baseline.
        data: Examples with labels.
        metric: What right means; by default :class:`Accuracy`.
        batch: Examples in a pass on an accelerator. On the CPU passes have a fixed size.
        torch_device: Where to compute: ``"cpu"`` or ``"cuda"``.
        who: What to call the network in an error.

    Raises:
        ModelError: Logits are NaN or infinite, or have no shape ``(n, classes)``.
        DataError: A label has no logit, or the batch is below 1.
    """
    metric = metric or Accuracy()
    model = network.model if isinstance(network, MappedNetwork) else network
    if batch < 1:
        raise DataError(f"a batch must hold at least 1 example; got {batch}.")
    size = _PASS
    on_cpu = torch.device(torch_device).type == "cpu"
    if isinstance(model, Plan):
        size = _PLANNED if on_cpu else batch
    elif not on_cpu:
        size = batch
        # Moving a module moves its tensors in place, and a chip shares some with its network.
        model = copy.deepcopy(model).to(torch_device)
    right = seen = 0
    with torch.inference_mode():
        for inputs, labels in _passes(data, size, torch_device):
            if isinstance(model, Plan):
                logits = model(inputs, first=seen)
            else:
                if isinstance(model, ProgrammedNetwork):
                    model.first_example = seen
                logits = call(model, inputs)
            seen += len(labels)
            logits = logits[: len(labels)].to(labels.device)
            checked(logits, labels, who)
            right += int(metric.right(logits, labels).sum())
    return right


def _passes(data: Data, size: int, torch_device: str) -> Iterator[tuple[Inputs, Tensor]]:
    """Yield inputs, the last of them filled up, and the labels of those that count."""
    for inputs, labels in data.batches(size):
        labels = labels.to(torch_device)
        if isinstance(inputs, dict):
            yield {key: _filled(x).to(torch_device) for key, x in inputs.items()}, labels
        else:
            yield _filled(inputs).to(torch_device), labels


def _filled(x: Tensor) -> Tensor:
    missing = -len(x) % _MULTIPLE
    return torch.cat([x, x[-1:].expand(missing, *x.shape[1:])]) if missing else x


def checked(logits: Tensor, labels: Tensor, who: str) -> None:
    """Refuse logits of which no accuracy can be given.

    Args:
        logits: What came out.
        labels: The labels it is to be compared with.
        who: What to call the network in the error.

    Raises:
        ModelError: Logits are NaN or infinite, or have no shape ``(n, classes)``.
        DataError: A label has no logit.
    """
    if logits.ndim != 2:
        raise ModelError(
            f"{who} must return logits of shape (examples, classes); got {tuple(logits.shape)}. "
            "Wrap the network so that it returns one row of logits per example."
        )
    finite = torch.isfinite(logits)
    if not bool(finite.all()):
        row = int((~finite).any(dim=1).nonzero()[0])
        raise ModelError(
            f"{who} returns NaN or infinite logits (first for example {row} of a pass); no "
            "accuracy can be given. Check the network's activations and the device law's spread."
        )
    if int(labels.max()) >= logits.shape[1]:
        raise DataError(
            f"label {int(labels.max())} has no logit: {who} has {logits.shape[1]} classes. "
            "Use data and a network of the same classes."
        )


def digital_accuracy(
    network: MappedNetwork, data: Data, *, metric: Metric | None = None, torch_device: str = "cpu"
) -> float:
    """Return the accuracy of the digital float network: the baseline of every comparison.

    Args:
        network: A mapped network; neither its hardware nor its recoveries count here.
        data: Examples with labels.
        metric: What right means; by default :class:`Accuracy`.
        torch_device: Where to compute.

    Example:
        >>> import mho, torch
        >>> model = torch.nn.Linear(4, 3)
        >>> network = mho.map_network(model, mho.Hardware(device="ideal"))
        >>> data = Data(torch.ones(2, 4), model(torch.ones(2, 4)).argmax(1), name="own answers")
        >>> digital_accuracy(network, data)
        1.0
    """
    right = count_right(
        network, data, metric=metric, torch_device=torch_device, who="the digital network"
    )
    return right / len(data)
