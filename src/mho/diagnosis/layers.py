"""Looking into the layers: what each does wrong, and what of it reaches the logits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mho.diagnosis.bench import Bench, decibel, noise_of_decisions, power
from mho.diagnosis.result import LayerResult
from mho.network.call import call
from mho.network.layer import MappedLayer
from mho.network.mapped import MappedNetwork
from mho.network.programmed import with_tensors
from mho.network.snapshot import Snapshot
from mho.network.tally import Tally


@torch.inference_mode()
def snr_of_outputs(
    bench: Bench, variant: MappedNetwork, snapshot: Snapshot
) -> dict[str, float | None]:
    """Return the signal-to-noise ratio of each layer's output in a running network, in dB.

    Args:
        bench: Network and examples.
        variant: The network on hardware with some effects.
        snapshot: A chip of it.
    """
    chip, modules = variant.realise(snapshot), _modules(variant)
    clean = _Recorder(bench.network.model, modules)
    with clean:
        call(bench.network.model, bench.few.inputs)
    noisy = _Recorder(chip.model, modules)
    with noisy:
        call(chip, bench.few.inputs)
    return {
        layer.name: _snr(clean.output.get(layer.module), noisy.output.get(layer.module))
        for layer in variant.layers
    }


def _modules(network: MappedNetwork) -> list[str]:
    return list(dict.fromkeys(layer.module for layer in network.layers))


@torch.inference_mode()
def look_at_layers(
    bench: Bench,
    variant: MappedNetwork,
    snapshot: Snapshot,
    tallies: Mapping[str, Tally],
    alone: Mapping[str, Mapping[str, float | None]],
    report: Callable[[int, str], None],
) -> list[LayerResult]:
    """Return what every layer of one chip does wrong.

    Args:
        bench: Network and examples.
        variant: The network on all of its hardware.
        snapshot: The chip.
        tallies: What the converters met, by layer.
        alone: By effect: the ratio of each layer's output with it alone.
        report: Called with the number of the layer and its name.
    """
    inputs = bench.few.inputs
    clean_model = bench.network.model
    chip = variant.realise(snapshot)
    modules = _modules(variant)
    clean = _Recorder(clean_model, modules)
    with clean:
        call(clean_model, inputs)
    noisy = _Recorder(chip.model, modules)
    with noisy:
        call(chip, inputs)
    found = []
    for number, layer in enumerate(variant.layers):
        report(number, layer.name)
        own = None
        if layer.module in clean.given:
            args, kwargs = clean.given[layer.module]
            again = _first(chip.model.get_submodule(layer.module)(*args, **kwargs))
            own = _snr(clean.output[layer.module], again)
        logits = bench.outputs(_only(bench.network, layer, snapshot))
        tally = tallies.get(layer.name)
        hardware = variant.hardware
        found.append(
            LayerResult(
                layer=layer.name,
                kind=layer.kind,
                weights=layer.weights,
                snr_db=_snr(clean.output.get(layer.module), noisy.output.get(layer.module)),
                own_snr_db=own,
                alone_snr_db={effect: ratios[layer.name] for effect, ratios in alone.items()},
                logits_snr_db=decibel(1.0, noise_of_decisions(bench.logits, logits)),
                drop_pp=bench.drop_pp(logits),
                use_of_window=_use_of_window(layer),
                inputs_clipped=tally.share_inputs_clipped if tally and hardware.dac_bits else None,
                sums_clipped=tally.share_sums_clipped if tally and hardware.adc_bits else None,
                use_of_range=tally.use_of_range if tally and hardware.adc_bits else None,
            )
        )
    return found


def _only(network: MappedNetwork, layer: MappedLayer, snapshot: Snapshot) -> nn.Module:
    """Return the digital network with one layer on the hardware."""
    if network.hardware.ideal_periphery:
        return with_tensors(network.model, {layer.parameter: snapshot.weight(layer.name)})
    alone = replace(network, layers=(layer,))
    return alone.realise(replace(snapshot, parameters={})).model


def _use_of_window(layer: MappedLayer) -> float:
    """Return the root mean square of ``|w|`` over the largest weight that fits the window."""
    encoded = layer.encoded
    window = np.ptp(encoded.g_target_uS) * np.abs(encoded.scale * encoded.polarity.max())
    weight = encoded.decode(encoded.g_target_uS)
    return float(np.sqrt((weight**2).mean()) / max(float(window.max()), 1e-30))


def _snr(clean: Tensor | None, noisy: Tensor | None) -> float | None:
    if clean is None or noisy is None:
        return None
    return decibel(power(clean), power(noisy - clean))


def _first(output: Any) -> Tensor:
    """Return the tensor in what a module returned: attention and recurrent layers return more."""
    while not isinstance(output, Tensor):
        output = output[0]
    return output


def _copied(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.clone()
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_copied(item) for item in value)
    return value


class _Recorder:
    """Keeps what some modules are given and return in one forward pass."""

    def __init__(self, model: nn.Module, names: list[str]) -> None:
        self.given: dict[str, tuple[Any, Any]] = {}
        self.output: dict[str, Tensor] = {}
        self._modules = {name: model.get_submodule(name) for name in names}
        self._handles: list[Any] = []

    def __enter__(self) -> None:
        for name, module in self._modules.items():
            self._handles.append(module.register_forward_hook(self._hook(name), with_kwargs=True))

    def __exit__(self, *error: object) -> None:
        for handle in self._handles:
            handle.remove()

    def _hook(self, name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
            # Copies: what follows may work in place.
            self.given.setdefault(name, (_copied(args), _copied(kwargs)))
            self.output.setdefault(name, _first(output).clone())

        return hook
