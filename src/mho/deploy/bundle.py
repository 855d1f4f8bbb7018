"""Saving a network or chip as a bundle, and loading it back to the same logits."""

from __future__ import annotations

import copy
import datetime
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import mho
from mho import zoo
from mho.crossbar.hardware import Hardware
from mho.deploy.folder import read_folder, shortened, write_folder
from mho.deploy.manifest import (
    FORMAT,
    AppliedEntry,
    Architecture,
    AttachmentEntry,
    ChipEntry,
    CrossbarEntry,
    Manifest,
    RangeEntry,
)
from mho.errors import BundleError, ConfigError, MhoError, ModelError
from mho.network.applied import Additions, Applied, Attachment, Knowledge
from mho.network.chip import Chip
from mho.network.layer import MappedLayer
from mho.network.map_network import map_network
from mho.network.mapped import MappedNetwork
from mho.network.programmed import ProgrammedNetwork
from mho.network.ranges import LayerRange
from mho.recover.attachments import restore
from mho.units import Time


@dataclass(frozen=True, eq=False)
class Bundle:
    """A loaded bundle.

    Attributes:
        network: The mapped network with its recoveries.
        manifest: What the bundle says of itself.
    """

    network: MappedNetwork
    manifest: Manifest
    _chip: Chip | None = None

    def chip(self, seed: int | None = None) -> Chip:
        """Return a chip: the one that was saved, or number ``seed`` of the network.

        Raises:
            ConfigError: The bundle is of one chip and another was asked for.
        """
        if self._chip is None:
            return self.network.program(seed or 0)
        if seed is not None and seed != self._chip.seed:
            raise ConfigError(
                f"this bundle is of chip {self._chip.seed} alone, which has recoveries of its own; "
                f"got seed {seed}. Save the network instead of the chip to program others."
            )
        return self._chip

    def at(self, time: Time, *, chip: int | None = None, read: int = 0) -> ProgrammedNetwork:
        """Return the network as the chip computes it at a time, e.g. ``bundle.at("1 y")(x)``.

        Raises:
            BundleError: A recovery in the bundle does not fit its network.
            OutOfRangeError: The device law says nothing about that time.
        """
        with refused("a recovery in this bundle"):
            return self.chip(chip).at(time, read=read)


def save_bundle(
    target: MappedNetwork | Chip, folder: str | os.PathLike[str], *, overwrite: bool = False
) -> Path:
    """Save a network or one chip, with its recoveries, as a folder that a device would load.

    The folder holds target levels per cell (by crossbar), scales, digital parameters, SRAM
    positions and words, vectors and schedule, in safetensors and JSON with checksums: no pickle.

    Args:
        target: A mapped network, or a chip with what it learned for itself.
        folder: A folder that does not exist yet.
        overwrite: Replace a bundle that is there.

    Returns:
        The folder.

    Raises:
        StoreError: The folder exists or cannot be written; nothing is left half written.

    Example:
        >>> import mho, tempfile, torch, pathlib
        >>> network = mho.map_network(mho.zoo.build("lenet5"), mho.Hardware(device="falcone2025"))
        >>> folder = mho.save_bundle(network, pathlib.Path(tempfile.mkdtemp()) / "edge-model")
        >>> x = torch.zeros(1, 1, 28, 28)
        >>> bool((mho.load_bundle(folder).at("1 y")(x) == network.program(0).at("1 y")(x)).all())
        True
    """
    network = target.network if isinstance(target, Chip) else target
    tensors = {f"model/{name}": t for name, t in network.model.state_dict().items()}
    entries = []
    for layer in network.layers:
        entry, cells = _crossbar_entry(network, layer)
        tensors[entry.cells] = cells
        entries.append(entry)
    applied, learned = _applied_entries(target)
    manifest = Manifest(
        format=FORMAT,
        mho=mho.__version__,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        name=network.name,
        digest=network.digest,
        architecture=_architecture(network.model),
        hardware=network.hardware.model_dump(mode="json"),
        digital=_kept_digital(network),
        layers=tuple(entries),
        applied=applied,
        chip=ChipEntry(seed=target.seed, scope=target.scope) if isinstance(target, Chip) else None,
    )
    return write_folder(Path(folder), manifest, {**tensors, **learned}, overwrite=overwrite)


