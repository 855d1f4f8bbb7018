"""A network mapped onto hardware: what is to be programmed, before any chip is."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from mho.crossbar.hardware import Hardware
from mho.crossbar.mapping import Encoded, FloatArray
from mho.crossbar.tiles import TileGrid, tile_grid
from mho.network.analogue import Analogue
from mho.network.applied import Additions, Applied
from mho.network.call import Inputs, call
from mho.network.composite import with_product
from mho.network.coverage import Coverage
from mho.network.form import Form, form_of, kernel_positions
from mho.network.layer import MappedLayer
from mho.network.programmed import ProgrammedNetwork, with_tensors
from mho.network.ranges import LayerCodes, LayerRange, layer_codes
from mho.network.reads import Reads
from mho.network.reference import ReferenceLayer
from mho.network.snapshot import ProductNoise, Snapshot
from mho.network.threads import for_each
from mho.network.wired import seen
from mho.rng import Streams

if TYPE_CHECKING:
    from mho.network.chip import Chip


@dataclass(frozen=True, eq=False)
class Calibration:
    """What the ranges of converters were found from.

    Attributes:
        inputs: Training or calibration inputs.
        quantile: Share of the magnitudes seen that are not clipped.
    """

    inputs: Inputs
    quantile: float


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
        calibration: What they were found from, so that a student's are found from the same.
    """

    model: nn.Module
    hardware: Hardware
    layers: tuple[MappedLayer, ...]
    stored: Mapping[str, Encoded]
    coverage: Coverage
    applied: tuple[Applied, ...] = ()
    name: str = "network"
    ranges: Mapping[str, LayerRange] = field(default_factory=dict)
    calibration: Calibration | None = None

    def layer(self, name: str) -> MappedLayer:
        """Return a layer by name."""
        return next(layer for layer in self.layers if layer.name == name)

    def held_weight(self, name: str) -> Tensor:
        """Return what the cells of a layer would hold if they had neither levels nor errors.

        It is the digital weight, unless the mapping lets outliers saturate (``clip_sd``).

        Args:
            name: Name of the layer.

        Returns:
            The weight in torch layout, on its own device.
        """
        layer = self.layer(name)
        digital = self.model.get_parameter(layer.parameter).detach()
        axis = layer.matrix.output_axis
        held = self.hardware.mapping.held(digital.cpu().numpy(), output_axis=axis)
        return torch.from_numpy(held).to(digital.device)

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
        hardware, device = self.hardware, self.hardware.device
        each_product = read is not None and hardware.reads_each_product
        layers = {layer.name: layer for layer in self.layers}
        cells = {**{layer.name: layer.encoded for layer in self.layers}, **self.stored}

        def read_back(name: str) -> list[CellsRead]:
            encoded, here = cells[name], streams.child(name)
            g = device.conductances(
                encoded.g_target_uS, times_s, here,
                die=streams, path=path, read=None if each_product else read,
            )  # fmt: skip
            return self._read(encoded, g, times_s, layers.get(name), variance=each_product)

        drawn = dict(zip(cells, for_each(read_back, cells), strict=True))
        return [
            Snapshot(
                t_s,
                crossbar={name: drawn[name][i].weight for name in layers},
                parameters={name: drawn[name][i].weight for name in self.stored},
                slices={n: r for n in layers if (r := drawn[n][i].slices) is not None},
                noise=ProductNoise(
                    {n: r for n in layers if (r := drawn[n][i].variance) is not None},
                    streams.child("reads", float(t_s), read),
                ) if each_product and read is not None else None,
            )
            for i, t_s in enumerate(times_s)
        ]  # fmt: skip

    def _read(
        self,
        encoded: Encoded,
        g_uS: FloatArray,
        times_s: Sequence[float],
        layer: MappedLayer | None,
        *,
        variance: bool,
    ) -> list[CellsRead]:
        """Return what cells read as at each time, wires included; ``layer`` is None off tiles."""
        hardware = self.hardware
        shown = g_uS
        if layer is not None:
            shown = seen(g_uS, layer.shape, layer.matrix, self.grid(layer), hardware)
        weights = [encoded.decode(g) for g in shown]  # one time after another: less memory
        slices: list[Tensor] | list[None] = [None] * len(times_s)
        variances: list[Tensor] | list[None] = [None] * len(times_s)
        if layer is not None and encoded.slices > 1 and hardware.adc_bits is not None:
            slices = [torch.from_numpy(s) for s in encoded.decode_slices(shown)]
        if layer is not None and variance:
            sds = np.stack(
                [hardware.device.read_noise.sd(g, t) for g, t in zip(g_uS, times_s, strict=True)]
            )
            if shown is not g_uS:
                sds = sds * np.divide(shown, g_uS, out=np.ones_like(g_uS), where=g_uS > 0)
            variances = [torch.from_numpy(v) for v in encoded.decode_variance(sds)]
        return [
            CellsRead(torch.from_numpy(w), s, v)
            for w, s, v in zip(weights, slices, variances, strict=True)
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
            return self._read(encoded, g, [t_s], layer, variance=False)[0].weight

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

        ranges = find_ranges(self, inputs, quantile=quantile)
        return replace(self, ranges=ranges, calibration=Calibration(inputs, quantile))

    def codes(self, layer: MappedLayer) -> LayerCodes:
        """Return the converters of a layer.

        Raises:
            ConfigError: They are to have bits, and :meth:`calibrate` was never called.
        """
        return layer_codes(self.hardware, self.ranges, layer.name)

    def grid(self, layer: MappedLayer) -> TileGrid:
        """Return the tiles of one matrix of a layer."""
        rows, cols = self.hardware.rows, self.hardware.cols
        return tile_grid(layer.rows, layer.cols, kernel_positions(layer), rows=rows, cols=cols)

    def form(self, layer: MappedLayer) -> Form:
        """Return how a layer is a plain product."""
        return form_of(layer, self.model.get_submodule(layer.module))

    def wanted(self, layer: MappedLayer) -> Tensor:
        """Return the wanted weight as slices that are converted on their own.

        They are laid out as the layer's product wants them.
        """
        slices = torch.from_numpy(layer.encoded.decode_slices(layer.encoded.g_target_uS))
        slices = self.form(layer).arranged(slices)
        return slices if self.hardware.adc_bits is not None else slices.sum(0, keepdim=True)

    def analogue(self, layer: MappedLayer, codes: LayerCodes) -> Analogue:
        """Return a layer's product with its periphery.

        Without an ADC nothing tells tiles and slices apart, so they are added up beforehand.

        Args:
            layer: The layer.
            codes: Its converters.
        """
        grid, slices, form = self.grid(layer), layer.encoded.slices, self.form(layer)
        if self.hardware.adc_bits is None:
            kernel = grid.rows_used // grid.channels
            grid, slices = TileGrid(1, grid.across, layer.rows // kernel, layer.rows), 1
        drive = self.hardware.drive
        return Analogue(
            name=layer.name,
            product=form.product,
            grid=grid,
            codes=codes,
            shape=(slices, *form.shape),
            drive=drive,
            wanted=self.wanted(layer) if drive.shifts else None,
        )

    def realise(self, snapshot: Snapshot) -> ProgrammedNetwork:
        """Return a network that computes what the snapshot says: the plain reference.

        With ideal periphery the analogue product is linear and every branch merges into one weight
        a layer: exact, not an approximation. With converters each layer is computed tile by tile.
        Many chips go faster through :class:`mho.network.plan.Plan`, with equal results.
        """
        if self.hardware.ideal_periphery:
            model = with_tensors(self.model, self.tensors(snapshot))
            return ProgrammedNetwork(model, snapshot.t_s)
        model, reads = with_tensors(self.model, snapshot.parameters), Reads()
        noise = snapshot.noise
        reads.streams = None if noise is None else noise.streams
        for layer in self.layers:
            module, form = model.get_submodule(layer.module), self.form(layer)
            variance = None if noise is None else form.arranged(noise.variance[layer.name])
            slices = form.arranged(snapshot.sliced(layer.name))
            gain, branch = snapshot.gain.get(layer.name), snapshot.digital.get(layer.name)
            analogue = self.analogue(layer, self.codes(layer))
            if analogue.shape[0] == 1:
                slices = slices.sum(0, keepdim=True)
                variance = None if variance is None else variance.sum(0, keepdim=True)
            reference = ReferenceLayer(
                analogue,
                slices=slices,
                variance=variance,
                gain=None if gain is None else form.per_output(gain, layer.shape),
                branch=None if branch is None else form.arranged(branch[None])[0],
                bias=module._parameters.get("bias") if form.whole else None,
                reads=reads,
            )
            model = with_product(model, layer, form, reference)
        return ProgrammedNetwork(model, snapshot.t_s, reads)


class CellsRead(NamedTuple):
    """What the cells of one tensor read as at one time: weight, slices, variance of a read."""

    weight: Tensor
    slices: Tensor | None
    variance: Tensor | None


def _feed(sha: hashlib._Hash, name: str, tensor: Tensor) -> None:
    array = np.ascontiguousarray(tensor.detach().cpu().numpy())
    sha.update(f"{name}:{array.dtype}:{array.shape}".encode())
    sha.update(array.tobytes())
