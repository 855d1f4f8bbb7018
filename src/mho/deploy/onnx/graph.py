"""The network that is exported: weights as inputs may replace them, branches beside the layers."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.func import functional_call

from mho.deploy.onnx.beside import PLAIN, LayerBeside
from mho.deploy.onnx.timed import TimedVectors
from mho.network.call import logits_of
from mho.network.layer import MappedLayer
from mho.network.mapped import MappedNetwork
from mho.network.snapshot import Snapshot
from mho.recover.veraplus.attachment import VeraBranch
from mho.recover.veraplus.projections import branch_weight


class TimedNetwork(nn.Module):
    """A network as ``f(inputs…, t_s)``: the compensation set is picked inside.

    Linear layers and convolutions get their branch beside them; where a weight is used in another
    way (attention projections, transposed convolutions) the branch is added to it.

    Args:
        network: The mapped network.
        snapshot: Cells, SRAM branches, gains and digital values that do not depend on the time.
        timed: What VeRA+ attached, or None.
        names: Names of the inputs where the network takes several; None for one tensor.
    """

    def __init__(
        self,
        network: MappedNetwork,
        snapshot: Snapshot,
        timed: VeraBranch | None,
        names: tuple[str, ...] | None,
    ) -> None:
        super().__init__()
        self.network = copy.deepcopy(network.model)
        self._names = names
        state = self.network.state_dict()
        self.network.load_state_dict({**state, **snapshot.parameters})
        self.timed = None if timed is None else TimedVectors(timed)
        self._branches = None if timed is None else timed.branches
        found = () if timed is None else timed.branches.geometries
        self._geometries = {g.layer: g for g in found}
        self._merged: dict[str, str] = {}  # by layer: the parameter that its weight takes
        self._places: dict[str, str] = {}  # by layer: the module beside which its branch runs
        for index, layer in enumerate(network.layers):
            self._place(index, layer, snapshot)

    def _place(self, index: int, layer: MappedLayer, snapshot: Snapshot) -> None:
        module = self.network.get_submodule(layer.module)
        if type(module) in PLAIN and layer.module and not self._is_read_by_parent(layer.module):
            timed = self._branches
            beside = LayerBeside(
                module,
                snapshot.crossbar[layer.name],
                snapshot.digital.get(layer.name),
                snapshot.gain.get(layer.name),
                self._geometries.get(layer.name),
                None if timed is None else timed.projections,
            )
            self.network.set_submodule(layer.module, beside)
            self._places[layer.name] = layer.module
            return
        # Buffers cannot have dots in their names, so layers go by number here.
        self.register_buffer(f"crossbar_{index}", snapshot.crossbar[layer.name].clone())
        if layer.name in snapshot.gain:
            self.register_buffer(f"gain_{index}", snapshot.gain[layer.name].clone())
        if layer.name in snapshot.digital:
            self.register_buffer(f"digital_{index}", snapshot.digital[layer.name].clone())
        self._merged[layer.name] = f"{index} {layer.parameter}"

    def _is_read_by_parent(self, module: str) -> bool:
        """Whether a module's weight is used without calling the module."""
        parent = self.network.get_submodule(module.rpartition(".")[0])
        return isinstance(parent, nn.MultiheadAttention)

    @property
    def crossbars(self) -> dict[str, str]:
        """Names of the crossbar weights in this module, by layer."""
        beside = {layer: f"network.{place}.crossbar" for layer, place in self._places.items()}
        merged = {layer: f"crossbar_{at.split()[0]}" for layer, at in self._merged.items()}
        return {**beside, **merged}

    def forward(self, *arguments: Tensor) -> Tensor:
        """Return the logits; the last argument is the time since programming in s."""
        *inputs, t_s = arguments
        vectors = {} if self.timed is None else self.timed(t_s)
        tensors: dict[str, Tensor] = {}
        for layer, place in self._places.items():
            if layer in vectors:
                b, d = vectors[layer]
                tensors |= {f"{place}.b": b, f"{place}.d": d}
        for layer, at in self._merged.items():
            index, parameter = at.split()
            tensors[parameter] = self._weight(layer, index, vectors)
        args, kwargs = (tuple(inputs), {})
        if self._names is not None:
            args, kwargs = (), dict(zip(self._names, inputs, strict=True))
        return logits_of(functional_call(self.network, tensors, args, kwargs, tie_weights=False))

    def _weight(self, layer: str, index: str, vectors: dict[str, tuple[Tensor, Tensor]]) -> Tensor:
        weight: Tensor = getattr(self, f"crossbar_{index}")
        if hasattr(self, f"gain_{index}"):
            weight = weight * getattr(self, f"gain_{index}")
        if hasattr(self, f"digital_{index}"):
            weight = weight + getattr(self, f"digital_{index}")
        if layer in vectors and self._branches is not None:
            b, d = vectors[layer]
            projections = self._branches.projections
            weight = weight + branch_weight(self._geometries[layer], projections, b, d)
        return weight


def times_to_prove(timed: VeraBranch | None) -> list[float]:
    """Return times before, at, between and beyond the starts of the sets."""
    if timed is None:
        return [1.0]
    starts = torch.tensor(timed.schedule.starts_s, dtype=torch.float64) / timed.clock
    between = (starts[:-1] * starts[1:]).sqrt()
    return [float(starts[0]) / 2, *starts.tolist(), *between.tolist(), float(starts[-1]) * 3]
