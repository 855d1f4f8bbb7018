"""The fast forward: one prepared network whose buffers take one chip after another."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule

from mho.network.calibrate import tiled
from mho.network.call import Inputs, call
from mho.network.composite import Composite
from mho.network.layer import MappedLayer
from mho.network.lean import fold_factors, lean
from mho.network.mapped import MappedNetwork
from mho.network.reads import Reads
from mho.network.snapshot import Snapshot
from mho.network.tally import Tally
from mho.network.threads import for_each
from mho.network.tiled import TiledLayer

_CACHE_BYTES = 5 << 19
"""Largest activation of a micro-batch; measured best on CPUs with 1–2 MiB of cache a core."""

_MULTIPLE = 32
"""The last micro-batch is filled up to a multiple of this: below it, the number of examples and of
threads changes the order of sums, and so the last bit of a logit."""


class Plan:
    """A prepared forward pass: load a snapshot, call it on inputs, load the next.

    It computes what ``network.realise(snapshot)`` computes, to float rounding, in about half the
    time of the plain network: batch norm is folded into each chip's weights, which are written into
    buffers that stay where they are; images go through in cache-sized micro-batches, channels last,
    on as many threads as torch has, a whole micro-batch each. The size of a micro-batch depends on
    the network alone, so results do not depend on how the caller cuts the data into batches.

    Args:
        network: A mapped network; with converters, one whose ranges are calibrated.
        torch_device: Where to compute.

    Example:
        >>> import mho, torch
        >>> network = mho.map_network(mho.zoo.build("lenet5"), mho.Hardware(device="falcone2025"))
        >>> plan = Plan(network)
        >>> plan.load(mho.program(network, 3).snapshot("1 y"))
        >>> plan(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 10])
    """

    def __init__(self, network: MappedNetwork, *, torch_device: str = "cpu") -> None:
        self.network = network
        self.torch_device = torch.device(torch_device)
        self._state = _named_tensors(network.model)
        self._norms = {
            name: m
            for name, m in network.model.named_modules()
            if isinstance(m, nn.modules.batchnorm._BatchNorm)
        }
        self._reads = Reads()
        self._forms = {layer.name: network.form(layer) for layer in self._layers_on_tiles}
        model, self._tiled = _untied(network), dict[str, TiledLayer]()
        if self._layers_on_tiles:
            codes = {layer.name: network.codes(layer) for layer in network.layers}
            model, self._tiled = tiled(network, codes, self._reads)
        form = lean(model)
        self._folded = form.folded
        self._channels_last = any(
            isinstance(m, nn.Conv2d | TiledLayer) for m in form.module.modules()
        )
        self._module = form.module.to(self.torch_device).eval().requires_grad_(False)
        self._targets = self._buffers_by_name()
        self._base = self._effective(self._state)
        self._dirty: set[str] = set(self._targets)
        self._micro_batch: int | None = None

    @property
    def _layers_on_tiles(self) -> tuple[MappedLayer, ...]:
        return () if self.network.hardware.ideal_periphery else self.network.layers

    def _buffers_by_name(self) -> dict[str, Tensor]:
        """Return what :meth:`load` writes into, convolutions channels last; not tiled layers."""
        tensors = _named_tensors(self._module)
        own = {
            f"{name}.{buffer}".lstrip(".")
            for name, m in self._module.named_modules()
            if isinstance(m, TiledLayer | Composite)
            for buffer, _ in m.named_buffers(recurse=False)
        }
        for tensor in tensors.values():
            if self._channels_last and tensor.ndim == 4:
                # Not .contiguous(): with one channel it keeps strides that say "channels first".
                data = torch.empty_like(tensor.data, memory_format=torch.channels_last)
                tensor.data = data.copy_(tensor.data)
        return {name: tensor for name, tensor in tensors.items() if name not in own}

    @torch.no_grad()
    def load(self, snapshot: Snapshot) -> None:
        """Write a chip as it is at a time into the buffers."""
        changed = dict(snapshot.parameters) if self._tiled else self.network.tensors(snapshot)
        touched = set(changed) | {n for name in changed for n in self._depend_on(name)}
        state = {**self._state, **changed}
        effective = self._effective(state, touched)
        for name in self._dirty - effective.keys():
            self._targets[name].copy_(self._base[name])
        for name, tensor in effective.items():
            self._targets[name].copy_(tensor)
        self._dirty = set(effective)
        self._reads.streams = None if snapshot.noise is None else snapshot.noise.streams
        if self._tiled:
            for layer in self.network.layers:
                self._load_tiles(layer, snapshot, state)

    def _load_tiles(self, layer: MappedLayer, snapshot: Snapshot, state: dict[str, Tensor]) -> None:
        """Write one layer with converters; batch norm goes into gain, branch and bias."""
        tiles, form = self._tiled[layer.name], self._forms[layer.name]
        gain, branch = snapshot.gain.get(layer.name), snapshot.digital.get(layer.name)
        gain = None if gain is None else form.per_output(gain, layer.shape)
        branch = None if branch is None else form.arranged(branch[None])[0]
        bias = state.get(layer.bias) if form.whole else None
        norm = self._folded.get(layer.module)
        if norm is not None:
            factor, shift = fold_factors(self._norms[norm], state, norm)
            gain = factor if gain is None else gain * factor
            bias = shift if bias is None else shift + factor * bias
            if branch is not None:
                branch = branch * factor.view(-1, *(1,) * (branch.ndim - 1))
        noise = snapshot.noise
        variance = None if noise is None else form.arranged(noise.variance[layer.name])
        tiles.load(form.arranged(snapshot.sliced(layer.name)), gain, branch, bias, variance)

    def count(self) -> dict[str, Tally]:
        """Count from now on what the converters do, and return the counters by layer.

        With ideal periphery there is nothing to count.
        """
        for layer in self._tiled.values():
            layer.tally = Tally()
        return {name: layer.tally for name, layer in self._tiled.items() if layer.tally}

    def _depend_on(self, name: str) -> list[str]:
        """Return the buffers that a tensor of the network is folded into."""
        module = name.rpartition(".")[0]
        return [
            f"{product}.{leaf}"
            for product, norm in self._folded.items()
            if module in (product, norm)
            for leaf in ("weight", "bias")
        ]

    def _effective(
        self, state: dict[str, Tensor], wanted: set[str] | None = None
    ) -> dict[str, Tensor]:
        """Return the values of buffers, batch norm folded in."""
        values = {}
        for name in self._targets if wanted is None else wanted & self._targets.keys():
            product, _, leaf = name.rpartition(".")
            norm = self._folded.get(product)
            if norm is None or leaf not in ("weight", "bias"):
                values[name] = state[name]
                continue
            factor, shift = fold_factors(self._norms[norm], state, norm)
            if leaf == "weight":
                weight = state[name]
                values[name] = weight * factor.view(-1, *(1,) * (weight.ndim - 1))
            else:
                bias = state.get(name)
                values[name] = shift if bias is None else shift + factor * bias
        return values

    @torch.inference_mode()
    def __call__(self, inputs: Inputs, *, first: int = 0) -> Tensor:
        """Return the logits, shape ``(batch, classes)``, on the CPU.

        Args:
            inputs: A tensor or a dictionary of tensors, batch first; any number of inputs.
            first: Position of the first of them among all examples; it decides the noise of reads
                where every product has its own.
        """
        if self._micro_batch is None:
            self._micro_batch = self._choose_micro_batch(inputs)
        count, size = _length(inputs), self._micro_batch

        def run(start: int) -> Tensor:
            with torch.inference_mode():  # a setting of the thread
                part = self._part(inputs, start, start + size)
                self._reads.start(first + start, _length(part))
                return call(self._module, part)

        starts = range(0, count, size)
        parts = for_each(run, starts) if self._threads_may_share else [run(s) for s in starts]
        return torch.cat(parts)[:count].cpu()

    @property
    def _threads_may_share(self) -> bool:
        """Whether several micro-batches may run at once.

        Only where it is known that no step keeps anything: networks that were traced.
        """
        traced = isinstance(self._module, GraphModule)
        counting = any(layer.tally for layer in self._tiled.values())
        return traced and not counting and self.torch_device.type == "cpu"

    def _part(self, inputs: Inputs, start: int, stop: int) -> Inputs:
        if isinstance(inputs, Mapping):
            return {name: self._prepared(t[start:stop]) for name, t in inputs.items()}
        return self._prepared(inputs[start:stop])

    def _prepared(self, part: Tensor) -> Tensor:
        """Fill a part up to a whole number of rows of work and lay it out as the layers want it."""
        missing = -len(part) % _MULTIPLE
        if missing:
            part = torch.cat([part, part[-1:].expand(missing, *part.shape[1:])])
        part = part.to(self.torch_device)
        if self._channels_last and part.ndim == 4:
            part = part.contiguous(memory_format=torch.channels_last)
        return part

    def _choose_micro_batch(self, inputs: Inputs) -> int:
        """Return how many inputs keep the largest activation within the cache: a power of two."""
        if self.torch_device.type != "cpu":
            return 1024
        largest = 1

        def note(module: nn.Module, args: Any, output: Any) -> None:
            nonlocal largest
            if isinstance(output, Tensor):
                largest = max(largest, output.numel() * output.element_size())

        leaves = [m for m in self._module.modules() if not any(True for _ in m.children())]
        handles = [leaf.register_forward_hook(note) for leaf in leaves]
        tallies = {layer: layer.tally for layer in self._tiled.values()}
        try:
            for layer in tallies:
                layer.tally = None  # this pass is nobody's
            part = self._part(inputs, 0, 1)
            self._reads.start(0, _length(part))
            call(self._module, part)
        finally:
            for layer, tally in tallies.items():
                layer.tally = tally
            for handle in handles:
                handle.remove()
        fits = max(_CACHE_BYTES * _MULTIPLE // largest, 1)  # one input was filled up to 32
        return int(min(max(1 << (fits.bit_length() - 1), _MULTIPLE), 256))


def _named_tensors(module: nn.Module) -> dict[str, Tensor]:
    """Return all parameters and buffers by name, shared ones under each of their names."""
    return {
        **dict(module.named_parameters(remove_duplicate=False)),
        **dict(module.named_buffers(remove_duplicate=False)),
    }


def _untied(network: MappedNetwork) -> nn.Module:
    """Return a copy of the digital network in which every layer on crossbars has its own weight."""
    model = copy.deepcopy(network.model)
    for layer in network.layers:
        weight = model.get_parameter(layer.parameter)
        own = nn.Parameter(weight.detach().clone(), requires_grad=False)
        setattr(model.get_submodule(layer.module), layer.matrix.parameter, own)
    return model


def _length(inputs: Inputs) -> int:
    return len(next(iter(inputs.values())) if isinstance(inputs, Mapping) else inputs)