def load_bundle(folder: str | os.PathLike[str], model: nn.Module | None = None) -> Bundle:
    """Load a bundle: checked first, then rebuilt to the same chip and the same logits.

    Args:
        folder: The folder that :func:`save_bundle` wrote.
        model: The network's architecture, where it is not one of ``mho.zoo`` (weights are taken
            from the bundle).

    Raises:
        BundleError: A file is missing, truncated or edited, the format is unknown, or the
            architecture does not fit.
    """
    path = Path(folder)
    manifest, tensors = read_folder(path)
    with refused(f"'{path}'"):
        network = _network(manifest, tensors, model, path)
        applied = tuple(_applied(entry, tensors, path) for entry in manifest.applied)
        if manifest.chip is None:
            return Bundle(replace(network, applied=applied), manifest)
        chip = Chip(network, manifest.chip.seed, scope=manifest.chip.scope)
        for entry in applied:
            chip = chip.with_applied(entry)
        return Bundle(network, manifest, chip)


@contextmanager
def refused(what: str) -> Iterator[None]:
    """Turn whatever invented content stumbles over into one sentence.

    Args:
        what: Subject of the sentence.

    Raises:
        BundleError: In place of any error that is not one of mho's own.
    """
    try:
        yield
    except MhoError as error:
        if shortened(error) == str(error):
            raise
        raise BundleError(shortened(error)) from None
    except Exception as error:  # noqa: BLE001 - a bundle may say anything that JSON can
        reason = str(error).strip().splitlines()[0][:300] if str(error).strip() else ""
        raise BundleError(
            f"{what} holds what mho never saved ({type(error).__name__}: {reason}). Save it anew."
        ) from None


def _architecture(model: nn.Module) -> Architecture:
    recipe = zoo.recipe_of(model)
    name, settings = recipe if recipe else (None, {})
    return Architecture(zoo=name, settings=settings, class_name=type(model).__name__)


def _kept_digital(network: MappedNetwork) -> tuple[str, ...]:
    """Return the modules that could have been mapped and were kept digital on request."""
    rows = network.coverage.rows
    return tuple(r.layer for r in rows if r.reason == "kept digital on request")


def _crossbar_entry(network: MappedNetwork, layer: MappedLayer) -> tuple[CrossbarEntry, Tensor]:
    device = network.hardware.device
    grid, found = network.grid(layer), network.ranges.get(layer.name)
    states = device.levels.positions(device.window)
    g = layer.encoded.g_target_uS
    coded = states is not None and states.size <= 256
    if coded and states is not None:
        index = np.abs(g[..., None] - states.astype(np.float32)).argmin(-1)
        coded = bool(np.allclose(states[index], g, atol=1e-3 * (states[1] - states[0])))
        cells = torch.from_numpy(index.astype(np.uint8))
    if not coded:
        cells = torch.from_numpy(np.ascontiguousarray(g))
    return CrossbarEntry(
        layer=layer.name,
        parameter=layer.parameter,
        kind=layer.kind,
        shape=layer.shape,
        rows=layer.rows,
        cols=layer.cols,
        groups=layer.groups,
        output_axis=layer.matrix.output_axis,
        tiles=(grid.down, grid.across),
        coding="level" if coded else "conductance-uS",
        cells=f"cells/{layer.name}",
        range=None if found is None else RangeEntry(**asdict(found)),
    ), cells


def _applied_entries(
    target: MappedNetwork | Chip,
) -> tuple[tuple[AppliedEntry, ...], dict[str, Tensor]]:
    """Return the recoveries as entries and tensors; a chip's are those worked out for itself."""
    prepared = iter(target.attachments) if isinstance(target, Chip) else None
    entries, tensors = [], {}
    for i, applied in enumerate(target.applied):
        attachment = applied.attachment
        if attachment is not None and prepared is not None:
            attachment = next(prepared)
        entry = None
        if attachment is not None:
            learned = {f"applied/{i}/{name}": t for name, t in attachment.tensors().items()}
            tensors.update(learned)
            entry = AttachmentEntry(
                kind=attachment.kind,
                settings=attachment.settings(),
                tensors={name.split("/", 2)[2]: name for name in learned},
            )
        entries.append(
            AppliedEntry(
                method=applied.method,
                settings=dict(applied.settings),
                knows=asdict(applied.knows),
                adds=asdict(applied.adds),
                report=dict(applied.report),
                attachment=entry,
            )
        )
    return tuple(entries), tensors


