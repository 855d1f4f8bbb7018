"""Writing a network as ONNX, after proving that it computes what mho computes."""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torch import Tensor

import mho
from mho.deploy.onnx.graph import TimedNetwork, times_to_prove
from mho.errors import ConfigError, MissingDependencyError, ModelError
from mho.files import atomic_path, writable_file
from mho.network.applied import Attachment
from mho.network.call import Inputs, call
from mho.network.chip import Chip
from mho.network.mapped import MappedNetwork
from mho.network.snapshot import Snapshot
from mho.recover.veraplus.attachment import VeraBranch
from mho.rng import Streams
from mho.units import Time, seconds

if TYPE_CHECKING:
    from onnx import ModelProto

TIME: Final = "t_s"
"""Name of the input that takes the time since programming in s."""
CELLS: Final = "crossbar/"
"""Crossbar weights are called ``crossbar/LAYER``."""
_STATIC: Final = ("sparse-branch", "tuned", "rewritten-cells")
"""Recoveries that are the same at any time once a chip has them."""
_TOLERANCE: Final = 1e-4
_OPSET: Final = 20


def export_onnx(
    target: MappedNetwork | Chip,
    path: str | os.PathLike[str],
    *,
    cells: Time | None = None,
    example: Inputs | None = None,
) -> Path:
    """Write a network or chip as one ONNX graph with the inputs ``x`` and ``t_s``.

    Use it to hand a compensated network to a device's own runtime: the graph holds the vectors of
    all drift levels and picks those in force at ``t_s`` (seconds since programming, a float64
    scalar) inside. The analogue products are ordinary nodes whose weights are called
    ``crossbar/LAYER``: the graph runs with those of the chip, and whoever has other ones (the
    device itself, a chip at another time) feeds them as overridable initialisers. SRAM branches
    and VeRA+ run beside these nodes.

    Before anything is written the graph is run by onnxruntime and must agree with mho within
    ``1e-4`` of the largest logit, before, between, at and after the sets' starts.

    Args:
        target: A network: its cells are then as wanted, without any error. Or a chip: its cells are
            as they are at ``cells``.
        path: The file, ``….onnx``; replaced where it exists.
        cells: When a chip's cells are looked at; the device's reference time by default.
        example: A batch, where the network is not one of ``mho.zoo``. A dictionary gives one input
            of the graph for each of its names, in place of ``x``.

    Returns:
        The file.

    Raises:
        ConfigError: The hardware has converters, or a recovery works on the chip while it is used.
        ModelError: There is no example, or the network has something that ONNX cannot express.
        MissingDependencyError: ``mho[onnx]`` is not installed.
        StoreError: The file cannot be written.

    Example:
        >>> import mho, pathlib, tempfile
        >>> network = mho.map_network(mho.zoo.build("lenet5"), mho.Hardware(device="falcone2025"))
        >>> file = mho.export_onnx(network.program(7), pathlib.Path(tempfile.mkdtemp()) / "c.onnx")
        >>> import onnxruntime
        >>> [i.name for i in onnxruntime.InferenceSession(file).get_inputs()]
        ['x', 't_s']
    """
    _check_installed()
    file = writable_file(Path(path))
    network = target.network if isinstance(target, Chip) else target
    inputs = _example(network, example)
    snapshot, timed = _at_rest(target, cells)
    names = tuple(inputs) if isinstance(inputs, Mapping) else None
    graph = TimedNetwork(network, snapshot, timed, names).eval()
    arguments = tuple(inputs.values()) if isinstance(inputs, Mapping) else (inputs,)
    model = _lowered(graph, arguments, names or ("x",))
    _expose_cells(model, graph.crossbars)
    _describe(model, target, network, timed)
    content = model.SerializeToString()
    _prove(content, network, snapshot, timed, inputs)
    with atomic_path(file) as temporary:
        Path(temporary).write_bytes(content)
    return file


def _check_installed() -> None:
    missing = [name for name in ("onnx", "onnxscript", "onnxruntime") if not find_spec(name)]
    if missing:
        raise MissingDependencyError(
            f"ONNX export needs {' and '.join(missing)}, which is not installed; run: "
            "pip install 'mho[onnx]'"
        )


def _example(network: MappedNetwork, example: Inputs | None) -> Inputs:
    """Return two examples: of one alone the exporter would take the batch for a constant."""
    if isinstance(example, Mapping):
        return {name: _two(value) for name, value in example.items()}
    if example is not None:
        return _two(example)
    shape = getattr(network.model, "example_shape", None)
    if shape is None:
        raise ModelError(
            f"'{network.name}' does not say what its inputs look like; hand one over: "
            "export_onnx(…, example=x)."
        )
    return torch.from_numpy(Streams(0, "onnx-example").normal((2, *shape), "x"))


def _two(value: Tensor) -> Tensor:
    return torch.cat([value, value])[:2].contiguous()


