"""A network mapped onto hardware: what is to be programmed, before any chip is."""

from __future__ import annotations

import copy
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from mho.crossbar.hardware import Hardware
from mho.crossbar.mapping import Encoded
from mho.crossbar.tiles import TileGrid, tile_grid
from mho.network.applied import Additions, Applied
from mho.network.call import Inputs, call
from mho.network.coverage import Coverage
from mho.network.layer import MappedLayer
from mho.network.product import Product
from mho.network.programmed import ProgrammedNetwork, with_module, with_tensors
from mho.network.ranges import LayerCodes, LayerRange, layer_codes
from mho.network.reference import ReferenceLayer
from mho.network.snapshot import Snapshot
from mho.network.threads import for_each
from mho.rng import Streams

if TYPE_CHECKING:
    from mho.network.chip import Chip


@dataclass(frozen=True, eq=False)
class MappedNetwork:
    """A network on crossbars: digital model, hardware, the wanted conductances of each layer.

    It is a value: recoveries return another one. Made by :func:`mho.map_network`.

    Attributes:
        model: The digital network, float32, in evaluation mode; never changed.
        hardware: What the crossbars are made of.
        layers: The layers on crossbars.
        stored: Wanted conductances of parameters that are no matrices but lie on RRAM all the
            same (``charan2020-legacy`` alone does this), by full name.
        coverage: Which layers went where, and why.
        applied: The recoveries that the network went through, in order.
        name: For people.
        ranges: What the converters of each layer see; empty until :meth:`calibrate`.
    """

    model: nn.Module
    hardware: Hardware
    layers: tuple[MappedLayer, ...]
    stored: Mapping[str, Encoded]
    coverage: Coverage
    applied: tuple[Applied, ...] = ()
    name: str = "network"
    ranges: Mapping[str, LayerRange] = field(default_factory=dict)

    def layer(self, name: str) -> MappedLayer:
        """Return a layer by name."""
        return next(layer for layer in self.layers if layer.name == name)

    @property
    def weights(self) -> int:
        """Number of weights on crossbars."""
        return sum(layer.weights for layer in self.layers)

    @property
    def adds(self) -> Additions:
        """What all recoveries together add to one chip."""
        return sum((a.adds for a in self.applied), Additions())

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything that decides what a chip of this network computes (hex)."""
        sha = hashlib.sha256()
        sha.update(repr(self.model).encode())
        for name, tensor in self.model.state_dict().items():
            _feed(sha, name, tensor)
        sha.update(self.hardware.model_dump_json().encode())
        sha.update(json.dumps([layer.name for layer in self.layers]).encode())
        if not self.hardware.ideal_periphery:
            ranges = {name: asdict(found) for name, found in self.ranges.items()}
            sha.update(json.dumps(ranges, sort_keys=True).encode())
        for a in self.applied:
            sha.update(json.dumps([a.method, a.settings], sort_keys=True, default=str).encode())
            if a.attachment is not None:
                sha.update(json.dumps(a.attachment.settings(), sort_keys=True).encode())
                for name, tensor in a.attachment.tensors().items():
                    _feed(sha, name, tensor)
        return sha.hexdigest()

    def program(self, seed: int) -> Chip:
        """Return chip number ``seed``: always the same chip."""
        from mho.network.chip import Chip

        return Chip(self, seed)

    def baseline(self, inputs: Inputs) -> Tensor:
        """Return the logits of the digital float network, shape ``(batch, classes)``."""
        with torch.inference_mode():
            return call(self.model, inputs)

    def with_applied(self, applied: Applied) -> MappedNetwork:
        """Return the network after one more recovery."""
        return replace(self, applied=(*self.applied, applied))

    def with_hardware(self, hardware: Hardware) -> MappedNetwork:
        """Return the same digital network mapped onto other hardware, without recoveries."""
        from mho.network.map_network import remap

        return remap(self, self.model, hardware)

    def with_weights(self, state: Mapping[str, Tensor], *applied: Applied) -> MappedNetwork:
        """Return the network with other weights (a student), mapped anew.

        Args:
            state: A full state dictionary of the digital network.
            applied: Recoveries to note as gone through.
        """
        from mho.network.map_network import remap

        model = copy.deepcopy(self.model)
        model.load_state_dict(dict(state))
        return replace(remap(self, model, self.hardware), applied=(*self.applied, *applied))

    def draw(
        self, times_s: Sequence[float], streams: Streams, *, path: int = 0, read: int | None = None
    ) -> list[Snapshot]:
        """Program the network once and return it at each time, before any recovery.

        Args:
            times_s: Times since programming in s.
            streams: The identity of the cells.
            path: Which future of the programmed cells.
            read: Number of the read whose noise to add, or None.
        """
        device = self.hardware.device

        cells = {**{layer.name: layer.encoded for layer in self.layers}, **self.stored}

        def read_back(name: str) -> list[Tensor]:
            encoded, here = cells[name], streams.child(name)
            g = device.conductances(
                encoded.g_target_uS, times_s, here, die=streams, path=path, read=read
            )
            return [torch.from_numpy(weight) for weight in encoded.decode(g)]

        drawn = dict(zip(cells, for_each(read_back, cells), strict=True))
        return [
            Snapshot(
                t_s,
                crossbar={layer.name: drawn[layer.name][i] for layer in self.layers},
                parameters={name: drawn[name][i] for name in self.stored},
            )
            for i, t_s in enumerate(times_s)
        ]

    def draw_weights(
        self, weights: Mapping[str, Tensor], t_s: float, streams: Streams
    ) -> dict[str, Tensor]:
        """Map and program *other* weights of the same layers, as training under variation needs.

        Args:
            weights: By layer name, torch layout.
            t_s: Time since programming in s.
            streams: The identity of the cells; a new scope gives new cells.

        Returns:
            Weights as read from the conductances, by layer name, same shapes.
        """
        device, mapping = self.hardware.device, self.hardware.mapping

        def read_back(layer: MappedLayer) -> Tensor:
            weight = weights[layer.name].detach().cpu().numpy()
            encoded = mapping.encode(weight, device, output_axis=layer.matrix.output_axis)
            here = streams.child(layer.name)
            g = device.conductances(encoded.g_target_uS, [t_s], here, die=streams)
            return torch.from_numpy(encoded.decode(g)[0])

        names = [layer.name for layer in self.layers]
        return dict(zip(names, for_each(read_back, self.layers), strict=True))

    def tensors(self, snapshot: Snapshot) -> dict[str, Tensor]:
        """Return a snapshot as parameters and buffers of the digital network, by full name."""
        weights = {layer.parameter: snapshot.weight(layer.name) for layer in self.layers}
        return {**weights, **snapshot.parameters}

    def calibrate(self, inputs: Inputs, *, quantile: float = 1.0) -> MappedNetwork:
        """Return the network with the ranges of its converters found from data.

        Args:
            inputs: Training or calibration inputs; a few hundred are enough.
            quantile: Share of the magnitudes seen that must not be clipped. A little less than 1
                narrows the range and spends the codes on what is common.
        """
        from mho.network.calibrate import find_ranges

        return replace(self, ranges=find_ranges(self, inputs, quantile=quantile))

    def codes(self, layer: MappedLayer) -> LayerCodes:
        """Return the converters of a layer.

        Raises:
            ConfigError: They are to have bits, and :meth:`calibrate` was never called.
        """
        return layer_codes(self.hardware, self.ranges, layer.name)

    def grid(self, layer: MappedLayer) -> TileGrid:
        """Return the tiles of one matrix of a layer."""
        kernel = math.prod(layer.shape[2:]) if layer.kind.startswith("conv") else 1
        rows, cols = self.hardware.rows, self.hardware.cols
        return tile_grid(layer.rows, layer.cols, kernel, rows=rows, cols=cols)

    def realise(self, snapshot: Snapshot) -> ProgrammedNetwork:
        """Return a network that computes what the snapshot says: the plain reference.

        With ideal periphery the analogue product is linear and every branch merges into one weight
        a layer: exact, not an approximation. With converters each layer is computed tile by tile.
        Many chips go faster through :class:`mho.network.plan.Plan`, with equal results.
        """
        if self.hardware.ideal_periphery:
            model = with_tensors(self.model, self.tensors(snapshot))
            return ProgrammedNetwork(model, snapshot.t_s)
        model = with_tensors(self.model, snapshot.parameters)
        for layer in self.layers:
            module = model.get_submodule(layer.module)
            reference = ReferenceLayer(
                Product(module, layer.name),
                self.grid(layer),
                self.codes(layer),
                weight=snapshot.crossbar[layer.name],
                gain=snapshot.gain.get(layer.name),
                branch=snapshot.digital.get(layer.name),
                bias=module._parameters.get("bias"),
            )
            model = with_module(model, layer.module, reference)
        return ProgrammedNetwork(model, snapshot.t_s)


def _feed(sha: hashlib._Hash, name: str, tensor: Tensor) -> None:
    array = np.ascontiguousarray(tensor.detach().cpu().numpy())
    sha.update(f"{name}:{array.dtype}:{array.shape}".encode())
    sha.update(array.tobytes())
