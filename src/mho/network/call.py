"""Calling a network: one tensor or a dictionary of them in, logits out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from torch import Tensor, nn
from torch.func import functional_call

from mho.errors import ModelError

Inputs: TypeAlias = Tensor | Mapping[str, Tensor]


def logits_of(output: Any) -> Tensor:
    """Return the logits in a network's output: a tensor, or the ``logits`` of a model output.

    Raises:
        ModelError: There are none.
    """
    logits = getattr(output, "logits", output)
    if isinstance(logits, Tensor):
        return logits
    raise ModelError(
        f"the network returned {type(output).__name__}; expected a tensor of logits or an output "
        "with 'logits'. Wrap the network so that it returns its logits."
    )


def call(model: nn.Module, inputs: Inputs) -> Tensor:
    """Run a network on a batch: a tensor is its argument, a dictionary its keyword arguments."""
    output = model(**inputs) if isinstance(inputs, Mapping) else model(inputs)
    return logits_of(output)


def call_with(model: nn.Module, tensors: Mapping[str, Tensor], inputs: Inputs) -> Tensor:
    """Run a network with some parameters or buffers replaced, differentiable in them.

    Args:
        model: The network; it is not changed (buffers of layers in training mode excepted).
        tensors: Replacements by full name.
        inputs: A batch.
    """
    args, kwargs = ((), dict(inputs)) if isinstance(inputs, Mapping) else ((inputs,), {})
    # A weight that two layers share lies on two crossbars: replacing one must not replace both.
    return logits_of(functional_call(model, dict(tensors), args, kwargs, tie_weights=False))