def _network(
    manifest: Manifest, tensors: Mapping[str, Tensor], model: nn.Module | None, path: Path
) -> MappedNetwork:
    """Rebuild the mapped network and prove that it maps to the cells in the bundle."""
    state = {n.removeprefix("model/"): t for n, t in tensors.items() if n.startswith("model/")}
    if model is None:
        if manifest.architecture.zoo is None:
            raise BundleError(
                f"'{path}' holds a {manifest.architecture.class_name}, which is not a network of "
                "mho.zoo; hand its architecture over: load_bundle(folder, model=…)."
            )
        model = _built(manifest.architecture.zoo, manifest.architecture.settings, state, path)
    model = copy.deepcopy(model)
    try:
        model.load_state_dict(state)
        hardware = Hardware.parse(manifest.hardware, where=f"'{path}', hardware")
        network = map_network(model, hardware, manifest.digital, name=manifest.name)
        found = {e.layer: e.range for e in manifest.layers if e.range is not None}
        ranges = {layer: LayerRange(**entry.model_dump()) for layer, entry in found.items()}
        network = replace(network, ranges=ranges)
    except (RuntimeError, ConfigError, ModelError) as error:
        reason = str(error).splitlines()[0]
        raise BundleError(f"'{path}' does not fit its architecture: {reason}") from None
    for layer, entry in zip(network.layers, manifest.layers, strict=False):
        fresh, cells = _crossbar_entry(network, layer)
        stored = tensors.get(entry.cells)
        if fresh != entry or stored is None or not torch.equal(stored, cells):
            raise BundleError(
                f"'{path}': the cells of layer '{entry.layer}' are not those that its weights map "
                "to; the bundle was put together from different networks. Save it anew."
            )
    if len(network.layers) != len(manifest.layers):
        raise BundleError(
            f"'{path}' lists {len(manifest.layers)} layers on crossbars; its architecture has "
            f"{len(network.layers)}. Save it anew."
        )
    return network


def _built(
    name: str, settings: Mapping[str, Any], state: Mapping[str, Tensor], path: Path
) -> nn.Module:
    """Build a network of the zoo, once its sizes without any memory are those of the weights."""
    if name == zoo.TRANSFORMER:  # made from files elsewhere, which a bundle must not choose
        raise BundleError(
            f"'{path}' names a network that is made from other files ('{name}'); hand its "
            "architecture over: load_bundle(folder, model=…)."
        )
    with torch.device("meta"):
        sizes = {k: v.shape for k, v in zoo.shell(name, **settings).state_dict().items()}
    if sizes != {k: v.shape for k, v in state.items()}:
        raise BundleError(
            f"'{path}' does not fit its architecture: '{name}' with {dict(settings)} has weights "
            "of other sizes than the bundle. Save it anew."
        )
    return zoo.build(name, **settings)


def _applied(entry: AppliedEntry, tensors: Mapping[str, Tensor], path: Path) -> Applied:
    attachment: Attachment | None = None
    if entry.attachment is not None:
        missing = [n for n in entry.attachment.tensors.values() if n not in tensors]
        if missing:
            raise BundleError(f"'{path}' lacks the tensor '{missing[0]}'. Save it anew.")
        learned = {name: tensors[at] for name, at in entry.attachment.tensors.items()}
        attachment = restore(entry.attachment.kind, entry.attachment.settings, learned)
    try:
        knows, adds = Knowledge(**entry.knows), Additions(**entry.adds)
    except TypeError as error:
        raise BundleError(f"'{path}', recovery '{entry.method}': {error}. Save it anew.") from None
    return Applied(entry.method, entry.settings, knows, adds, attachment, entry.report)