def _at_rest(
    target: MappedNetwork | Chip, cells: Time | None
) -> tuple[Snapshot, VeraBranch | None]:
    """Return cells and everything that does not depend on the time of use, and what does."""
    network = target.network if isinstance(target, Chip) else target
    _check_periphery(network)
    if isinstance(target, Chip):
        at_s = network.hardware.device.t0_s if cells is None else seconds(cells)
        snapshot = network.draw([at_s], target.streams, read=0)[0]
        attached = target.attachments
    else:
        if cells is not None:
            raise ConfigError(
                "cells say when a chip's cells are looked at, and a network has none of its own; "
                "export network.program(seed), or leave cells out for the wanted weights."
            )
        snapshot = _wanted(network)
        attached = tuple(a.attachment for a in target.applied if a.attachment is not None)
    timed = [a for a in attached if isinstance(a, VeraBranch)]
    if len(timed) > 1:
        raise ConfigError("one graph takes one VeRA+ schedule; this chip went through several.")
    chip = target if isinstance(target, Chip) else Chip(network, 0)
    for attachment in attached:
        if not isinstance(attachment, VeraBranch):
            _check_static(attachment)
            snapshot = attachment.apply(snapshot, chip)
    return snapshot, timed[0] if timed else None


def _check_periphery(network: MappedNetwork) -> None:
    if not network.hardware.ideal_periphery:
        raise ConfigError(
            "an ONNX graph has no converters, wires or read noise; export the network on ideal "
            "periphery: network.with_hardware(mho.Hardware(device=…, mapping=…)), then the "
            "recoveries."
        )


def _check_static(attachment: Attachment) -> None:
    if attachment.kind == "self-fitting":
        raise ConfigError(
            "every chip of this network fits itself, so there is no one graph for all of them; "
            "export a chip: export_onnx(network.program(seed), …)."
        )
    if attachment.kind not in _STATIC:
        raise ConfigError(
            f"recovery '{attachment.kind}' works on the chip while it is used, or has vectors that "
            "the graph cannot pick; export what came before it. Exportable are vera-branch, "
            f"{', '.join(_STATIC)}."
        )


def _wanted(network: MappedNetwork) -> Snapshot:
    """Return the network as it would be if every cell were what was wanted."""

    def exact(encoded: Any) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(encoded.decode(encoded.g_target_uS)))

    return Snapshot(
        t_s=network.hardware.device.t0_s,
        crossbar={layer.name: exact(layer.encoded) for layer in network.layers},
        parameters={name: exact(encoded) for name, encoded in network.stored.items()},
    )


def _lowered(graph: TimedNetwork, inputs: tuple[Tensor, ...], names: tuple[str, ...]) -> ModelProto:
    """Return the graph in ONNX, its batch of any size."""
    batch = torch.export.Dim("batch")
    shapes = (*({0: batch} for _ in inputs), None)
    arguments = (*inputs, torch.tensor(1.0, dtype=torch.float64))
    try:
        with _quiet(), torch.no_grad():
            program = torch.onnx.export(
                graph,
                arguments,
                dynamo=True,
                opset_version=_OPSET,
                input_names=[*names, TIME],
                output_names=["logits"],
                dynamic_shapes=(shapes,),
                optimize=False,
                verbose=False,
            )
    except Exception as error:  # noqa: BLE001 - whatever an exporter meets in a foreign network
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(
            f"'{type(graph.network).__name__}' has something that ONNX cannot express: {reason}"
        ) from None
    assert program is not None
    proto: ModelProto = program.model_proto
    return proto


def _expose_cells(model: ModelProto, crossbars: Mapping[str, str]) -> None:
    """Rename the crossbar weights, and list them as inputs with a default: whoever has others."""
    from onnx import helper

    called = {name: f"{CELLS}{layer}" for layer, name in crossbars.items()}
    for tensor in model.graph.initializer:
        if tensor.name in called:
            tensor.name = called[tensor.name]
            kind = helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
            model.graph.input.append(kind)
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            if name in called:
                node.input[place] = called[name]
    kept = [info for info in model.graph.value_info if info.name not in called]
    del model.graph.value_info[:]
    model.graph.value_info.extend(kept)


def _describe(
    model: ModelProto,
    target: MappedNetwork | Chip,
    network: MappedNetwork,
    timed: VeraBranch | None,
) -> None:
    """Say in the file where it comes from."""
    facts = {
        "mho": mho.__version__,
        "network": network.name,
        "network_digest": network.digest,
        "device": network.hardware.device.name,
        "chip": str(target.seed) if isinstance(target, Chip) else "none: wanted weights",
        "schedule": "none" if timed is None else json.dumps(timed.schedule.to_dict()),
    }
    model.producer_name = "mho"
    model.producer_version = mho.__version__
    del model.metadata_props[:]
    for key, value in facts.items():
        model.metadata_props.add(key=key, value=value)


def _prove(
    content: bytes,
    network: MappedNetwork,
    snapshot: Snapshot,
    timed: VeraBranch | None,
    inputs: Inputs,
) -> None:
    """Run the graph before, at, between and after the sets' starts, and compare with ours.

    Raises:
        ModelError: It computes something else.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    named = dict(inputs) if isinstance(inputs, Mapping) else {"x": inputs}
    feeds = {name: value.numpy() for name, value in named.items()}
    for t_s in times_to_prove(timed):
        now = snapshot if timed is None else snapshot.add_digital(timed.weights_at(t_s))
        with torch.inference_mode():
            expected = call(network.realise(replace(now, t_s=t_s)).model, inputs).numpy()
        found = session.run(None, {**feeds, TIME: np.array(t_s)})[0]
        error = float(np.abs(found - expected).max())
        if not error <= _TOLERANCE * max(1.0, float(np.abs(expected).max())):
            raise ModelError(
                f"the ONNX graph differs from mho's logits by {error:.2g} at t_s = {t_s:g}; a "
                "layer of this network does more than its kind tells. Keep that layer digital: "
                "map_network(…, digital=[…])."
            )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's remarks about other people's packages to itself."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
