"""Mapping a PyTorch network onto hardware, with a list of what went where and why."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import replace

import torch
from torch import nn

from mho.crossbar.hardware import Hardware
from mho.crossbar.mapping import Encoded
from mho.errors import ConfigError, ModelError, unknown
from mho.network.call import Inputs
from mho.network.coverage import Coverage, CoverageRow
from mho.network.layer import MappedLayer, Matrix, layer_name, matrices_of, weight_of
from mho.network.mapped import MappedNetwork
from mho.network.trace import trace_positions

_NO_PRODUCT = "no known matrix product"
_REASONS: tuple[tuple[type[nn.Module], str], ...] = (
    (nn.modules.batchnorm._BatchNorm, "batch norm is applied digitally"),
    (nn.LayerNorm, "layer norm is applied digitally"),
    (nn.GroupNorm, "group norm is applied digitally"),
    (nn.Embedding, "a look-up, not a matrix product"),
)


def map_network(
    model: nn.Module,
    hardware: Hardware,
    digital: Iterable[str] = (),
    *,
    example: Inputs | None = None,
    strict: bool = False,
    name: str | None = None,
) -> MappedNetwork:
    """Map a network onto crossbars. Nothing is skipped in silence: see ``.coverage``.

    Linear layers, convolutions (grouped, depthwise, transposed), attention projections and
    recurrent weights go onto crossbars, sub-classes included; biases, normalisation and everything
    else stay digital. A weight that two layers share lies on a crossbar for each of them.

    Args:
        model: Any network; it is copied, in float32 and evaluation mode, never changed.
        hardware: Device, mapping and periphery.
        digital: Names of modules to keep digital; a name covers all that is below it.
        example: A batch to trace once, which gives the multiply–accumulates of each layer. Without
            it zeros of ``model.example_shape`` are traced where the network has that attribute,
            as those of ``mho.zoo`` do.
        strict: Refuse to leave a layer digital whose weights are not known to be a matrix.
        name: For people; by default the network's class name.

    Returns:
        The mapped network.

    Raises:
        ModelError: A weight is not finite, nothing can be mapped, the example does not run, or
            ``strict`` found a layer that would stay digital.
        ConfigError: ``digital`` names a module that does not exist.

    Example:
        >>> import mho, torch
        >>> model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU())
        >>> network = mho.map_network(model, mho.Hardware(device="ideal"))
        >>> [layer.name for layer in network.layers]
        ['0']
    """
    if not isinstance(model, nn.Module):
        raise ModelError(f"a network must be a torch.nn.Module; got {type(model).__name__}.")
    if isinstance(digital, str):
        raise ConfigError(f"digital must be a list of module names; write ['{digital}'].")
    known = [n for n, _ in model.named_modules() if n]
    for kept in digital:
        if kept not in known:
            raise unknown("module", kept, known, where="map_network(digital=…)")
    model = _prepared(model)
    shape = getattr(model, "example_shape", None)
    if example is None and shape is not None:
        example = torch.zeros(1, *shape)
    positions = None if example is None else trace_positions(model, example)
    network = _mapped(model, hardware, tuple(digital), positions, name or type(model).__name__)
    left = [row.layer for row in network.coverage.digital if row.reason == _NO_PRODUCT]
    if strict and left:
        raise ModelError(
            f"strict: {', '.join(left)} would stay digital. Name them in digital=[…] if that is "
            "meant, or leave strict out and read network.coverage."
        )
    return network


def remap(network: MappedNetwork, model: nn.Module, hardware: Hardware) -> MappedNetwork:
    """Map a digital network of the same architecture as one that was mapped before."""
    on_crossbars = {layer.name: layer.macs for layer in network.layers}
    layers = tuple(
        _encode(model, name, module, matrix, hardware, on_crossbars[layer_name(name, matrix)])
        for name, module in model.named_modules()
        for matrix in matrices_of(module)
        if layer_name(name, matrix) in on_crossbars
    )
    _refuse_non_finite(model)
    remapped = replace(
        network,
        model=_prepared(model),
        hardware=hardware,
        layers=layers,
        stored=_stored(model, layers, hardware),
        applied=(),
        ranges={},  # other weights or another tile see other partial sums
    )
    if network.calibration is None or not hardware.has_converters:
        return remapped
    return remapped.calibrate(network.calibration.inputs, quantile=network.calibration.quantile)


def _prepared(model: nn.Module) -> nn.Module:
    """Return a float32 copy in evaluation mode that asks for no gradients."""
    if any(isinstance(p, nn.parameter.UninitializedParameter) for p in model.parameters()):
        raise ModelError("the network has lazy layers without shapes; run it once before mapping.")
    model = copy.deepcopy(model).cpu().float().eval()
    model.requires_grad_(False)
    return model


def _refuse_non_finite(model: nn.Module) -> None:
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            bad = int((~torch.isfinite(tensor)).sum())
            raise ModelError(
                f"'{name}' has {bad} of {tensor.numel()} values that are NaN or infinite; a "
                "conductance must be finite. Train the network again or load a sound checkpoint."
            )


def _mapped(
    model: nn.Module,
    hardware: Hardware,
    digital: tuple[str, ...],
    positions: Mapping[str, int] | None,
    name: str,
) -> MappedNetwork:
    _refuse_non_finite(model)
    layers: list[MappedLayer] = []
    rows: list[CoverageRow] = []
    for path, module in model.named_modules():
        kept = any(path == d or path.startswith(f"{d}.") for d in digital)
        matrices = [] if kept else matrices_of(module)
        for matrix in matrices:
            called = layer_name(path, matrix)
            macs = None
            if positions is not None:
                macs = positions[called] * weight_of(module, matrix).numel()
            layer = _encode(model, path, module, matrix, hardware, macs)
            layers.append(layer)
            groups = f"{layer.groups} of " if layer.groups > 1 else ""
            why = f"{groups}{layer.rows} × {layer.cols}"
            kind = type(module).__name__
            rows.append(CoverageRow(called, kind, "crossbar", layer.weights, macs, why))
        rows += _digital_rows(path, module, {m.parameter for m in matrices}, kept=kept)
    if not layers:
        raise ModelError(
            f"nothing in '{name}' can be mapped: it has no Linear or convolution layer outside "
            f"digital={list(digital)}."
        )
    return MappedNetwork(
        model=model,
        hardware=hardware,
        layers=tuple(layers),
        stored=_stored(model, tuple(layers), hardware),
        coverage=Coverage(tuple(rows)),
        name=name,
    )


def _encode(
    model: nn.Module,
    path: str,
    module: nn.Module,
    matrix: Matrix,
    hardware: Hardware,
    macs: int | None,
) -> MappedLayer:
    weight = weight_of(module, matrix)
    encoded = hardware.mapping.encode(
        weight.detach().numpy(), hardware.device, output_axis=matrix.output_axis
    )
    hardware.device.check_conductance(encoded.g_target_uS)
    return MappedLayer(
        name=layer_name(path, matrix),
        parameter=f"{path}.{matrix.parameter}" if path else matrix.parameter,
        matrix=matrix,
        shape=tuple(weight.shape),
        encoded=encoded,
        macs=macs,
    )


def _stored(
    model: nn.Module, layers: tuple[MappedLayer, ...], hardware: Hardware
) -> dict[str, Encoded]:
    """Return the encoding of parameters that are no matrices, where the mapping stores them."""
    if not hardware.mapping.stores_all_parameters:
        return {}
    taken = {layer.parameter for layer in layers}
    return {
        name: hardware.mapping.encode(parameter.detach().numpy(), hardware.device)
        for name, parameter in model.named_parameters()
        if name not in taken
    }


def _digital_rows(
    path: str, module: nn.Module, mapped: set[str], *, kept: bool
) -> list[CoverageRow]:
    """Return what of a module (not of its children) stayed digital."""
    own = {n: p for n, p in module.named_parameters(recurse=False) if n not in mapped}
    kind = type(module).__name__
    if not own:
        is_leaf = not any(True for _ in module.children())
        if not is_leaf or mapped:
            return []
        return [CoverageRow(path or kind, kind, "digital", 0, 0, "no weights")]
    if mapped:
        return [
            CoverageRow(f"{path}.{n}".lstrip("."), kind, "digital", p.numel(), 0, "added digitally")
            for n, p in own.items()
        ]
    reason = next((why for cls, why in _REASONS if isinstance(module, cls)), _NO_PRODUCT)
    reason = "kept digital on request" if kept else reason
    count = sum(p.numel() for p in own.values())
    return [CoverageRow(path or kind, kind, "digital", count, None if kept else 0, reason)]
