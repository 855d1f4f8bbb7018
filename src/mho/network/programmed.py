"""A network that runs with the weights of one chip at one time."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from mho.network.reads import Reads


class ProgrammedNetwork(nn.Module):
    """The network as one chip computes it at one time: call it like the digital one.

    It is an ordinary module in evaluation mode: ``.to("cuda")`` moves it.

    Attributes:
        t_s: Time since programming in s.
        first_example: Position of a batch's first example among all: it decides the noise of reads
            where every product has its own.
    """

    def __init__(self, model: nn.Module, t_s: float, reads: Reads | None = None) -> None:
        super().__init__()
        self.model = model
        self.t_s = t_s
        self.first_example = 0
        self._reads = Reads() if reads is None else reads
        self.eval()

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Return what the digital network would return, computed by the chip."""
        tensors = (x for x in (*args, *kwargs.values()) if isinstance(x, Tensor))
        first = next(tensors, None)
        self._reads.start(self.first_example, 1 if first is None else len(first))
        return self.model(*args, **kwargs)


def with_tensors(model: nn.Module, tensors: Mapping[str, Tensor]) -> nn.Module:
    """Return a copy of a network with some parameters or buffers replaced, sharing the others."""
    shared: dict[int, Any] = {id(t): t for t in (*model.parameters(), *model.buffers())}
    twin = copy.deepcopy(model, shared)
    for name, tensor in tensors.items():
        parent, _, leaf = name.rpartition(".")
        module = twin.get_submodule(parent)
        if leaf in module._buffers:
            module._buffers[leaf] = tensor
        else:
            setattr(module, leaf, nn.Parameter(tensor, requires_grad=False))
    return twin


def with_module(model: nn.Module, name: str, module: nn.Module) -> nn.Module:
    """Put a module in place of another, by name, and return the network (a lone layer is one)."""
    if not name or model.get_submodule(name) is model:
        return module
    parent, _, leaf = name.rpartition(".")
    setattr(model.get_submodule(parent), leaf, module)
    return model
